/** Coverage: the table of cases, and what must hold for any cluster. */
import fc from 'fast-check'
import t from 'tap'
import { uncovered } from '../../src/guard/blind-nodes.ts'
import { type CoverageInput, coverage } from '../../src/guard/coverage.ts'
import { daemonSet, idsPod, input, inWords, NOW, node, settings } from './parts.ts'

const taint = (key: string, effect = 'NoSchedule') => ({ taints: [{ key, effect }] })
const rollout = (since: number, more = {}) => ({
  daemonSet: daemonSet({ rollingOut: true, ...more }),
  replaced: new Map([['a', NOW - since * 1000]]),
  idsPods: [idsPod('a', { ready: false })],
})
const twoGone = {
  nodes: [node('a'), node('b')],
  idsPods: [],
  replaced: new Map([
    ['a', NOW - 2000],
    ['b', NOW - 1000],
  ]),
}
const selector = (text: string) => ({ namespace: { annotations: { 'sekisho.dev/node-selector': text } } })

const CASES: readonly [string, Partial<CoverageInput>, string][] = [
  ['a node with its IDS Pod Ready', {}, 'Covered a:covered'],
  ['no node', { nodes: [] }, 'NoNodes'],
  [
    'no node, where the platform scales from zero',
    { nodes: [], settings: { ...settings, allowNoNodes: true } },
    'NoNodesYet',
  ],
  ['a new node', { nodes: [node('a'), node('new')] }, 'NodesNotCovered a:covered new:IdsNoPod'],
  [
    'a cordoned node with IDS',
    { nodes: [node('a', { unschedulable: true, ...taint('node.kubernetes.io/unschedulable') })] },
    'Covered a:covered',
  ],
  [
    'a cordoned node without IDS still counts',
    { nodes: [node('a', { unschedulable: true, ...taint('node.kubernetes.io/unschedulable') })], idsPods: [] },
    'NodesNotCovered a:IdsNoPod',
  ],
  [
    'a NotReady node that is tainted so keeps new Pods off',
    { nodes: [node('a', { ready: false, ...taint('node.kubernetes.io/not-ready') })], idsPods: [] },
    'Covered a:gated',
  ],
  [
    'a NotReady node without that taint keeps nobody off',
    { nodes: [node('a', { ready: false })], idsPods: [] },
    'NodesNotCovered a:IdsNoPod',
  ],
  [
    'a Ready node that bears the taint a moment longer',
    { nodes: [node('a', taint('node.kubernetes.io/not-ready'))], idsPods: [] },
    'NodesNotCovered a:TaintNotTolerated',
  ],
  ['our own taint', { nodes: [node('a', taint('sekisho.dev/ids-not-ready'))], idsPods: [] }, 'Covered a:gated'],
  [
    'our own taint as a mere preference keeps nobody off',
    { nodes: [node('a', taint('sekisho.dev/ids-not-ready', 'PreferNoSchedule'))], idsPods: [] },
    'NodesNotCovered a:IdsNoPod',
  ],
  [
    'a taint the IDS does not tolerate',
    { nodes: [node('a', taint('gpu'))], idsPods: [] },
    'NodesNotCovered a:TaintNotTolerated',
  ],
  [
    'a taint the IDS tolerates',
    { nodes: [node('a', taint('gpu'))], idsPods: [], daemonSet: daemonSet({ tolerations: [{ operator: 'Exists' }] }) },
    'NodesNotCovered a:IdsNoPod',
  ],
  ['a Windows node', { nodes: [node('a', { operatingSystem: 'windows' })] }, 'NodesNotCovered a:NodeUnsupported'],
  [
    'a virtual node, whatever it claims to run',
    { nodes: [node('a', { labels: { type: 'virtual-kubelet' } })] },
    'NodesNotCovered a:NodeUnsupported',
  ],
  [
    'a Fargate node',
    { nodes: [node('a', { labels: { 'eks.amazonaws.com/compute-type': 'fargate' } })] },
    'NodesNotCovered a:NodeUnsupported',
  ],
  [
    'a Windows node that the selector leaves out',
    {
      nodes: [node('a', { labels: { pool: 'web' } }), node('w', { operatingSystem: 'windows' })],
      ...selector('pool=web'),
    },
    'Covered a:covered',
  ],
  ['a selector that matches nothing', selector('pool=none'), 'NoNodesSelected'],
  [
    'a selector that cannot be read excludes nothing',
    { nodes: [node('a'), node('b')], ...selector('pool in (web)') },
    'NodesNotCovered a:covered b:IdsNoPod',
  ],
  [
    "PodNodeSelector's annotation while the plugin is not said to be on",
    {
      nodes: [node('a'), node('b')],
      namespace: { annotations: { 'scheduler.alpha.kubernetes.io/node-selector': 'kubernetes.io/hostname=a' } },
    },
    'NodesNotCovered a:covered b:IdsNoPod',
  ],
  [
    "PodNodeSelector's annotation while it is",
    {
      nodes: [node('a'), node('b')],
      settings: { ...settings, podNodeSelector: true },
      namespace: { annotations: { 'scheduler.alpha.kubernetes.io/node-selector': 'kubernetes.io/hostname=a' } },
    },
    'Covered a:covered',
  ],
  ['no DaemonSet', { daemonSet: null }, 'NodesNotCovered a:IdsMissing'],
  [
    'a DaemonSet that is being deleted',
    { daemonSet: daemonSet({ terminating: true }) },
    'NodesNotCovered a:IdsBeingDeleted',
  ],
  ["a Pod of another's making", { idsPods: [idsPod('a', { ownerUid: 'other' })] }, 'NodesNotCovered a:IdsNoPod'],
  [
    'a Pod that nobody made',
    { idsPods: [idsPod('a', { ownerUid: '' })], daemonSet: daemonSet({ uid: '' }) },
    'NodesNotCovered a:IdsNoPod',
  ],
  [
    'an IDS Pod that is not on hostNetwork',
    { idsPods: [idsPod('a', { hostNetwork: false })] },
    'NodesNotCovered a:IdsNotOnHostNetwork',
  ],
  ['an IDS Pod that is not Ready', { idsPods: [idsPod('a', { ready: false })] }, 'NodesNotCovered a:IdsNotReady'],
  [
    'an IDS Pod that is terminating',
    { idsPods: [idsPod('a', { terminating: true })] },
    'NodesNotCovered a:IdsTerminating',
  ],
  [
    'an old Pod terminating beside a new one Ready',
    { idsPods: [idsPod('a', { terminating: true }), idsPod('a')] },
    'Covered a:covered',
  ],
  [
    'a nodeSelector of the IDS that leaves the node out',
    { idsPods: [], daemonSet: daemonSet({ nodeSelector: { ids: 'yes' } }) },
    'NodesNotCovered a:IdsNotSelected',
  ],
  ['a rollout, within the grace', rollout(119), 'Covered a:grace'],
  ['a rollout, after the grace', rollout(121), 'NodesNotCovered a:IdsNotReady'],
  ['the same Pods gone without a rollout', { ...rollout(5), daemonSet: daemonSet() }, 'NodesNotCovered a:IdsNotReady'],
  [
    'a rollout on a node that never was covered',
    { ...rollout(5), replaced: new Map() },
    'NodesNotCovered a:IdsNotReady',
  ],
  [
    'a rollout that took two nodes at once where it may take one',
    { ...twoGone, daemonSet: daemonSet({ rollingOut: true }) },
    'NodesNotCovered a:grace b:IdsNoPod',
  ],
  [
    'a rollout that may take two',
    { ...twoGone, daemonSet: daemonSet({ rollingOut: true, maxUnavailable: 2 }) },
    'Covered a:grace b:grace',
  ],
  [
    'a rollout that may take half',
    { ...twoGone, daemonSet: daemonSet({ rollingOut: true, maxUnavailable: '50%' }) },
    'NodesNotCovered a:grace b:IdsNoPod',
  ],
]

t.test('coverage judges each case of the table', async (t) => {
  for (const [name, given, expected] of CASES) t.equal(inWords(input(given)), expected, name)
})

t.test('coverage counts nodes out of reach against maxUnavailable', async (t) => {
  const given = input({
    ...twoGone,
    daemonSet: daemonSet({ rollingOut: true }),
    ...selector('kubernetes.io/hostname=b'),
  })
  t.equal(inWords(given), 'NodesNotCovered b:IdsNoPod', 'node a, out of reach, is the one in grace')
})

t.test('uncovered names one node a reason, counts the rest, and gives the command for the first', async (t) => {
  const nodes = ['a', 'b', 'c', 'd'].map((name) => node(name))
  const idsPods = [idsPod('a', { ready: false, notReadyReason: 'container suricata: ImagePullBackOff' })]
  const { why, mend } = uncovered(coverage(input({ nodes, idsPods })), 'shop')
  t.equal(
    why,
    'node a: its IDS Pod sekisho-ids-a is not Ready: container suricata: ImagePullBackOff; node b (and 2 more): no Pod of the IDS DaemonSet sekisho-node/sekisho-ids is there',
  )
  t.equal(mend, 'kubectl -n sekisho-node describe pod sekisho-ids-a')
})

t.test('uncovered gives the label, the patch or the annotation that mends it', async (t) => {
  const mend = (given: Partial<CoverageInput>) => uncovered(coverage(input(given)), 'shop').mend
  t.equal(mend({ idsPods: [], daemonSet: daemonSet({ nodeSelector: { ids: 'yes' } }) }), 'kubectl label node a ids=yes')
  t.equal(
    mend({ nodes: [node('a', taint('gpu'))], idsPods: [] }),
    `kubectl -n sekisho-node patch daemonset sekisho-ids -p '{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}'`,
  )
  t.match(
    mend({ nodes: [node('a', { operatingSystem: 'windows' })] }),
    'kubectl annotate namespace shop sekisho.dev/node-selector=',
  )
})

const names = ['a', 'b', 'c', 'd', 'e']
const anyNode = fc.record({
  name: fc.constantFrom(...names),
  labels: fc.dictionary(fc.constantFrom('pool', 'type', '__proto__'), fc.constantFrom('web', 'virtual-kubelet'), {
    maxKeys: 2,
  }),
  taints: fc.array(
    fc.record({
      key: fc.constantFrom('gpu', 'sekisho.dev/ids-not-ready', 'node.kubernetes.io/not-ready'),
      effect: fc.constantFrom('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
    }),
    { maxLength: 2 },
  ),
  ready: fc.boolean(),
  unschedulable: fc.boolean(),
  operatingSystem: fc.constantFrom('linux', 'linux', 'linux', 'windows', ''),
})
const anyPod = fc.record({
  name: fc.constantFrom('p', 'q'),
  nodeName: fc.constantFrom(...names),
  ownerUid: fc.constantFrom('ds-1', 'ds-1', 'ds-1', 'other', ''),
  hostNetwork: fc.boolean(),
  terminating: fc.boolean(),
  ready: fc.boolean(),
  readyChanged: fc.constant(0),
  notReadyReason: fc.constant(''),
})
const anyInput = fc.record({
  nodes: fc.uniqueArray(anyNode, { selector: ({ name }) => name, maxLength: 5 }),
  idsPods: fc.array(anyPod, { maxLength: 8 }),
  daemonSet: fc.option(
    fc.record({
      uid: fc.constant('ds-1'),
      name: fc.constant('sekisho-ids'),
      terminating: fc.boolean(),
      rollingOut: fc.boolean(),
      nodeSelector: fc.constantFrom({}, { pool: 'web' }),
      tolerations: fc.constantFrom([], [{ operator: 'Exists' }]),
      maxUnavailable: fc.constantFrom(0, 1, 2, '30%'),
    }),
  ),
  namespace: fc.record({ annotations: fc.constantFrom({}, { 'sekisho.dev/node-selector': 'pool=web' }) }),
  replaced: fc
    .dictionary(fc.constantFrom(...names), fc.integer({ min: NOW - 300_000, max: NOW }))
    .map((times) => new Map(Object.entries(times))),
  settings: fc.constantFrom(settings, { ...settings, allowNoNodes: true }),
  now: fc.constant(NOW),
})

t.test('coverage never turns a no into a yes when an IDS Pod goes', async () => {
  fc.assert(
    fc.property(anyInput, fc.nat(), (given, which) => {
      fc.pre(given.idsPods.length > 0)
      const before = coverage(given)
      const idsPods = given.idsPods.toSpliced(which % given.idsPods.length, 1)
      return before.covered || !coverage({ ...given, idsPods }).covered
    }),
    { numRuns: 5000 },
  )
})

t.test('coverage never turns a no into a yes when an IDS Pod fails or a node joins', async () => {
  fc.assert(
    fc.property(anyInput, fc.nat(), anyNode, (given, which, joining) => {
      const before = coverage(given)
      if (before.covered) return true
      const failing = given.idsPods.map((pod, i) =>
        i === which % given.idsPods.length ? { ...pod, ready: false } : pod,
      )
      if (coverage({ ...given, idsPods: failing }).covered) return false
      // A first node in an empty reach may well be covered; a percentage of more nodes may be one node more.
      if (before.reach === 0 || typeof given.daemonSet?.maxUnavailable === 'string') return true
      const nodes = [...given.nodes.filter(({ name }) => name !== joining.name), joining]
      return nodes.length === given.nodes.length || !coverage({ ...given, nodes }).covered
    }),
    { numRuns: 5000 },
  )
})

t.test('coverage says yes only with a working IDS, a gate or a grace on every node in reach', async () => {
  fc.assert(
    fc.property(anyInput, (given) => {
      const found = coverage(given)
      if (!found.covered || found.reason === 'NoNodesYet') return true
      const words = inWords(given).split(' ').slice(1)
      return (
        words.length > 0 &&
        words.every((word) => {
          const [name, state] = word.split(':')
          if (state === 'gated') return given.nodes.some((one) => one.name === name && one.taints.length > 0)
          if (state === 'grace') return given.daemonSet?.rollingOut === true && given.replaced.has(name!)
          return given.idsPods.some(
            (pod) =>
              pod.nodeName === name && pod.ownerUid === 'ds-1' && pod.ready && pod.hostNetwork && !pod.terminating,
          )
        })
      )
    }),
    { numRuns: 5000 },
  )
})
