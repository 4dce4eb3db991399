/** The judge of the walk finds each kind of wrong, and only that: a walk that ends green must mean something. */
import t from 'tap'
import { leaderless } from './guard-process.ts'
import { type Evidence, judge } from './invariants.ts'
import type { Entry, NodeSeen, PodSeen, Seen } from './journal.ts'

const node = (more: Partial<NodeSeen> = {}): NodeSeen => ({
  kind: 'node',
  name: 'n',
  labels: { 'kubernetes.io/os': 'linux', pool: 'web' },
  ours: false,
  foreign: '',
  unschedulable: false,
  ...more,
})
const ids = (more: Partial<PodSeen> = {}): PodSeen => ({
  kind: 'pod',
  name: 'ids-n',
  namespace: 'sekisho-node',
  uid: 'ids-n',
  node: 'n',
  owner: 'ds',
  ready: true,
  hostNetwork: true,
  terminating: false,
  ...more,
})
const app = (on: string, namespace = 'shop'): PodSeen =>
  ids({ name: 'app', uid: `${namespace}-app`, namespace, node: on, owner: '', hostNetwork: false })
const start: Seen[] = [{ kind: 'daemonset', name: 'sekisho-ids', uid: 'ds' }, node(), ids()]

/** Each entry a revision and 1000 ms after the one before. */
const evidence = (seen: readonly (Seen | { gone: Seen })[], more: Partial<Evidence> = {}): Evidence => {
  const entries: Entry[] = [...start, ...seen].map((one, i) => ({
    revision: i + 1,
    at: (i + 1) * 1000,
    gone: 'gone' in one,
    seen: 'gone' in one ? one.gone : one,
  }))
  return {
    entries,
    placements: [{ namespace: 'shop', pod: 'app', received: 4500, ended: 5100 }],
    namespaces: [{ name: 'shop', selector: { pool: 'web' } }],
    free: ['other'],
    visible: new Map(),
    others: new Set(),
    leaderless: [],
    until: 1000 * (entries.length + 1),
    limits: { lagMs: 2500, settleMs: 3000, placeMs: 4000 },
    ...more,
  }
}
const found = (seen: readonly (Seen | { gone: Seen })[], more: Partial<Evidence> = {}) =>
  judge(evidence(seen, more)).violations.map(({ rule }) => rule)
const wait = node() // Tells nothing new and lets a second pass.
const unready = ids({ ready: false })
const tainted = node({ ours: true })

t.test('judge() of bindings', async (t) => {
  t.same(found([wait, app('n')]), [], 'to a covered node')
  t.same(found([unready, app('n')]), ['blind-binding'], 'not Ready was visible before the request came')
  t.same(found([{ gone: ids() }, app('n')]), ['blind-binding'], 'the IDS Pod was gone')
  t.same(found([ids({ terminating: true }), app('n')]), ['blind-binding'])
  t.same(found([ids({ owner: 'other' }), app('n')]), ['blind-binding'], 'of another DaemonSet')
  const lease = (ready: boolean | undefined, holder = 'ids-n'): Seen => ({ kind: 'lease', name: 'n', holder, ready })
  t.same(found([lease(false), app('n')]), ['blind-binding'])
  for (const says of [lease(true), lease(undefined), lease(false, 'ids-m')]) t.same(found([says, app('n')]), [])
  t.same(found([unready, app('n')], { placements: [] }), ['blind-binding'], 'nobody asked')
  t.same(found([wait, node({ labels: { 'kubernetes.io/os': 'linux' } }), app('n')], { others: new Set([5]) }), [
    'outside-selector',
  ])
  t.same(found([unready, app('n', 'other')]), [], 'of a namespace that is not protected')
})

t.test('judge() excuses what became visible within the request, and measures it', async (t) => {
  const placements = [{ namespace: 'shop', pod: 'app', received: 3900, ended: 5000 }]
  t.match(judge(evidence([unready, app('n')], { placements })), {
    violations: [],
    bindings: 1,
    inFlight: 1,
    longestWindowMs: 1100,
  })
  // The watch was late; who made the change knew earlier.
  t.same(found([unready, app('n')], { placements, visible: new Map([[4, 3800]]) }), ['blind-binding'])
})

t.test('judge() of our taint', async (t) => {
  t.same(found([unready, wait, tainted]), [], 'within the lag')
  t.same(found([unready, wait, wait, tainted]), ['not-tainted'])
  t.same(found([unready, wait, wait]), ['not-tainted'], 'never')
  t.same(found([unready, tainted, ids(), tainted, tainted, tainted, tainted, node()]), [], 'it settles')
  t.same(found([unready, tainted, ids(), ...Array.from({ length: 6 }, () => tainted)]), ['still-tainted'])
  const windows = { labels: { 'kubernetes.io/os': 'windows', pool: 'web' } }
  const others = new Set([4])
  t.same(found([node(windows), unready, node(windows), node(windows)], { others }), [], 'not meant')
  t.same(found([node({ ...windows, ours: true }), tainted, tainted], { others: new Set([4, 5]) }), [])
  t.same(
    found([node({ ...windows, ours: true }), ids(), ids(), ids()], { others }),
    ['still-tainted'],
    'a node that was never meant',
  )
  t.same(found([unready, wait, wait, wait, tainted], { leaderless: [{ from: 5500, to: 6500 }] }), [], 'nobody led')
  t.same(found([unready, wait, wait, wait, wait, tainted], { leaderless: [{ from: 4500, to: 5500 }] }), ['not-tainted'])
})

t.test('judge() of other writers and other namespaces', async (t) => {
  const cordoned = node({ unschedulable: true, foreign: 'a=:NoSchedule' })
  t.same(found([cordoned, wait], { others: new Set([4, 5]) }), [])
  t.same(found([cordoned, wait], { others: new Set([4]) }), ['other-writer'], 'somebody took both away')
  t.same(found([app('', 'other'), wait, wait, app('n', 'other')]), [])
  t.same(found([app('', 'other'), wait, wait, wait, wait, app('n', 'other')]), ['not-scheduled'])
  t.same(found([app('', 'other'), wait, wait, wait, wait, wait]), ['not-scheduled'], 'never')
})

t.test('leaderless() is what no term covers', async (t) => {
  const terms = [
    { from: 5, to: 8 },
    { from: 2, to: 6 },
    { from: 9, to: Number.POSITIVE_INFINITY },
  ]
  t.same(leaderless(terms, 0, 20), [
    { from: 0, to: 2 },
    { from: 8, to: 9 },
  ])
  t.same(leaderless([], 0, 3), [{ from: 0, to: 3 }])
})
