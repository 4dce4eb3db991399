/**
 * What the guard may write, asked of a real API server: our taint and our annotation, and nothing else of a node or a namespace. The real
 * command runs as its ServiceAccount, among others that write to the same objects all the time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { findAccess } from '../../src/cluster/access.ts'
import { createApiClient } from '../../src/cluster/api-client.ts'
import { startCluster } from '../cluster/start.ts'
import { until } from '../cluster-cache/lab.ts'
import { handsOn, TAINT } from '../guard/loop/lab.ts'
import { startGuard } from '../guard/loop/process.ts'
import { kubeconfigOf } from './account.ts'
import { BASE } from './render.ts'
import { compareRights } from './rights.ts'

t.test('the guard writes our taint and our annotation, and nothing else', async (t) => {
  const apiServerArgs = ['--feature-gates=WatchList=false']
  const cluster = await startCluster({ size: 'control-plane', name: 'guard-writes', audit: true, apiServerArgs })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['apply', '-k', BASE])
  // Nobody answers for these here.
  await cluster.kubectlOk(['delete', 'validatingwebhookconfiguration,mutatingwebhookconfiguration', 'sekisho'])
  const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'sekisho-test')
  t.teardown(() => client.close())
  const hands = await handsOn(cluster, client)
  await hands.addNode('a')
  await hands.addNode('b')
  await hands.addPod('a', true)
  await hands.addPod('b', false)
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true' })
  const work = t.testdir()
  const kubeconfig = await kubeconfigOf(cluster, work, 'sekisho-guard')
  const as = async (...args: string[]) => {
    const { code, stderr } = await cluster.kubectl(['--kubeconfig', kubeconfig, ...args])
    return code === 0 ? 'done' : stderr
  }
  const refused = /sekisho guard may change no/
  // Until these are refused, the API server has not taken the policies up.
  const taken = (what: string) =>
    until(
      `the policy for ${what}`,
      () => as('label', what.split(' ')[0]!, what.split(' ')[1]!, 'probe=x', '--dry-run=server'),
      (said) => refused.test(said),
    )
  await taken('node a')
  await taken('namespace shop')

  t.test('ValidatingAdmissionPolicies refuse it everything else of a node', async (t) => {
    await cluster.kubectlOk(['taint', 'node', 'a', 'theirs=x:NoSchedule'])
    const patch = (value: object) => as('patch', 'node', 'a', '--type=merge', '-p', JSON.stringify(value))
    for (const value of [
      { spec: { unschedulable: true } },
      { spec: { taints: null } },
      { spec: { taints: [{ key: 'theirs', value: 'y', effect: 'NoSchedule' }] } },
      {
        spec: {
          taints: [
            { key: 'theirs', value: 'x', effect: 'NoSchedule' },
            { key: 'more', effect: 'NoExecute' },
          ],
        },
      },
      // With our own key, but so that every Pod would be driven off.
      {
        spec: {
          taints: [
            { key: 'theirs', value: 'x', effect: 'NoSchedule' },
            { key: 'sekisho.dev/ids-not-ready', effect: 'NoExecute' },
          ],
        },
      },
      { spec: { providerID: 'x://y' } },
      { metadata: { labels: { pool: 'web' } } },
      { metadata: { annotations: { a: 'b' } } },
      { metadata: { finalizers: ['example.com/x'] } },
    ])
      t.match(await patch(value), refused, JSON.stringify(value))
    const ours = { key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule' }
    const theirs = { key: 'theirs', value: 'x', effect: 'NoSchedule' }
    t.equal(await patch({ spec: { taints: [theirs, ours] } }), 'done')
    t.equal(await patch({ spec: { taints: [theirs] } }), 'done')
    await cluster.kubectlOk(['taint', 'node', 'a', 'theirs-'])
    t.match(
      await as('patch', 'node', 'a', '--subresource=status', '--type=merge', '-p', '{"status":{"phase":"x"}}'),
      /forbidden/,
    )
    t.match(await as('delete', 'node', 'a'), /forbidden/)
  })

  t.test('and of a namespace', async (t) => {
    await cluster.kubectlOk(['annotate', 'namespace', 'shop', 'theirs=x'])
    const patch = (metadata: object) =>
      as('patch', 'namespace', 'shop', '--type=merge', '-p', JSON.stringify({ metadata }))
    for (const metadata of [
      { labels: { 'sekisho.dev/protected': null } },
      { labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } },
      { annotations: { 'sekisho.dev/break-glass': '{}' } },
      { annotations: { theirs: 'y' } },
      { annotations: { theirs: null } },
      { annotations: null },
      { finalizers: ['example.com/x'] },
    ])
      t.match(await patch(metadata), refused, JSON.stringify(metadata))
    t.equal(await patch({ annotations: { 'sekisho.dev/coverage': 'x' } }), 'done')
    t.equal(await patch({ annotations: { 'sekisho.dev/coverage': null } }), 'done')
    t.match(await as('delete', 'namespace', 'shop'), /forbidden/)
  })

  t.test('among others that write all the time no taint and no annotation of theirs is lost', async (t) => {
    const guard = startGuard({ kubeconfig, work, more: { taint: { settleSeconds: 0, settleLimitSeconds: 0 } } })
    t.teardown(() => guard.stop('SIGKILL'))
    await hands.tainted('b')
    let over = false
    let lost = 0
    /** Adds its own, looks that it is there, and takes it away, with the version it read: as a careful controller does. */
    const busy = async () => {
      for (let i = 0; !over; i++) {
        const seen = await hands.node('a')
        const mine = { key: 'theirs', value: `v${i}`, effect: 'PreferNoSchedule' }
        const taints = [...(seen.spec.taints ?? []).filter(({ key }) => key !== 'theirs'), mine]
        const { resourceVersion } = seen.metadata
        const wrote = await hands.patchNode('a', { metadata: { resourceVersion }, spec: { taints } }).then(
          () => true,
          () => false,
        )
        if (wrote && !(await hands.taints('a')).includes(`theirs=v${i}:PreferNoSchedule`)) lost += 1
      }
    }
    const talkative = async () => {
      for (let i = 0; !over; i++) await hands.patchNamespace('shop', { metadata: { annotations: { theirs: `v${i}` } } })
    }
    const others = Promise.all([busy(), talkative(), talkative()])
    t.teardown(async () => {
      over = true
      await others
    })
    const stale = async () => {
      const text = await guard.metrics()
      return ['taint', 'untaint', 'namespace'].map((kind) =>
        Number(new RegExp(`writes_total\\{kind="${kind}",result="stale"\\} (\\d+)`).exec(text)?.[1]),
      )
    }
    let ready = true
    const end = performance.now() + 120_000
    for (let seen = [0, 0, 0]; seen[0]! + seen[1]! === 0 || seen[2] === 0; seen = await stale()) {
      if (performance.now() > end) throw new Error(`no write was ever too late: ${seen}`)
      ready = !ready
      await hands.setReady('a', ready)
      // The namespace is covered and not covered, in turn.
      await hands.setReady('b', ready)
      await until(
        `a is ${ready}`,
        () => hands.taints('a'),
        (is) => is.includes(TAINT) !== ready,
      )
    }
    over = true
    await others
    t.equal(lost, 0)
    t.ok((await hands.taints('a')).some((taint) => taint.startsWith('theirs=')))
    await sleep(500)
    t.equal(await guard.stop(), 0)
    await compareRights(t, cluster, 'sekisho-guard', 'sekisho-guard/')
  })
})
