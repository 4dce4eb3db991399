/** What a bundle is made from: the policy, the ConfigMaps it names, and the platform. */
import t from 'tap'
import type { WafPolicySpec } from '../../../src/api/waf-policy.ts'
import { policySettings } from '../../../src/config/rules.ts'
import { countCustomRules, recipeInput } from '../../../src/rules/policy/recipe.ts'
import type { RuleConfigMap } from '../../../src/rules/policy/rule-files.ts'
import { compiled } from '../compile/support.ts'

const SETTINGS = policySettings.parse({})
const LABEL = { 'sekisho.dev/rules': '' }
const rule = (id: number) => `SecAction "id:${id},phase:1,pass,nolog"\n`
const map = (name: string, data: Record<string, string>, more: Partial<RuleConfigMap> = {}): RuleConfigMap => ({
  name,
  labels: LABEL,
  data,
  binaryKeys: [],
  ...more,
})
const OWN = map('sekisho-rules', { 'b.conf': rule(2), 'a.conf': rule(1), 'notes.txt': 'x' }, { labels: {} })
const TEAM = map('team', { 'rules.conf': rule(3) })
const of = (spec: WafPolicySpec | undefined, maps: RuleConfigMap[] = [OWN, TEAM], settings = SETTINGS) =>
  recipeInput(spec && { spec }, maps, settings)
const names = (texts: readonly { name: string }[]) => texts.map(({ name }) => name)

t.test('recipeInput() without a policy takes the platform’s defaults and sekisho-rules', async (t) => {
  const { setup, before, after, exclusions, permit, problems } = of(undefined)
  t.strictSame(setup, {
    paranoiaLevel: 1,
    allowedMethods: SETTINGS.allowedMethods,
    bodyLimitBytes: 13_107_200,
    fieldsLimitBytes: 1_048_576,
  })
  t.strictSame(before, [
    { name: 'sekisho-rules/a.conf', text: rule(1) },
    { name: 'sekisho-rules/b.conf', text: rule(2) },
  ])
  t.strictSame([after, exclusions, problems], [[], [], []])
  t.strictSame(permit, { tags: false, wholeRules: false })
  t.strictSame(of(undefined, []).before, [], 'where there is none, none is missing')
})

t.test('recipeInput() takes what the policy names, in its order', async (t) => {
  const { before, after, problems } = of({ rules: { before: ['team', 'sekisho-rules'] } })
  t.strictSame(names(before), ['team/rules.conf', 'sekisho-rules/a.conf', 'sekisho-rules/b.conf'])
  t.strictSame([after, problems], [[], []])
  t.strictSame(
    names(of({ rules: { after: ['team'] } }).before),
    ['sekisho-rules/a.conf', 'sekisho-rules/b.conf'],
    'without before',
  )
  t.strictSame(names(of({ rules: { before: [] } }).before), [], 'none on purpose')
  const late = of({ rules: { after: ['sekisho-rules'] } })
  t.strictSame(
    [names(late.before), names(late.after)],
    [[], ['sekisho-rules/a.conf', 'sekisho-rules/b.conf']],
    'not twice',
  )
})

t.test('recipeInput() lowers the body’s limit and never raises it, and keeps the fields within it', async (t) => {
  const limits = (value: WafPolicySpec['limits']) => of({ limits: value! }).setup
  t.match(limits({ bodyBytes: 1 << 30 }), { bodyLimitBytes: 13_107_200, fieldsLimitBytes: 1_048_576 })
  t.match(limits({ bodyBytes: 4096 }), { bodyLimitBytes: 4096, fieldsLimitBytes: 4096 })
  t.match(limits({ fieldsBytes: 5_000_000 }), { bodyLimitBytes: 13_107_200, fieldsLimitBytes: 5_000_000 })
  t.match(limits({ fieldsBytes: 1 << 30 }), { fieldsLimitBytes: 13_107_200 })
  t.strictSame(
    limits({ arguments: 1, argumentNameBytes: 2, argumentValueBytes: 3, argumentsTotalBytes: 4 }).argumentLimits,
    {
      count: 1,
      nameBytes: 2,
      valueBytes: 3,
      totalBytes: 4,
    },
  )
})

t.test('recipeInput() hands the rest on as it is', async (t) => {
  const spec: WafPolicySpec = {
    paranoiaLevel: 2,
    allowedMethods: ['GET'],
    languages: [],
    onlyFrom: ['192.0.2.0/24'],
    exclusions: [{ rule: 942100, path: '/a', parameter: 'q', reason: 'x' }],
  }
  const { setup, exclusions, permit } = of(
    spec,
    [],
    policySettings.parse({ exclusions: { tags: true, wholeRules: true } }),
  )
  t.match(setup, { paranoiaLevel: 2, allowedMethods: ['GET'], languages: [], onlyFrom: ['192.0.2.0/24'] })
  t.strictSame(exclusions, spec.exclusions)
  t.strictSame(permit, { tags: true, wholeRules: true })
})

for (const [what, spec, maps, code, where, says] of [
  [
    'a ConfigMap that is not there',
    { rules: { before: ['team', 'gone'] } },
    [TEAM],
    'ConfigMapMissing',
    'spec.rules.before[1]',
    /no ConfigMap gone with the label sekisho\.dev\/rules: create it, or kubectl label configmap gone/,
  ],
  [
    'sekisho-rules where it is named and not there',
    { rules: { after: ['sekisho-rules'] } },
    [],
    'ConfigMapMissing',
    'spec.rules.after[0]',
    /sekisho-rules/,
  ],
  [
    'a ConfigMap without the label',
    { rules: { before: ['team'] } },
    [map('team', TEAM.data, { labels: { 'sekisho.dev/waf': 'x' } })],
    'ConfigMapUnlabelled',
    'spec.rules.before[0]',
    /kubectl label configmap team sekisho\.dev\/rules=true/,
  ],
  [
    'a ConfigMap without rule files',
    { rules: { before: ['team'] } },
    [map('team', { 'rules.txt': rule(1) })],
    'ConfigMapEmpty',
    'spec.rules.before[0]',
    /no key that ends in \.conf/,
  ],
  [
    'a rule file that is not text',
    undefined,
    [map('sekisho-rules', {}, { binaryKeys: ['b.bin', 'a.conf'] })],
    'RulesUnreadable',
    'sekisho-rules',
    /a\.conf .* write it in UTF-8/,
  ],
  [
    'more exclusions than the platform takes',
    { exclusions: Array(101).fill({ rule: 942100, path: '/', parameter: 'a', reason: 'x' }) },
    [],
    'TooManyExclusions',
    'spec.exclusions',
    /101 exclusions: the platform takes at most 100/,
  ],
] as const)
  t.test(`recipeInput() tells of ${what}`, async (t) => {
    const { problems } = of(spec as WafPolicySpec, maps as never)
    t.equal(problems.length, 1)
    t.match(problems, [{ code, where, message: says }])
  })

t.test('recipeInput() is what compile() takes, and rules are counted as the engine counts', async (t) => {
  const chain = `SecRule ARGS "@rx a" "id:9,phase:2,deny,chain"\n    SecRule ARGS "@rx b" "t:none"\n`
  const input = of({ rules: { after: ['team'] }, onlyFrom: ['192.0.2.0/24'] }, [
    OWN,
    map('team', { 'rules.conf': chain }),
  ])
  const { setup, before, after, exclusions, permit } = input
  t.equal(countCustomRules(input), 3)
  const content = compiled({ setup, before, after, exclusions, permit })
  t.equal(content.rules, compiled({ setup }).rules + 3)
  t.strictSame(content.onlyFrom, ['192.0.2.0/24'])
})
