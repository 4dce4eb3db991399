/** `sekisho guard` on a real API server: a node whose IDS is not Ready is tainted, and the taint goes when it is. */
import t from 'tap'
import { lab, until } from '../../cluster-cache/lab.ts'
import { handsOn, TAINT } from './lab.ts'
import { dryRun, startGuard } from './process.ts'

const OTHER = { key: 'example.com/other', value: 'x', effect: 'NoSchedule' }

t.test('sekisho guard', async (t) => {
  const { cluster, client } = await lab(t, { name: 'guard-taints' })
  const hands = await handsOn(cluster, client)
  await hands.addNode('a')
  await hands.addNode('b', {}, [OTHER])
  await hands.addPod('a', true)
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true' })
  await t.test('--dry-run prints what it would write, and writes nothing', async (t) => {
    const text = await dryRun(cluster.kubeconfig, t.testdir())
    t.match(text, /^node b: would be tainted \(IdsNoPod\): no Pod of the IDS.*\n/)
    t.match(text, /\nnamespace shop: Covered False \(NodesNotCovered\): 1 of the 2 nodes .*\n$/)
    const json = JSON.parse(await dryRun(cluster.kubeconfig, t.testdir(), '--output', 'json'))
    t.match(json, {
      nodes: [{ node: 'b', taint: 'on', reason: 'IdsNoPod' }],
      namespaces: [{ namespace: 'shop', condition: { status: 'False' } }],
      counts: { drift: 1 },
    })
    t.same(await hands.taints('b'), ['example.com/other=x:NoSchedule'])
    t.equal(await hands.condition('shop'), undefined)
    t.same(await hands.events('shop'), [])
    const leases = '/apis/coordination.k8s.io/v1/namespaces/sekisho-system/leases'
    t.same((await client.request<{ items: unknown[] }>('GET', leases)).items, [], 'and takes no Lease')
  })

  const guard = startGuard({ kubeconfig: cluster.kubeconfig, work: t.testdir(), more: { taint: { settleSeconds: 1 } } })
  t.teardown(() => guard.stop('SIGKILL'))

  t.test('taints a node without an IDS, and leaves what others put there', async (t) => {
    await hands.tainted('b')
    t.same(await hands.taints('b'), ['example.com/other=x:NoSchedule', TAINT])
    t.same(await hands.taints('a'), [])
    const told = await guard.found('NodeBlind', 'tainted')
    t.match(told, { id: 'guard/NodeBlind/b', source: 'guard', subject: { node: 'b' }, why: /no Pod of the IDS/ })
  })

  t.test('tells the namespace', async (t) => {
    const is = await until(
      'a condition',
      () => hands.condition('shop'),
      (one) => one?.['status'] === 'False',
    )
    t.match(is, {
      type: 'Covered',
      reason: 'NodesNotCovered',
      message: /1 of the 2 nodes .* is blind: node b: no Pod of the IDS/,
    })
    const told = await until(
      'an Event',
      () => hands.events('shop'),
      (all) => all.some(({ reason }) => reason === 'Uncovered'),
    )
    t.match(
      told.find(({ reason }) => reason === 'Uncovered'),
      { involvedObject: { kind: 'Namespace', name: 'shop' } },
    )
    await until(
      'an Event of the node',
      () => hands.events('default'),
      (all) => all.some(({ reason }) => reason === 'IdsNotReady'),
    )
  })

  t.test('tells a namespace in audit what would be, as an Event and a metric and no finding', async (t) => {
    await cluster.createNamespace('trial', { 'sekisho.dev/protected': 'audit' })
    const events = await until(
      'an Event of the trial',
      () => hands.events('trial'),
      (all) => all.length > 0,
    )
    t.match(events, [{ reason: 'WouldBeUncovered', message: /node b: no Pod of the IDS/ }])
    await until(
      'a metric',
      () => guard.metrics(),
      (text) => /sekisho_guard_namespaces\{protection="audit",status="False"\} 1/.test(text),
    )
    t.match(await hands.condition('trial'), { status: 'False' })
    t.notOk(guard.lines.some(({ finding }) => finding?.subject.namespace === 'trial'))
    // Protected in earnest it is one, although its condition stays as it was.
    await hands.patchNamespace('trial', { metadata: { labels: { 'sekisho.dev/protected': 'true' } } })
    await until(
      'a finding of the trial',
      () => guard.lines.map(({ finding }) => finding).filter((one) => one?.subject.namespace === 'trial'),
      (all) => all.some((one) => one?.action === 'detected'),
    )
    await hands.patchNamespace('trial', { metadata: { labels: { 'sekisho.dev/protected': null } } })
    await until(
      'it is over',
      () => guard.lines.map(({ finding }) => finding).filter((one) => one?.subject.namespace === 'trial'),
      (all) => all.some((one) => one?.action === 'resolved'),
    )
  })

  t.test('takes the taint off when the IDS is Ready, and tells that it is over', async (t) => {
    await hands.addPod('b', true)
    await hands.free('b')
    t.same(await hands.taints('b'), ['example.com/other=x:NoSchedule'])
    await until(
      'covered',
      () => hands.condition('shop'),
      (is) => is?.['status'] === 'True',
    )
    t.equal((await guard.found('NodeBlind', 'resolved')).id, 'guard/NodeBlind/b')
    const over = await until(
      'shop is covered again',
      () =>
        guard.lines.map(({ finding }) => finding).find((one) => one?.id.endsWith('/shop') && one.action === 'resolved'),
      (one) => one !== undefined,
    )
    t.match(over, { kind: 'NamespaceUncovered', severity: 'info' })
  })

  t.test('taints again when the IDS is not Ready any more', async (t) => {
    await hands.setReady('a', false)
    await hands.tainted('a')
    await hands.setReady('a', true)
    await hands.free('a')
    const text = await guard.metrics()
    t.match(text, /sekisho_guard_leader 1/)
    t.match(text, /sekisho_guard_nodes\{state="covered"\} 2/)
    t.match(text, /sekisho_guard_taints_total\{form="on",reason="IdsNotReady"\} 1/)
  })

  t.test('lets go of nodes that no protected namespace reaches, and of its words there', async () => {
    await hands.setReady('a', false)
    await hands.tainted('a')
    await hands.patchNamespace('shop', { metadata: { labels: { 'sekisho.dev/protected': null } } })
    await hands.free('a')
    await until(
      'no condition',
      () => hands.condition('shop'),
      (is) => is === undefined,
    )
  })

  t.test('lets the Lease go when it is told to end', async (t) => {
    t.equal(await guard.stop(), 0)
    const path = '/apis/coordination.k8s.io/v1/namespaces/sekisho-system/leases/sekisho-guard'
    const { spec } = await client.request<{ spec: { holderIdentity?: string } }>('GET', path)
    t.equal(spec.holderIdentity ?? '', '')
  })
})
