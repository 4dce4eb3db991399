/** What the reviewers look up, and how they look twice before a refusal: the watch they are given is behind the cluster. */
import t from 'tap'
import type { Review } from '../../src/admission/review.ts'
import { daemonSetReviewer } from '../../src/admission/reviewers/daemonset.ts'
import { namespaceReviewer } from '../../src/admission/reviewers/namespace.ts'
import type { NodeView } from '../../src/api/views.ts'
import type { GuardReader, Look } from '../../src/guard/reader.ts'
import { daemonSet, idsPod, NOW, node, settings } from './parts.ts'

const signal = new AbortController().signal
const PROTECTED = { 'sekisho.dev/protected': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' }

/** A watch that shows `seen`, a cluster that is `truly`, and what was asked of the cluster. */
function reading(seen: Partial<Look>, truly: Partial<Look> = seen, more: Partial<GuardReader> = {}) {
  const asked: string[] = []
  const view = (look: Partial<Look>): Look => ({
    nodes: [],
    idsPods: [],
    daemonSet: daemonSet(),
    leases: new Map(),
    ...look,
  })
  const reader: GuardReader = {
    nodes: () => view(seen).nodes,
    idsPods: () => view(seen).idsPods,
    idsDaemonSet: () => view(seen).daemonSet,
    idsLeases: () => view(seen).leases,
    replaced: () => new Map(),
    protectedNamespaces: () => ['shop'],
    look: async (names) => {
      asked.push(`look ${names.join(' ')}`.trim())
      const { nodes, idsPods, daemonSet: set, leases } = view(truly)
      const on = <T>(all: readonly T[], name: (one: T) => string) => all.filter((one) => names.includes(name(one)))
      return {
        nodes: names.length === 0 ? nodes : on<NodeView>(nodes, ({ name }) => name),
        idsPods: on(idsPods, ({ nodeName }) => nodeName),
        daemonSet: set,
        leases: new Map([...leases].filter(([name]) => names.includes(name))),
      }
    },
    hostNetworkPods: async (namespace) => {
      asked.push(`hostNetworkPods ${namespace}`)
      return []
    },
    mayOpen: async ({ username }, namespace) => {
      asked.push(`mayOpen ${username} in ${namespace || 'all'}`)
      return false
    },
    ...more,
  }
  return { reader, asked }
}

const reviewOf = (labels: Record<string, string>, old?: Record<string, string>): Review => ({
  uid: 'u',
  kind: { group: '', version: 'v1', kind: 'Namespace' },
  resource: { group: '', version: 'v1', resource: 'namespaces' },
  subResource: '',
  name: 'shop',
  namespace: 'shop',
  operation: old === undefined ? 'CREATE' : 'UPDATE',
  userInfo: { username: 'jane' },
  object: { metadata: { name: 'shop', labels } },
  oldObject: old === undefined ? null : { metadata: { name: 'shop', labels: old } },
  dryRun: false,
})
const verdictOf = async (reader: GuardReader, review: Review) => {
  const { verdict, reason } = await namespaceReviewer({ reader, settings, now: () => NOW })(review, signal)
  return `${verdict} ${reason}`
}
const nodes = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => node(name))
const pods = nodes.map(({ name }) => idsPod(name))

t.test('namespaceReviewer asks the cluster nothing where the watches say yes', async (t) => {
  const { reader, asked } = reading({ nodes, idsPods: pods })
  t.equal(await verdictOf(reader, reviewOf(PROTECTED)), 'allow Protected')
  t.same(asked, [])
})

t.test('namespaceReviewer looks again before it refuses', async (t) => {
  const cases: [string, Partial<Look>, Partial<Look>, string, string[]][] = [
    [
      'an IDS Pod became Ready',
      { nodes, idsPods: pods.slice(1) },
      { nodes, idsPods: pods },
      'allow Protected',
      ['look a'],
    ],
    [
      'a blind node is gone',
      { nodes, idsPods: pods.slice(1) },
      { nodes: nodes.slice(1), idsPods: pods.slice(1) },
      'allow Protected',
      ['look a'],
    ],
    [
      'a node is blind in truth',
      { nodes, idsPods: pods.slice(1) },
      { nodes, idsPods: pods.slice(1) },
      'deny NodesNotCovered',
      ['look a'],
    ],
    [
      'many are not, the watch is far behind',
      { nodes },
      { nodes, idsPods: pods },
      'allow Protected',
      ['look a b c d', 'look e f'],
    ],
    [
      'one of the first is blind in truth: the rest need no look',
      { nodes },
      { nodes, idsPods: pods.slice(1) },
      'deny NodesNotCovered',
      ['look a b c d'],
    ],
    [
      'the DaemonSet was just made',
      { nodes, idsPods: pods, daemonSet: null },
      { nodes, idsPods: pods },
      'allow Protected',
      ['look a b c d'],
    ],
    [
      'the first node just joined',
      {},
      { nodes: nodes.slice(0, 1), idsPods: pods },
      'allow Protected',
      ['look', 'look a'],
    ],
    ['there is no node', {}, {}, 'deny NoNodes', ['look']],
  ]
  for (const [name, seen, truly, expected, looks] of cases) {
    const { reader, asked } = reading(seen, truly)
    t.equal(await verdictOf(reader, reviewOf(PROTECTED)), expected, name)
    t.same(asked, looks, name)
  }
})

t.test('namespaceReviewer speaks of the Pods that are there, and not of those the watch still shows', async (t) => {
  const gone = idsPod('a', { name: 'ids-gone', ready: false, notReadyReason: 'old' })
  const there = idsPod('a', { name: 'ids-there', ready: false, notReadyReason: 'container suricata: ErrImagePull' })
  const { reader } = reading({ nodes: [node('a')], idsPods: [gone] }, { nodes: [node('a')], idsPods: [there] })
  const verdict = await namespaceReviewer({ reader, settings, now: () => NOW })(reviewOf(PROTECTED), signal)
  t.match(verdict.detail, 'its IDS Pod ids-there is not Ready: container suricata: ErrImagePull')
  t.notMatch(verdict.detail, 'ids-gone')
})

t.test('namespaceReviewer looks up only what the change asks about', async (t) => {
  const cases: [string, Review, string[]][] = [
    ['nothing of ours', reviewOf({ team: 'a' }, {}), []],
    ['a value nobody knows', reviewOf({ 'sekisho.dev/protected': 'x' }), []],
    ['protection of what is there', reviewOf(PROTECTED, {}), ['hostNetworkPods shop']],
    ['opening', reviewOf({}, PROTECTED), ['mayOpen jane in shop']],
  ]
  for (const [name, review, expected] of cases) {
    const { reader, asked } = reading({ nodes, idsPods: pods })
    await verdictOf(reader, review)
    t.same(asked, expected, name)
  }
})

t.test('namespaceReviewer passes on that it cannot know, and never answers then', async (t) => {
  const fail = () => {
    throw new Error('not synced')
  }
  const rejects = async () => fail()
  const cases: [Partial<GuardReader>, Review][] = [
    [{ nodes: fail }, reviewOf(PROTECTED)],
    [{ idsPods: fail }, reviewOf(PROTECTED)],
    [{ look: rejects }, reviewOf(PROTECTED)],
    [{ hostNetworkPods: rejects }, reviewOf(PROTECTED, {})],
    [{ mayOpen: rejects }, reviewOf({}, PROTECTED)],
  ]
  for (const [broken, review] of cases)
    await t.rejects(verdictOf(reading({ nodes }, { nodes, idsPods: pods }, broken).reader, review), /not synced/)
})

t.test('daemonSetReviewer asks for the right in all namespaces, and only where something is taken away', async (t) => {
  const set = {
    ...reviewOf({}),
    namespace: 'sekisho-node',
    name: 'sekisho-ids',
    operation: 'DELETE' as const,
    object: null,
  }
  const { reader, asked } = reading({})
  const judge = daemonSetReviewer({ reader, settings })
  t.match(await judge(set, signal), { verdict: 'deny', reason: 'IdsNeeded' })
  t.same(asked.splice(0), ['mayOpen jane in all'])
  t.match(await judge({ ...set, name: 'other' }, signal), { verdict: 'allow', reason: 'NotConcerned' })
  const alone = daemonSetReviewer({ reader: reading({}, {}, { protectedNamespaces: () => [] }).reader, settings })
  t.match(await alone(set, signal), { verdict: 'allow', reason: 'Accepted' })
  t.same(asked, [])
})
