/** What the webhook says of a WafPolicy: floors, exclusions, and who opens the glass for how long. */
import t from 'tap'
import type { WafPolicySpec } from '../../../src/api/waf-policy.ts'
import { policySettings } from '../../../src/config/rules.ts'
import { rightBy } from '../../../src/rules/policy/break-glass.ts'
import { judgePolicy, needsMayOpen, type PolicyChange } from '../../../src/rules/policy/judge.ts'

const NOW = Date.parse('2027-01-01T00:00:00Z')
const SETTINGS = policySettings.parse({})
const strict = (more: object) => policySettings.parse(more)
const change = (spec: WafPolicySpec, more: Partial<PolicyChange> = {}): PolicyChange => ({
  namespace: 'shop',
  name: 'web',
  username: 'jane',
  spec,
  oldSpec: undefined,
  settings: SETTINGS,
  now: NOW,
  ...more,
})
const judge = (spec: WafPolicySpec, more: Partial<PolicyChange> = {}, mayOpen = false) =>
  judgePolicy(change(spec, more), { mayOpen })
const EXCLUSION = { rule: 942100, path: '/a', parameter: 'q', reason: 'notes about SQL' }
const glass = (until: string, by: string | undefined = 'jane', reason = 'the shop is down'): WafPolicySpec => ({
  breakGlass: { until, reason, ...(by !== undefined && { by }) },
})
const HOUR_ON = '2027-01-01T01:00:00Z'

const REFUSED: [what: string, spec: WafPolicySpec, more: Partial<PolicyChange>, reason: string, says: RegExp][] = [
  [
    'a mode below the floor',
    { mode: 'detect' },
    { settings: strict({ lowestMode: 'block' }) },
    'BelowFloor',
    /spec\.mode: detect is below what the platform allows/,
  ],
  [
    'a mode lowered below the floor',
    { mode: 'detect' },
    { settings: strict({ lowestMode: 'block' }), oldSpec: { mode: 'block' } },
    'BelowFloor',
    /write block/,
  ],
  [
    'a body larger than the platform’s',
    { limits: { bodyBytes: 13_107_201 } },
    {},
    'AboveLimit',
    /spec\.limits\.bodyBytes: 13107201 is more than the platform's 13107200/,
  ],
  [
    'fields larger than the whole body',
    { limits: { fieldsBytes: 13_107_201 } },
    {},
    'AboveLimit',
    /spec\.limits\.fieldsBytes/,
  ],
  [
    'an exclusion by tag',
    { exclusions: [{ tag: 'attack-sqli', path: '/a', parameter: 'q', reason: 'x' }] },
    {},
    'TooWide',
    /spec\.exclusions\[0\]\.tag: exclusions by tag are the platform’s/,
  ],
  [
    'an exclusion of a whole rule',
    { exclusions: [{ rule: 942100, path: '/a', reason: 'x' }] },
    {},
    'TooWide',
    /spec\.exclusions\[0\]: it needs a parameter, cookie or header/,
  ],
  [
    'an exclusion on a path in doubt',
    { exclusions: [EXCLUSION, { ...EXCLUSION, path: '/a/../b' }] },
    {},
    'BadPath',
    /spec\.exclusions\[1\]\.path: a path holds no \. or \.\./,
  ],
  [
    'more exclusions than the platform takes',
    { exclusions: [EXCLUSION, EXCLUSION] },
    { settings: strict({ exclusions: { most: 1 } }) },
    'TooManyExclusions',
    /spec\.exclusions: 2 are more than the 1/,
  ],
  [
    'a glass opened by somebody who may not',
    glass(HOUR_ON),
    {},
    'MayNotOpen',
    /jane may not open wafpolicies\.sekisho\.dev in namespace shop: kubectl -n shop create rolebinding/,
  ],
  [
    'a glass opened in another’s name',
    glass(HOUR_ON, 'root'),
    {},
    'ByForged',
    /spec\.breakGlass\.by: "root" is not "jane"/,
  ],
  [
    'a glass opened in nobody’s name',
    { breakGlass: { until: HOUR_ON, reason: 'x' } },
    {},
    'ByForged',
    /"" is not "jane"/,
  ],
  [
    'a glass opened for too long',
    glass('2027-01-02T00:00:01Z'),
    {},
    'BreakGlassTooLong',
    /more than 24 h ahead: write a time such as 2027-01-01T01:00:00Z/,
  ],
  [
    'a glass opened until what is over',
    glass('2027-01-01T00:00:00Z'),
    {},
    'BreakGlassTooLong',
    /is over: write a time such as/,
  ],
  [
    'a glass where the platform allows none',
    glass(HOUR_ON),
    { settings: strict({ breakGlassHours: 0 }) },
    'BreakGlassForbidden',
    /the platform allows none/,
  ],
  [
    'a change of who opened',
    glass(HOUR_ON, 'mallory'),
    { oldSpec: glass(HOUR_ON, 'root') },
    'ByForged',
    /"mallory" is not "root"/,
  ],
  [
    'a glass prolonged by somebody who may not',
    glass('2027-01-01T02:00:00Z'),
    { oldSpec: glass(HOUR_ON, 'root') },
    'MayNotOpen',
    /jane may not open/,
  ],
  [
    'another’s glass with another reason',
    glass(HOUR_ON, 'jane', 'I like it'),
    { oldSpec: glass(HOUR_ON, 'root') },
    'MayNotOpen',
    /jane may not open/,
  ],
  [
    'an open glass for other Pods',
    { ...glass(HOUR_ON), selector: {} },
    { oldSpec: { ...glass(HOUR_ON, 'root'), selector: { matchLabels: { app: 'web' } } } },
    'MayNotOpen',
    /jane may not open/,
  ],
  [
    'an open glass for other Pods that keeps the name',
    { ...glass(HOUR_ON, 'root') },
    { oldSpec: { ...glass(HOUR_ON, 'root'), selector: { matchLabels: { app: 'web' } } } },
    'MayNotOpen',
    /jane may not open/,
  ],
]
for (const [what, spec, more, reason, says] of REFUSED)
  t.test(`judgePolicy() refuses ${what}`, async (t) => {
    const verdict = judge(spec, more)
    t.match(verdict, { verdict: 'deny', reason, detail: says })
    t.match(verdict.detail, /^wafpolicy shop\/web is refused:\n/)
  })

const TAKEN: [what: string, spec: WafPolicySpec, more?: Partial<PolicyChange>][] = [
  ['nothing', {}],
  ['detect above a floor of detect', { mode: 'detect' }],
  ['block', { mode: 'block' }, { settings: strict({ lowestMode: 'block' }) }],
  ['an exclusion', { exclusions: [EXCLUSION] }],
  ['a lower limit', { limits: { bodyBytes: 4096, fieldsBytes: 4096 } }],
  [
    'what the platform permits',
    { exclusions: [{ tag: 'attack-sqli', path: '/a', reason: 'x' }] },
    { settings: strict({ exclusions: { tags: true, wholeRules: true } }) },
  ],
  [
    'what stood there before the platform became stricter',
    {
      mode: 'detect',
      paranoiaLevel: 2,
      exclusions: [{ rule: 942100, path: '/a', reason: 'x' }],
      limits: { bodyBytes: 1 << 28 },
    },
    {
      settings: strict({ lowestMode: 'block', exclusions: { most: 0 } }),
      oldSpec: {
        mode: 'detect',
        exclusions: [{ rule: 942100, path: '/a', reason: 'x' }],
        limits: { bodyBytes: 1 << 28 },
      },
    },
  ],
  ['a glass that is closed', {}, { oldSpec: glass(HOUR_ON, 'root') }],
  ['a glass that is shortened', glass('2027-01-01T00:30:00Z', 'root'), { oldSpec: glass(HOUR_ON, 'root') }],
  [
    'something else while another’s glass is open',
    { ...glass(HOUR_ON, 'root'), paranoiaLevel: 2 },
    { oldSpec: glass(HOUR_ON, 'root') },
  ],
  [
    'something else after the glass is over',
    { ...glass('2026-12-31T00:00:00Z', 'root'), selector: {} },
    { oldSpec: { ...glass('2026-12-31T00:00:00Z', 'root'), selector: { matchLabels: { a: 'b' } } } },
  ],
]
for (const [what, spec, more] of TAKEN)
  t.test(`judgePolicy() takes ${what}, and asks nobody`, async (t) => {
    t.match(judge(spec, more), { verdict: 'allow', reason: 'PolicyAccepted' })
    t.equal(needsMayOpen(change(spec, more)), false)
  })

t.test('judgePolicy() lets those open who may, and says so', async (t) => {
  t.equal(needsMayOpen(change(glass(HOUR_ON))), true)
  t.match(judge(glass(HOUR_ON), {}, true), {
    verdict: 'allow',
    reason: 'BreakGlassOpened',
    detail: /until 2027-01-01T01:00:00Z by jane/,
    warnings: [/nothing is refused/],
  })
  t.match(judge({ ...glass(HOUR_ON), mode: 'detect' }, { settings: strict({ lowestMode: 'block' }) }, true), {
    verdict: 'deny',
    reason: 'BelowFloor',
  })
})

t.test('judgePolicy() asks nobody about what is refused anyway', async (t) => {
  for (const [what, spec, more, reason] of REFUSED)
    if (reason !== 'MayNotOpen') t.equal(needsMayOpen(change(spec, more)), false, what)
})

t.test('judgePolicy() warns of what is let in', async (t) => {
  const old = { ...EXCLUSION, expires: '2026-12-31T00:00:00Z' }
  t.match(judge({ exclusions: [EXCLUSION, old, old] }).warnings, [
    /^spec\.exclusions\[1\] and 1 more: over, and left out/,
  ])
  t.match(judge({ mode: 'detect' }, { oldSpec: { mode: 'block' } }).warnings, [/nothing is refused, only told/])
  t.match(
    judge({ mode: 'detect' }, { oldSpec: { mode: 'detect' }, settings: strict({ lowestMode: 'block' }) }).warnings,
    [/detect has no effect/],
  )
})

t.test('judgePolicy() tells of twenty faults, each on one line', async (t) => {
  const { detail } = judge({
    exclusions: Array.from({ length: 30 }, () => ({
      ...EXCLUSION,
      parameter: undefined as never,
      path: '/\u2028\u202e',
    })),
  })
  const lines = detail.split('\n')
  t.equal(lines.length, 21)
  t.equal(lines.at(-1), 'and 11 more')
  t.notMatch(detail, /[\u2028\u202e]/)
})

t.test('rightBy() is whoever opens, and stays while nothing more is opened', async (t) => {
  t.equal(rightBy(change(glass(HOUR_ON, 'root'))), 'jane')
  t.equal(rightBy(change(glass(HOUR_ON, 'jane'), { oldSpec: glass(HOUR_ON, 'root') })), 'root')
  t.equal(rightBy(change(glass('2027-01-01T02:00:00Z'), { oldSpec: glass(HOUR_ON, 'root') })), 'jane')
  t.equal(rightBy(change({})), undefined)
})
