/**
 * The IDS is upgraded while teams deploy. A good version passes with at most maxUnavailable nodes in grace, none of them tainted; a bad one
 * stops there, the rest of the cluster goes on, and after the time of loss the policy decides about the taints of those nodes.
 */
import t from 'tap'
import { LABEL } from '../../../src/api/names.ts'
import { temporaryDirectory } from '../../admission/support.ts'
import { NEVER_READY } from '../../cluster/kwok.ts'
import { until } from '../../cluster-cache/lab.ts'
import { type Entry, startJournal } from './journal.ts'
import { deployment, FREE, POD_SPEC, protect, startLab, untilLed } from './lab.ts'
import { World } from './world.ts'

const NODES = 30
const AT_ONCE = 3
const GRACE_SECONDS = 20
t.setTimeout(8 * 60_000)
const begun = performance.now()
const say = (line: string) => t.comment(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${line}`)

const lab = await startLab({
  nodes: NODES,
  log: say,
  work: temporaryDirectory(t),
  guard: { graceSeconds: GRACE_SECONDS },
  loss: { notReadyMinutes: 1, notScheduledMinutes: 1, policy: 'keep' },
})
t.teardown(() => lab.stop())
const { cluster, client, guards } = lab
const journal = startJournal(client)
t.teardown(() => journal.stop())
const IDS = ['-n', 'sekisho-node', 'daemonset/sekisho-ids'] as const
const template = (labels: Record<string, string | null>, more: object = {}) =>
  cluster.kubectlOk([
    ...['-n', 'sekisho-node', 'patch', 'daemonset', 'sekisho-ids', '--type=merge', '-p'],
    JSON.stringify({ spec: { ...more, template: { metadata: { labels } } } }),
  ])
const rolledOut = (...args: string[]) => cluster.kubectlOk(['rollout', 'status', ...IDS, ...args])
const scale = (namespace: string, replicas: number) =>
  cluster.kubectlOk(['-n', namespace, 'scale', 'deployment/app', `--replicas=${replicas}`])
const running = (namespace: string) =>
  cluster.kubectlOk(['-n', namespace, 'rollout', 'status', 'deployment/app', '--timeout=90s'])

interface RawNode {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: { readonly taints?: readonly { key: string; value?: string; effect: string }[] }
}
/** Our taint on each node that has it, as `=VALUE:EFFECT`. */
const taints = async (): Promise<Record<string, string>> => {
  const { items } = await client.request<{ items: RawNode[] }>('GET', '/api/v1/nodes')
  const all = items.flatMap(({ metadata, spec }) =>
    (spec.taints ?? [])
      .filter(({ key }) => key === 'sekisho.dev/ids-not-ready')
      .map(({ value = '', effect }) => [metadata.name, `${value}:${effect}`] as const),
  )
  return Object.fromEntries(all)
}
const findings = () =>
  guards
    .flatMap(({ lines }) => lines)
    .map((line) => line['finding'] as { kind: string; action: string; subject: { node?: string } } | undefined)
    .filter((one) => one !== undefined)

/** How many nodes were without a Ready IDS at once, at most, and which were tainted meanwhile. */
function passed(entries: readonly Entry[], from: number) {
  const world = new World()
  let most = 0
  const tainted = new Set<string>()
  for (const entry of entries) {
    world.apply(entry)
    if (entry.at < from) continue
    most = Math.max(most, [...world.nodes.keys()].filter((node) => !world.covered(node)).length)
    for (const node of world.nodes.values()) if (node.ours) tainted.add(node.name)
  }
  return { most, tainted: [...tainted] }
}

/** Every node is of a pool, and of each pool a protected namespace: whichever nodes the rollout takes, they matter. */
const OF_POOL: Readonly<Record<string, string>> = { web: 'shop', db: 'till', spare: 'attic' }
await protect(cluster, 'attic', 'true', { pool: 'spare' })
await template({}, { updateStrategy: { rollingUpdate: { maxUnavailable: AT_ONCE } } })
for (const [namespace, selector] of [
  ['shop', { pool: 'web' }],
  ['till', { pool: 'db' }],
  [FREE, undefined],
] as const)
  await cluster.kubectlOk(['create', '-f', '-'], {
    input: JSON.stringify(deployment(namespace, 'app', 5, selector)),
  })
for (const namespace of ['shop', 'till', FREE]) await running(namespace)

t.test('a good version: nodes in grace are neither tainted nor refused, and no more than maxUnavailable', async (t) => {
  const from = Date.now()
  await template({ version: 'two' })
  const done = rolledOut('--timeout=120s')
  for (let replicas = 6; replicas <= 12; replicas += 2)
    for (const namespace of ['shop', 'till', FREE]) await scale(namespace, replicas)
  await done
  for (const namespace of ['shop', 'till', FREE]) await running(namespace)
  const { most, tainted } = passed(journal.entries(), from)
  say(`rolled out in ${Date.now() - from} ms, at most ${most} nodes without`)
  t.ok(most >= 1 && most <= AT_ONCE, `${most} nodes without at once`)
  t.same(tainted, [])
})

const blind = () => Object.keys(current).sort()
let current: Record<string, string> = {}

t.test('a bad version stops after maxUnavailable nodes, which are tainted when their grace is over', async (t) => {
  const from = Date.now()
  await template({ version: 'bad', [NEVER_READY]: 'true' })
  current = await until('as many nodes are tainted', taints, (all) => Object.keys(all).length >= AT_ONCE, 90_000)
  t.ok(Date.now() - from >= GRACE_SECONDS * 1000 - 2000, 'not before')
  t.same(Object.values(current), Array(AT_ONCE).fill(':NoSchedule'))
  t.match(await cluster.kubectl(['rollout', 'status', ...IDS, '--timeout=3s']), { code: 1 }, 'it goes no further')
  t.equal(passed(journal.entries(), from).most, AT_ONCE)
})

t.test('meanwhile every team deploys, and it is told', async (t) => {
  for (const namespace of ['shop', 'till', FREE]) {
    await scale(namespace, 20)
    await running(namespace)
    const { items } = JSON.parse(await cluster.kubectlOk(['-n', namespace, 'get', 'pods', '-o', 'json'])) as {
      items: { spec: { nodeName: string }; metadata: { creationTimestamp: string } }[]
    }
    t.ok(items.length === 20)
  }
  const told = findings().filter(({ kind, action }) => kind === 'NodeBlind' && action === 'tainted')
  t.same(told.map(({ subject }) => subject.node).sort(), blind())
  const events = await cluster.kubectlOk([
    'get',
    'events',
    '-A',
    '-o',
    'jsonpath={range .items[*]}{.reason} {.involvedObject.name}{"\\n"}{end}',
  ])
  for (const node of blind()) t.match(events, `IdsNotReady ${node}`)
})

/** A Pod that names its node, and what the API server says. */
const pinned = (namespace: string, name: string, nodeName: string) =>
  cluster.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { ...POD_SPEC, nodeName },
    }),
  })
/** A Pod that the scheduler may place on that node alone. */
const held = (namespace: string, name: string, node: string) =>
  cluster.kubectlOk(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { ...POD_SPEC, nodeSelector: { 'kubernetes.io/hostname': node } },
    }),
  })
const scheduled = async (namespace: string, name: string) =>
  (await cluster.kubectlOk(['-n', namespace, 'get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}'])) !== ''

t.test('keep: after the time of loss the taint stays, marked, and keeps off all', async (t) => {
  current = await until(
    'the taints are marked as lost',
    taints,
    (all) => Object.values(all).every((form) => form === 'lost:NoSchedule'),
    120_000,
  )
  t.equal(Object.keys(current).length, AT_ONCE)
  const lost = await until(
    'it is told',
    () => findings().filter(({ kind, action }) => kind === 'IdsLost' && action === 'kept'),
    (all) => all.length >= AT_ONCE,
  )
  t.same([...new Set(lost.map(({ subject }) => subject.node))].sort(), blind())
  await held(FREE, 'kept-off', blind()[0]!)
  await new Promise((later) => setTimeout(later, 5000))
  t.notOk(await scheduled(FREE, 'kept-off'))
})

t.test('remove: other namespaces get the node, a protected one does not', async (t) => {
  for (const guard of guards) await guard.kill()
  lab.addGuard({ loss: { notReadyMinutes: 1, notScheduledMinutes: 1, policy: 'remove' } })
  await untilLed(guards)
  current = await until(
    'the taints keep nobody off',
    taints,
    (all) => Object.values(all).every((form) => form.endsWith(':PreferNoSchedule')),
    60_000,
  )
  t.equal(Object.keys(current).length, AT_ONCE, 'what stays remembers')
  await until('the Pod of another is placed', () => scheduled(FREE, 'kept-off'), Boolean, 60_000)
  const { items } = await client.request<{ items: RawNode[] }>('GET', '/api/v1/nodes')
  const pools = new Map(items.map(({ metadata }) => [metadata.name, metadata.labels['pool']]))
  const mine = blind()[0]!
  const namespace = OF_POOL[pools.get(mine) ?? '']!
  const answer = await pinned(namespace, 'pinned', mine)
  t.equal(answer.code, 1)
  t.match(answer.stderr, `node ${mine} is blind: its IDS Pod sekisho-ids-`)
  await held(namespace, 'held', mine)
  const refused = await until(
    'the scheduler is refused',
    () => cluster.kubectlOk(['-n', namespace, 'get', 'events', '-o', 'jsonpath={.items[*].message}']),
    (text) => text.includes('denied the request'),
    60_000,
  )
  t.match(refused, `denied the request: node ${mine} is blind: its IDS Pod sekisho-ids-`)
  t.notOk(await scheduled(namespace, 'held'))
  t.ok(findings().some(({ kind, action }) => kind === 'IdsLost' && action === 'waived'))
})

t.test('the good version again: the taints go by themselves', async (t) => {
  await template({ version: 'three', [NEVER_READY]: null })
  await rolledOut('--timeout=120s')
  await until('no taint is left', taints, (all) => Object.keys(all).length === 0, 60_000)
  const { items } = await client.request<{ items: { metadata: { annotations?: Record<string, string> } }[] }>(
    'GET',
    '/api/v1/namespaces',
    { query: { labelSelector: `${LABEL.protected}=true` } },
  )
  t.equal(items.length, 3)
  for (const { metadata } of items)
    t.match(JSON.parse(metadata.annotations?.['sekisho.dev/coverage'] ?? '{}'), { type: 'Covered', status: 'True' })
})
