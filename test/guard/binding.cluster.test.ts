/** The gate at the binding with a real API server, a real scheduler and the real webhook: no Pod of a protected namespace comes to a blind node. */
import { setTimeout as sleep } from 'node:timers/promises'
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

  await t.test('a Pod that names its node itself passes no binding, and is judged when it is made', async (t) => {
    await lab.ids('n1', false)
    const named = await lab.pod('shop', 'named', { nodeName: 'n1' })
    t.equal(named.status, 403)
    t.match(
      JSON.parse(named.body).message,
      `Pod shop/named is refused: it names its node itself (spec.nodeName)
node n1 is blind: its IDS Pod ids-n1 is not Ready`,
    )
    t.equal((await lab.pod('plain', 'named', { nodeName: 'n1' })).status, 201)
    const { stderr } = await lab.cluster.kubectl(['-n', 'shop', 'create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'named' },
        spec: {
          selector: { matchLabels: { app: 'x' } },
          template: {
            metadata: { labels: { app: 'x' } },
            spec: { nodeName: 'n1', containers: [{ name: 'x', image: 'registry.local/app:1' }] },
          },
        },
      }),
    })
    t.match(stderr, 'Warning: Pod shop/named-… is refused: it names its node itself (spec.nodeName): node n1 is blind')
    await lab.ids('n1', true)
    t.equal((await lab.pod('shop', 'named', { nodeName: 'n1' })).status, 201)
  })

  await t.test('Pods are held to the nodes of sekisho.dev/node-selector', async (t) => {
    await lab.addNode('db1', { pool: 'db' })
    await lab.ids('db1', true)
    await lab.namespace('held', PROTECTED, { 'sekisho.dev/node-selector': 'pool=db' })
    const made = await lab.pod('held', 'db')
    t.same(JSON.parse(made.body).spec.nodeSelector, { pool: 'db' })
    t.equal(await lab.bound('held', 'db'), 'db1')
    const other = await lab.pod('held', 'web', { nodeSelector: { pool: 'web' } })
    t.equal(other.status, 403)
    t.match(other.body, 'its nodeSelector has pool: web')
    t.equal((await lab.pod('held', 'away', { schedulerName: 'nobody' })).status, 201)
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'away' },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    }
    const away = await lab.cluster.api('POST', '/api/v1/namespaces/held/pods/away/binding', binding)
    t.equal(away.status, 403)
    t.match(away.body, 'node n1 has no label pool=db, to which namespace held is held')
    const named = await lab.pod('held', 'named', { nodeName: 'n1', nodeSelector: { pool: 'db' } })
    t.match(named, { status: 403, body: /node n1 has no label pool=db/ })
  })

  await t.test('a broken glass lets Pods come to a blind node, loudly, until it ends', async (t) => {
    await lab.ids('n1', false)
    await lab.ids('db1', false)
    await lab.pod('shop', 'urgent')
    await lab.told('shop', 'urgent', 'is blind')
    const glass = (ms: number) => JSON.stringify({ why: 'fire', until: new Date(Date.now() + ms).toISOString() })
    const annotate = (value: string, as: string[] = []) =>
      lab.cluster.kubectl(['annotate', 'namespace', 'shop', '--overwrite', `sekisho.dev/break-glass=${value}`, ...as])
    t.match(await annotate(glass(25 * 3_600_000)), { code: 1, stderr: /"until" is more than 24 h ahead/ })
    await lab.cluster.kubectlOk(['create', 'clusterrole', 'ns', '--verb=get,patch,update', '--resource=namespaces'])
    await lab.cluster.kubectlOk(['create', 'clusterrolebinding', 'jane', '--clusterrole=ns', '--user=jane'])
    t.match(await annotate(glass(60_000), ['--as=jane']), { code: 1, stderr: /jane has no right to/ })
    const opened = await annotate(glass(20_000))
    t.match(opened, { code: 0, stderr: /Warning: namespace shop: sekisho.dev\/break-glass holds until/ })
    t.not(await lab.bound('shop', 'urgent'), '')
    const toleration = { tolerations: [{ key: 'sekisho.dev/ids-not-ready', operator: 'Exists' }] }
    const pod = { metadata: { name: 'tolerant' }, spec: { containers: [{ name: 'x', image: 'x:1' }], ...toleration } }
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod })
    const tolerant = await lab.cluster.kubectl(['-n', 'shop', 'create', '-f', '-'], { input })
    t.match(tolerant, { code: 0, stderr: /Warning: namespace shop: sekisho.dev\/break-glass holds until .* \(fire\)/ })
    t.match(await lab.pod('shop', 'host', { hostNetwork: true }), { status: 403, body: /it uses hostNetwork/ })
    await sleep(21_000)
    await lab.pod('shop', 'late')
    await lab.told('shop', 'late', 'is blind')
    t.match(await lab.pod('shop', 'late-tolerant', toleration), { status: 403 })
    await lab.ids('n1', true)
    await lab.ids('db1', true)
    await lab.bound('shop', 'late')
  })

  await t.test('audit refuses nothing, tells, and counts', async (t) => {
    await lab.ids('n1', false)
    await lab.ids('db1', false)
    await lab.namespace('trial', { 'sekisho.dev/protected': 'audit' }, { 'sekisho.dev/node-selector': 'pool=none' })
    t.equal((await lab.pod('trial', 'free')).status, 201)
    t.not(await lab.bound('trial', 'free'), '')
    const metrics = await (await fetch(`http://127.0.0.1:${lab.webhook.healthPort}/metrics`)).text()
    const counted = (resource: string, reason: string) =>
      Number(
        new RegExp(`would_refuse_total\\{resource="${resource}",reason="${reason}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0,
      )
    t.equal(counted('pods/binding', 'NodeBlind'), 1)
    t.equal(counted('pods/binding', 'NodeNotSelected'), 1)
    t.ok(counted('namespaces', 'NoNodesSelected') >= 1)
    await lab.ids('n1', true)
    await lab.ids('db1', true)
  })

  await t.test('without a webhook protected namespaces wait, and no others', async (t) => {
    await lab.pod('shop', 'before', { schedulerName: 'nobody' })
    // It is there; this makes its service account.
    await lab.cluster.createNamespace('kube-system')
    await lab.stopWebhook()
    t.equal((await lab.pod('plain', 'free')).status, 201)
    t.equal((await lab.pod('kube-system', 'system')).status, 201)
    t.not(await lab.bound('plain', 'free'), '')
    t.not(await lab.bound('kube-system', 'system'), '')
    const target = { apiVersion: 'v1', kind: 'Node', name: 'n1' }
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'before' }, target }
    const answer = await lab.cluster.api('POST', '/api/v1/namespaces/shop/pods/before/binding', binding)
    t.equal(answer.status, 500)
    t.match(answer.body, 'failed calling webhook')
    await aWhile()
    t.equal(await lab.nodeOf('shop', 'before'), '')
  })
})
