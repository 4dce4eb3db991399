/** What a policy's status says. */
import t from 'tap'
import type { Condition, WafPolicyStatus } from '../../../src/api/waf-policy.ts'
import { CONDITION_REASONS } from '../../../src/rules/policy/reasons.ts'
import { type PolicyFacts, statusOf } from '../../../src/rules/policy/status.ts'

const NOW = Date.parse('2027-01-01T00:00:00.123Z')
const PODS = { total: 12, enforcing: 12, pending: 0, failed: 0, outdatedEngine: 0 }
const FACTS: PolicyFacts = {
  release: '4.25.0',
  generation: 'crs-4.25.0-0123456789abcdef',
  customRules: 3,
  pods: PODS,
  problems: [],
  failures: [],
  conflictsWith: [],
  mode: 'block',
  breakGlass: { status: 'closed' },
}
const of = (facts: Partial<PolicyFacts> = {}, status: WafPolicyStatus = {}, now = NOW) =>
  statusOf({ generation: 7, status }, { ...FACTS, ...facts }, now)
const condition = (status: WafPolicyStatus, type: Condition['type']) =>
  status.conditions?.find((one) => one.type === type)
const { release: _, generation: __, ...UNPUBLISHED } = FACTS
const unpublished = (facts: Partial<PolicyFacts>) =>
  statusOf({ generation: 7, status: {} }, { ...UNPUBLISHED, ...facts }, NOW)

t.test('statusOf() says what kubectl shows', async (t) => {
  t.strictSame(of(), {
    observedGeneration: 7,
    conditions: [
      {
        type: 'Accepted',
        status: 'True',
        reason: 'Accepted',
        message: 'published with the Core Rule Set 4.25.0',
        observedGeneration: 7,
        lastTransitionTime: '2027-01-01T00:00:00Z',
      },
      {
        type: 'Enforced',
        status: 'True',
        reason: 'Enforced',
        message: '12 Pods enforce it',
        observedGeneration: 7,
        lastTransitionTime: '2027-01-01T00:00:00Z',
      },
      {
        type: 'Conflicted',
        status: 'False',
        reason: 'NoConflict',
        message: 'no older policy has its Pods',
        observedGeneration: 7,
        lastTransitionTime: '2027-01-01T00:00:00Z',
      },
    ],
    mode: 'block',
    rules: 'crs-4.25.0+3 custom',
    release: '4.25.0',
    enforced: '12/12',
    generation: 'crs-4.25.0-0123456789abcdef',
    pods: PODS,
  })
  t.equal(of({ customRules: 0 }).rules, 'crs-4.25.0')
  t.match(unpublished({}), { rules: undefined, release: undefined, enforced: '12/12' })
})

const CASES: [
  what: string,
  status: WafPolicyStatus,
  type: Condition['type'],
  is: Condition['status'],
  reason: keyof typeof CONDITION_REASONS,
  says: RegExp,
][] = [
  ['that nothing is published', unpublished({}), 'Accepted', 'Unknown', 'Waiting', /nothing is published/],
  [
    'that it is being tried',
    of({ trial: { verdict: 'waiting', detail: '' } }),
    'Accepted',
    'Unknown',
    'Trying',
    /being tried/,
  ],
  [
    'what is wrong, by file and line',
    of({
      problems: [
        { where: 'team/rules.conf:14', message: 'unknown operator "@detectSQLI"' },
        { where: '', message: 'all of it' },
      ],
    }),
    'Accepted',
    'False',
    'Refused',
    /^team\/rules\.conf:14: unknown operator "@detectSQLI"\nall of it\nwhat stood before stays$/,
  ],
  [
    'what is wrong where nothing stood',
    unpublished({ problems: [{ where: 'a', message: 'b' }] }),
    'Accepted',
    'False',
    'Refused',
    /^a: b\nits Pods run what the image and the platform give them$/,
  ],
  [
    'twenty problems of many',
    of({ problems: Array.from({ length: 23 }, (_, i) => ({ where: `a:${i}`, message: 'b' })) }),
    'Accepted',
    'False',
    'Refused',
    /\na:19: b\nand 3 more\nwhat stood before stays$/,
  ],
  [
    'that the engine refused it',
    of({ trial: { verdict: 'refused', detail: 'custom-001: no\nway' } }),
    'Accepted',
    'False',
    'EngineRefused',
    /^the engine does not take it: custom-001: no\?way; what stood/,
  ],
  [
    'that it is held',
    of({ trial: { verdict: 'held', detail: 'sqli-7 passes' } }),
    'Accepted',
    'False',
    'Held',
    /^it is held back: sqli-7 passes; what stood before stays$/,
  ],
  [
    'that some Pods do not have it',
    of({ pods: { ...PODS, enforcing: 10, pending: 2 } }),
    'Enforced',
    'False',
    'Pending',
    /^10 of 12 Pods enforce it$/,
  ],
  [
    'that some Pods failed, and why',
    of({ pods: { ...PODS, enforcing: 10, failed: 2 }, failures: [{ reason: 'ConfigRefused', count: 2 }] }),
    'Enforced',
    'False',
    'Failed',
    /^2 of 12 Pods could not take it and run what they had: ConfigRefused in 2$/,
  ],
  [
    'that an engine is too old',
    of({ pods: { ...PODS, enforcing: 11, outdatedEngine: 1 } }),
    'Enforced',
    'False',
    'OutdatedEngine',
    /^1 of 12 Pods .* restart them/,
  ],
  [
    'that there is no Pod',
    of({ pods: { ...PODS, total: 0, enforcing: 0 } }),
    'Enforced',
    'Unknown',
    'NoPods',
    /selects no protected Pod/,
  ],
  [
    'that it only detects',
    of({ mode: 'detect', pods: { ...PODS, total: 1, enforcing: 1 } }),
    'Enforced',
    'True',
    'Enforced',
    /^1 Pod enforces it, and detect only$/,
  ],
  [
    'who opened the glass',
    of({ breakGlass: { status: 'open', until: NOW + 3_600_000, by: 'jane', reason: 'the shop is down' } }),
    'Enforced',
    'False',
    'BreakGlass',
    /^nothing is refused until 2027-01-01T01:00:00Z: opened by jane, the shop is down$/,
  ],
  [
    'that the glass is not honoured',
    of({ breakGlass: { status: 'not-honoured', why: 'the platform allows none' } }),
    'Enforced',
    'True',
    'Enforced',
    /spec\.breakGlass is not honoured: the platform allows none/,
  ],
  [
    'who has its Pods',
    of({ conflictsWith: [{ policy: 'web', pods: 2 }] }),
    'Conflicted',
    'True',
    'OlderPolicy',
    /^web is older and has 2 Pods of it: narrow one of the selectors$/,
  ],
]
for (const [what, status, type, is, reason, says] of CASES)
  t.test(`statusOf() says ${what}`, async (t) =>
    t.match(condition(status, type), { status: is, reason, message: says }),
  )

t.test('statusOf() gives every reason of the table', async (t) => {
  const given = new Set([...CASES.map(([, , , , reason]) => reason), ...of().conditions!.map(({ reason }) => reason)])
  t.strictSame([...given].sort(), Object.keys(CONDITION_REASONS).sort())
})

t.test('statusOf() shows the glass in the mode while it is open', async (t) => {
  t.equal(
    of({ breakGlass: { status: 'open', until: NOW, by: 'jane', reason: 'x' } }).mode,
    'detect (break-glass until 2027-01-01T00:00:00Z)',
  )
  t.equal(of({ mode: 'own', breakGlass: { status: 'over', until: NOW } }).mode, 'own')
})

t.test('statusOf() keeps the time of the last change while a status is the same', async (t) => {
  const first = of({ pods: { ...PODS, enforcing: 1 } })
  const second = of({ pods: { ...PODS, enforcing: 2 } }, first, NOW + 60_000)
  t.match(condition(second, 'Enforced'), { message: /^2 of/, lastTransitionTime: '2027-01-01T00:00:00Z' })
  const third = of({}, second, NOW + 120_000)
  t.match(condition(third, 'Enforced'), { status: 'True', lastTransitionTime: '2027-01-01T00:02:00Z' })
  t.match(condition(third, 'Accepted'), { lastTransitionTime: '2027-01-01T00:00:00Z' })
  t.strictSame(of({}, third, NOW + 180_000), third, 'so that the same facts are the same bytes')
})
