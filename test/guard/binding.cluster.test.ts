/** The gate at the binding with a real API server, a real scheduler and the real webhook: no Pod of a protected namespace comes to a blind node. */
import t from 'tap'
import { aWhile, bindingLab, REPORT } from './binding-lab.ts'

const PROTECTED = { 'sekisho.dev/protected': 'true' }

t.test('the gate at the binding', async (t) => {
  const lab = await bindingLab(t)
  await lab.addNode('n1')
  await lab.ids('n1', true)
  await lab.namespace('shop', PROTECTED)
  await lab.namespace('plain', {})

  await t.test('a Pod waits for its node, says why, and is bound by itself once the node is covered', async (t) => {
    await lab.ids('n1', false)
    t.equal((await lab.pod('shop', 'waits')).status, 201)
    t.equal((await lab.pod('plain', 'other')).status, 201)
    const said = await lab.told('shop', 'waits', 'bindings.sekisho.dev')
    t.match(
      said,
      'admission webhook "bindings.sekisho.dev" denied the request: node n1 is blind: its IDS Pod ids-n1 is not Ready',
    )
    t.match(said, 'to mend: kubectl -n sekisho-node describe pod ids-n1')
    t.equal(await lab.nodeOf('shop', 'waits'), '')
    t.equal(await lab.bound('plain', 'other'), 'n1', 'whoever is not protected does not wait')
    await lab.ids('n1', true)
    t.equal(await lab.bound('shop', 'waits'), 'n1')
  })

  await t.test('what the agent says on the Lease counts, if it is the agent of that Pod', async (t) => {
    const blind = {
      ...REPORT,
      ready: false,
      check: 'CanaryLost',
      detail: 'no alert for the canary on cni0 for 72 s (limit 65 s)',
    }
    await lab.lease('n1', blind)
    await lab.pod('shop', 'by-lease')
    const said = await lab.told('shop', 'by-lease', 'denied the request')
    t.match(
      said,
      'node n1 is blind: its IDS Pod ids-n1 says that it does not see: no alert for the canary on cni0 for 72 s (limit 65 s) (CanaryLost)',
    )
    await lab.lease('n1', blind, 'ids-n1-before')
    t.equal(await lab.bound('shop', 'by-lease'), 'n1', 'the word of another Pod says nothing')
    await lab.lease('n1', REPORT)
  })

  await t.test('the older way to write a Binding passes the same gate', async (t) => {
    await lab.ids('n1', false)
    await lab.pod('shop', 'by-hand', { schedulerName: 'nobody' })
    const target = { apiVersion: 'v1', kind: 'Node', name: 'n1' }
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'by-hand' }, target }
    const old = await lab.cluster.api('POST', '/api/v1/namespaces/shop/bindings', binding)
    t.equal(old.status, 403)
    t.match(old.body, 'node n1 is blind')
    const now = await lab.cluster.api('POST', '/api/v1/namespaces/shop/pods/by-hand/binding', binding)
    t.equal(now.status, 403)
    await lab.ids('n1', true)
    const annotated = { ...binding, metadata: { name: 'by-hand', annotations: { 'sekisho.dev/status': '{}' } } }
    const keys = await lab.cluster.api('POST', '/api/v1/namespaces/shop/pods/by-hand/binding', annotated)
    t.equal(keys.status, 403)
    t.match(keys.body, 'the Binding would write sekisho.dev/status onto the Pod')
    t.equal((await lab.cluster.api('POST', '/api/v1/namespaces/shop/bindings', binding)).status, 201)
  })

  await t.test('without a webhook protected namespaces wait, and no others', async (t) => {
    await lab.pod('shop', 'before', { schedulerName: 'nobody' })
    // It is there; this makes its service account.
    await lab.cluster.createNamespace('kube-system')
    await lab.stopWebhook()
    t.equal((await lab.pod('plain', 'free')).status, 201)
    t.equal((await lab.pod('kube-system', 'system')).status, 201)
    t.equal(await lab.bound('plain', 'free'), 'n1')
    t.equal(await lab.bound('kube-system', 'system'), 'n1')
    const target = { apiVersion: 'v1', kind: 'Node', name: 'n1' }
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'before' }, target }
    const answer = await lab.cluster.api('POST', '/api/v1/namespaces/shop/pods/before/binding', binding)
    t.equal(answer.status, 500)
    t.match(answer.body, 'failed calling webhook')
    await aWhile()
    t.equal(await lab.nodeOf('shop', 'before'), '')
  })
})
