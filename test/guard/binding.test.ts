/** A Binding by what its namespace says and what its node is, and the same node named by a Pod itself. */
import fc from 'fast-check'
import t from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import { judgeBinding } from '../../src/guard/binding.ts'
import type { CoverageInput } from '../../src/guard/coverage.ts'
import { overridesOf } from '../../src/guard/overrides.ts'
import { placementFaults } from '../../src/guard/placement.ts'
import { judgePodHostAccess } from '../../src/guard/pod-host-access.ts'
import { daemonSet, idsPod, NOW, node, settings } from './parts.ts'

const UNTIL = new Date(NOW + 3_600_000).toISOString()
const GLASS = { 'sekisho.dev/break-glass': JSON.stringify({ why: 'fire', until: UNTIL }) }
const ALLOW = { 'sekisho.dev/allow-uncovered': JSON.stringify({ why: 'moving', until: UNTIL }) }
const OVER = { 'sekisho.dev/break-glass': JSON.stringify({ why: 'fire', until: new Date(NOW - 1).toISOString() }) }
const SELECTOR = { 'sekisho.dev/node-selector': 'pool=web' }
const REPORT = {
  v: 1 as const,
  ready: false,
  check: 'CanaryLost' as const,
  detail: 'no alert for the canary on cni0 for 72 s (limit 65 s)',
  rules: { loaded: 1, failed: 0, set: 'x', ageHours: 0 },
  interfaces: [],
  blindSpots: [],
  version: '1',
}

interface Given {
  protection?: string
  annotations?: Record<string, string>
  metadata?: NonNullable<KubeObject['metadata']>
  node?: ReturnType<typeof node> | null
  facts?: Partial<CoverageInput>
}
const facts = ({ node: one = node('a'), facts: more = {} }: Given) => ({
  nodes: one === null ? [] : [one],
  idsPods: [idsPod('a')],
  daemonSet: daemonSet(),
  leases: new Map(),
  replaced: new Map(),
  ...more,
})
const judged = (given: Given) => {
  const { protection = 'true', annotations = {}, metadata = {}, node: one = node('a') } = given
  const namespace = { name: 'shop', labels: { 'sekisho.dev/protected': protection }, annotations }
  const faults = placementFaults({
    nodeName: 'a',
    node: one ?? undefined,
    namespace,
    facts: facts(given),
    settings,
    now: NOW,
  })
  const overrides = overridesOf(namespace, settings, NOW)
  return {
    binding: judgeBinding({ binding: { metadata, target: { kind: 'Node', name: 'a' } }, namespace, faults, overrides }),
    pod: judgePodHostAccess({
      pod: { metadata: { name: 'web' }, spec: { containers: [], nodeName: 'a' } },
      namespace,
      overrides,
      placement: faults,
    }),
  }
}
const blind = { idsPods: [idsPod('a', { ready: false })] }
const lease = (pod: string, report: typeof REPORT | undefined = REPORT) => new Map([['a', { node: 'a', pod, report }]])
const outside = { annotations: SELECTOR, node: node('a', { labels: { pool: 'db' } }) }

/** What becomes of a Binding, and of a Pod that names the node itself, where that differs. */
const CASES: readonly [string, Given, string, string?][] = [
  ['a covered node', {}, 'allow NodeCovered', 'allow Accepted'],
  ['a blind node', { facts: blind }, 'deny NodeBlind'],
  ['a blind node in audit', { facts: blind, protection: 'audit' }, 'allow AuditOnly'],
  ['a blind node of nobody', { facts: blind, protection: 'yes' }, 'allow NotConcerned'],
  [
    'our taint on a covered node',
    { node: node('a', { taints: [{ key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule' }] }) },
    'allow NodeCovered',
    'allow Accepted',
  ],
  [
    'our taint on a blind node',
    { facts: blind, node: node('a', { taints: [{ key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule' }] }) },
    'deny NodeBlind',
  ],
  ['a node that is gone', { node: null }, 'deny NodeUnknown'],
  ['a node that is gone, with a broken glass', { node: null, annotations: GLASS }, 'deny NodeUnknown'],
  ['the Lease of that Pod says no', { facts: { leases: lease('sekisho-ids-a') } }, 'deny NodeBlind'],
  [
    'the Lease of another Pod says no',
    { facts: { leases: lease('sekisho-ids-b') } },
    'allow NodeCovered',
    'allow Accepted',
  ],
  [
    'a Lease that cannot be read',
    { facts: { leases: new Map([['a', { node: 'a', pod: 'sekisho-ids-a', report: undefined }]]) } },
    'allow NodeCovered',
    'allow Accepted',
  ],
  [
    'a Lease that says yes of a Pod that is not Ready',
    { facts: { ...blind, leases: lease('sekisho-ids-a', { ...REPORT, ready: true }) } },
    'deny NodeBlind',
  ],
  [
    'the grace of a rollout',
    { facts: { idsPods: [], daemonSet: daemonSet({ rollingOut: true }), replaced: new Map([['a', NOW - 5000]]) } },
    'allow NodeCovered',
    'allow Accepted',
  ],
  [
    'a grace that is over',
    { facts: { idsPods: [], daemonSet: daemonSet({ rollingOut: true }), replaced: new Map([['a', NOW - 121_000]]) } },
    'deny NodeBlind',
  ],
  ['outside the node selector', outside, 'deny NodeNotSelected'],
  [
    'outside, where blindness is allowed',
    { ...outside, annotations: { ...SELECTOR, ...ALLOW } },
    'deny NodeNotSelected',
  ],
  ['outside, with a broken glass', { ...outside, annotations: { ...SELECTOR, ...GLASS } }, 'allow GlassBroken'],
  ['outside, in audit', { ...outside, protection: 'audit' }, 'allow AuditOnly'],
  [
    'inside the node selector',
    { annotations: SELECTOR, node: node('a', { labels: { pool: 'web' } }) },
    'allow NodeCovered',
    'allow Accepted',
  ],
  ['blind and allowed', { facts: blind, annotations: ALLOW }, 'allow UncoveredAllowed'],
  ['blind with a broken glass', { facts: blind, annotations: GLASS }, 'allow GlassBroken'],
  ['blind with a glass that was broken until a moment ago', { facts: blind, annotations: OVER }, 'deny NodeBlind'],
]

t.test('judgeBinding and judgePodHostAccess answer each case of the table', async (t) => {
  for (const [name, given, binding, pod = binding] of CASES) {
    const found = judged(given)
    t.equal(`${found.binding.verdict} ${found.binding.reason}`, binding, `a Binding: ${name}`)
    t.equal(`${found.pod.verdict} ${found.pod.reason}`, pod, `spec.nodeName: ${name}`)
  }
})

t.test('judgeBinding refuses our keys, which the API server would write onto the Pod, whatever is open', async (t) => {
  for (const metadata of [{ labels: { 'sekisho.dev/waf': 'off' } }, { annotations: { 'sekisho.dev/status': '{}' } }])
    for (const annotations of [{}, GLASS])
      t.match(judged({ metadata, annotations }).binding, { verdict: 'deny', reason: 'BindingKeys' })
  t.match(judged({ metadata: { labels: { 'topology.kubernetes.io/zone': 'a' } } }).binding, { reason: 'NodeCovered' })
})

t.test('judgeBinding says in one line what is wrong and what mends it, and the agent has the word', async (t) => {
  t.equal(
    judged({ facts: { ...blind, leases: lease('sekisho-ids-a') } }).binding.detail,
    'node a is blind: its IDS Pod sekisho-ids-a is not Ready: no alert for the canary on cni0 for 72 s (limit 65 s) (CanaryLost); to mend: kubectl -n sekisho-node describe pod sekisho-ids-a',
  )
  t.equal(
    judged({ facts: { leases: lease('sekisho-ids-a') } }).binding.detail,
    'node a is blind: its IDS Pod sekisho-ids-a says that it does not see: no alert for the canary on cni0 for 72 s (limit 65 s) (CanaryLost); to mend: kubectl -n sekisho-node describe pod sekisho-ids-a',
  )
  t.equal(
    judged(outside).binding.detail,
    'node a has no label pool=web, to which namespace shop is held (sekisho.dev/node-selector); to mend: kubectl label node a pool=web',
  )
  const long = { ...REPORT, detail: 'x'.repeat(300) }
  t.ok(
    judged({ facts: { leases: lease('p'.repeat(253), long), idsPods: [idsPod('a', { name: 'p'.repeat(253) })] } })
      .binding.detail.length <= 800,
  )
})

t.test('judgeBinding counts in audit all that would be refused', async (t) => {
  const { binding, pod } = judged({ ...outside, facts: blind, protection: 'audit' })
  t.same(
    [binding, pod].map((one) => one.verdict === 'allow' && one.wouldRefuse),
    [
      ['NodeNotSelected', 'NodeBlind'],
      ['NodeNotSelected', 'NodeBlind'],
    ],
  )
  for (const one of [binding, pod])
    t.same(
      one.warnings.map((text) => /^would be refused with sekisho.dev\/protected: "true": /.test(text)),
      [true, true],
    )
})

t.test('judgeBinding tells of an override at each admission, also where it lets nothing by', async (t) => {
  for (const one of Object.values(judged({ annotations: GLASS })))
    t.match(one.warnings, [/^namespace shop: sekisho.dev\/break-glass holds until 2026-05-01T13:00:00.000Z \(fire\)/])
})

t.test(
  'a Lease never makes a node covered that is not, and what is blind for a Binding is never admitted without an override',
  async () => {
    const pods = fc.array(
      fc.record({
        ready: fc.boolean(),
        terminating: fc.boolean(),
        hostNetwork: fc.boolean(),
        ownerUid: fc.constantFrom('ds-1', 'other'),
        name: fc.constantFrom('p', 'q'),
      }),
      { maxLength: 3 },
    )
    const said = fc.option(fc.record({ pod: fc.constantFrom('p', 'q', ''), ready: fc.boolean() }))
    fc.assert(
      fc.property(pods, said, (some, word) => {
        const idsPods = some.map((one) => idsPod('a', one))
        const leases = new Map(
          word === null ? [] : [['a', { node: 'a', pod: word.pod, report: { ...REPORT, ready: word.ready } }]],
        )
        const without = judged({ facts: { idsPods } }).binding.verdict
        const { verdict } = judged({ facts: { idsPods, leases } }).binding
        const sees = some.some(
          (one) =>
            one.ready &&
            !one.terminating &&
            one.hostNetwork &&
            one.ownerUid === 'ds-1' &&
            !(word?.ready === false && word.pod === one.name),
        )
        return (verdict === 'allow') === sees && (without === 'allow' || verdict === 'deny')
      }),
      { numRuns: 3000 },
    )
  },
)
