/**
 * What the schema of WafPolicy refuses without asking us, on a real API server: each rule once refused, with the sentence that says what mends it,
 * and each form that is valid taken.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { WAF_POLICY, type WafPolicySpec } from '../../src/api/waf-policy.ts'
import { GENERATED_IDS } from '../../src/rules/compile/ids.ts'
import { LANGUAGES } from '../../src/rules/compile/languages.ts'
import { DETECTING_IDS } from '../../src/rules/language/allow.ts'
import { statusOf } from '../../src/rules/policy/status.ts'
import { startCluster } from '../cluster/start.ts'
import { BASE } from './render.ts'

const FILE = join(BASE, 'waf-policy.yaml')
const definition = parse(readFileSync(FILE, 'utf8'))

const exclusion = (change: object): { exclusions: object[] } => ({
  exclusions: [{ rule: 942100, path: '/a', parameter: 'q', reason: 'notes about SQL', ...change }],
})
const until = '2027-04-01T00:00:00Z'
const label = (selector: object) => ({ selector })

const REFUSED: [what: string, spec: object, says: RegExp][] = [
  [
    'a mode of another name',
    { mode: 'off' },
    /spec\.mode: Unsupported value: "off": supported values: "block", "detect"/,
  ],
  ['paranoia level 0', { paranoiaLevel: 0 }, /spec\.paranoiaLevel: .*greater than or equal to 1/],
  ['paranoia level 5', { paranoiaLevel: 5 }, /spec\.paranoiaLevel: .*less than or equal to 4/],
  ['paranoia level 1.5', { paranoiaLevel: 1.5 }, /spec\.paranoiaLevel: .*integer/],
  ['no method', { allowedMethods: [] }, /spec\.allowedMethods: .*at least 1/],
  ['a method in small letters', { allowedMethods: ['get'] }, /spec\.allowedMethods\[0\]/],
  ['a method that would end the rule', { allowedMethods: [`GET' "id:1`] }, /spec\.allowedMethods\[0\]/],
  ['a method twice', { allowedMethods: ['GET', 'GET'] }, /spec\.allowedMethods\[1\]: Duplicate value/],
  ['a small body limit', { limits: { bodyBytes: 1 } }, /spec\.limits\.bodyBytes: .*1024/],
  ['a huge body limit', { limits: { bodyBytes: 2 ** 31 } }, /spec\.limits\.bodyBytes/],
  [
    'fields larger than the body',
    { limits: { bodyBytes: 2048, fieldsBytes: 4096 } },
    /spec\.limits\.fieldsBytes: .*fieldsBytes must not be larger than bodyBytes/,
  ],
  [
    'a value larger than all values',
    { limits: { argumentValueBytes: 2, argumentsTotalBytes: 1 } },
    /argumentValueBytes must not be larger than argumentsTotalBytes/,
  ],
  ['more arguments than the engine reads', { limits: { arguments: 1001 } }, /spec\.limits\.arguments/],
  ['no argument', { limits: { arguments: 0 } }, /spec\.limits\.arguments/],
  ['a long name', { limits: { argumentNameBytes: 65_537 } }, /spec\.limits\.argumentNameBytes/],
  ['an unknown language', { languages: ['cobol'] }, /spec\.languages\[0\]: Unsupported value: "cobol"/],
  ['a language twice', { languages: ['php', 'php'] }, /Duplicate value/],
  ['an exclusion of neither', exclusion({ rule: undefined }), /spec\.exclusions\[0\]: .*exactly one of rule and tag/],
  ['an exclusion of both', exclusion({ tag: 'attack-sqli' }), /spec\.exclusions\[0\]: .*exactly one of rule and tag/],
  [
    'two targets',
    exclusion({ cookie: 'a' }),
    /at most one of parameter, cookie and header: write one exclusion for each/,
  ],
  ['three targets', exclusion({ cookie: 'a', header: 'b' }), /at most one of parameter, cookie and header/],
  ['a rule below those that detect', exclusion({ rule: 910_999 }), /spec\.exclusions\[0\]\.rule: .*911000/],
  ['a rule above those that detect', exclusion({ rule: 949_110 }), /spec\.exclusions\[0\]\.rule: .*944999/],
  ['a rule in words', exclusion({ rule: '942100' }), /spec\.exclusions\[0\]\.rule/],
  ['a tag that is none', exclusion({ rule: undefined, tag: 'a;b' }), /spec\.exclusions\[0\]\.tag/],
  ['no path', exclusion({ path: undefined }), /spec\.exclusions\[0\]\.path: Required value/],
  ['a path without /', exclusion({ path: 'api' }), /spec\.exclusions\[0\]\.path/],
  ['a path with a query', exclusion({ path: '/api?a=1' }), /spec\.exclusions\[0\]\.path/],
  ['a path with a blank', exclusion({ path: '/a b' }), /spec\.exclusions\[0\]\.path/],
  ['a path of two lines', exclusion({ path: '/a\n/b' }), /spec\.exclusions\[0\]\.path/],
  ['a long path', exclusion({ path: `/${'a'.repeat(1000)}` }), /spec\.exclusions\[0\]\.path: Too long/],
  ['a star inside a path', exclusion({ path: '/a/*/b' }), /spec\.exclusions\[0\]\.path: .*a \* stands only at the end/],
  ['a star without a slash', exclusion({ path: '/a*' }), /a \* stands only at the end/],
  ['a star twice', exclusion({ path: '/*/*' }), /a \* stands only at the end/],
  ['a parameter that ends the action', exclusion({ parameter: 'a,pass' }), /spec\.exclusions\[0\]\.parameter/],
  ['an empty cookie', exclusion({ parameter: undefined, cookie: '' }), /spec\.exclusions\[0\]\.cookie/],
  ['a header with a colon', exclusion({ parameter: undefined, header: 'a:b' }), /spec\.exclusions\[0\]\.header/],
  ['no reason', exclusion({ reason: undefined }), /spec\.exclusions\[0\]\.reason: Required value/],
  ['a blank reason', exclusion({ reason: '  ' }), /spec\.exclusions\[0\]\.reason/],
  ['a long reason', exclusion({ reason: 'a'.repeat(501) }), /spec\.exclusions\[0\]\.reason: Too long/],
  ['a day as the end', exclusion({ expires: '2027-04-01' }), /spec\.exclusions\[0\]\.expires: .*date-time/],
  ['a day that is not', exclusion({ expires: '2027-02-30T00:00:00Z' }), /spec\.exclusions\[0\]\.expires/],
  [
    'more exclusions than any platform takes',
    { exclusions: Array.from({ length: 1001 }, () => exclusion({}).exclusions[0]) },
    /spec\.exclusions: Too many/,
  ],
  ['a name of no ConfigMap', { rules: { before: ['A'] } }, /spec\.rules\.before\[0\]/],
  ['a name twice', { rules: { after: ['a', 'a'] } }, /spec\.rules\.after\[1\]: Duplicate value/],
  [
    'a ConfigMap before and after',
    { rules: { before: ['a'], after: ['b', 'a'] } },
    /before the Core Rule Set or after it, not both/,
  ],
  [
    'many ConfigMaps',
    { rules: { before: Array.from({ length: 17 }, (_, i) => `a${i}`) } },
    /spec\.rules\.before: Too many/,
  ],
  [
    'an address without a width',
    { onlyFrom: ['192.0.2.1'] },
    /spec\.onlyFrom\[0\]: .*must be a range of addresses such as 192\.0\.2\.0\/24/,
  ],
  ['a range too wide', { onlyFrom: ['192.0.2.0/33'] }, /must be a range of addresses/],
  ['a name for a range', { onlyFrom: ['cdn.example/24'] }, /must be a range of addresses/],
  ['a range twice', { onlyFrom: ['192.0.2.0/24', '192.0.2.0/24'] }, /Duplicate value/],
  ['nobody', { onlyFrom: [] }, /spec\.onlyFrom: .*at least 1/],
  ['break-glass without an end', { breakGlass: { reason: 'a' } }, /spec\.breakGlass\.until: Required value/],
  [
    'break-glass until a day',
    { breakGlass: { until: '2027-04-01', reason: 'a' } },
    /spec\.breakGlass\.until: .*date-time/,
  ],
  ['break-glass without why', { breakGlass: { until } }, /spec\.breakGlass\.reason: Required value/],
  ['break-glass for a blank', { breakGlass: { until, reason: ' ' } }, /spec\.breakGlass\.reason/],
  ['a label with a blank', label({ matchLabels: { app: 'a b' } }), /spec\.selector\.matchLabels/],
  ['a key that is no label', label({ matchLabels: { 'a b': 'c' } }), /each key must be that of a label/],
  [
    'an unknown operator',
    label({ matchExpressions: [{ key: 'a', operator: 'in', values: ['b'] }] }),
    /Unsupported value: "in"/,
  ],
  ['In without values', label({ matchExpressions: [{ key: 'a', operator: 'In' }] }), /give values with In and NotIn/],
  [
    'Exists with values',
    label({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }),
    /none with Exists and DoesNotExist/,
  ],
  ['an unknown field', { paranoia: 2 }, /unknown field "spec\.paranoia"/],
  ['an unknown part of an exclusion', exclusion({ id: 1 }), /unknown field "spec\.exclusions\[0\]\.id"/],
]

const TAKEN: [what: string, spec: WafPolicySpec][] = [
  ['nothing', {}],
  ['each mode', { mode: 'detect' }],
  ['the highest level', { paranoiaLevel: 4 }],
  ['methods with a hyphen', { allowedMethods: ['GET', 'M-SEARCH'] }],
  ['fields as large as the body', { limits: { bodyBytes: 4096, fieldsBytes: 4096 } }],
  ['fields alone', { limits: { fieldsBytes: 13_107_200 } }],
  [
    'all limits',
    { limits: { arguments: 1000, argumentNameBytes: 100, argumentValueBytes: 400, argumentsTotalBytes: 64_000 } },
  ],
  ['all languages', { languages: Object.keys(LANGUAGES) }],
  ['no language', { languages: [] }],
  ['an exclusion of the first rule that detects', exclusion({ rule: DETECTING_IDS.first }) as WafPolicySpec],
  ['an exclusion of the last', exclusion({ rule: DETECTING_IDS.last }) as WafPolicySpec],
  ['an exclusion by tag', exclusion({ rule: undefined, tag: 'paranoia-level/2' }) as WafPolicySpec],
  ['an exclusion of a whole rule', exclusion({ parameter: undefined }) as WafPolicySpec],
  ['an exclusion of a name of JSON', exclusion({ parameter: 'json.order.items.array_0.sku' }) as WafPolicySpec],
  ['an exclusion of a header', exclusion({ parameter: undefined, header: 'X-Forwarded-Host' }) as WafPolicySpec],
  ['an exclusion below a path', exclusion({ path: '/api/*' }) as WafPolicySpec],
  ['an exclusion below everything', exclusion({ path: '/*' }) as WafPolicySpec],
  ['an exclusion in another script', exclusion({ path: '/検索/%2A' }) as WafPolicySpec],
  ['an exclusion that ends', exclusion({ expires: '2027-04-01T00:00:00.5+09:00' }) as WafPolicySpec],
  ['a thousand exclusions', { exclusions: Array.from({ length: 1000 }, () => exclusion({}).exclusions[0]) as never }],
  ['rules before and after', { rules: { before: ['team-rules', 'sekisho-rules'], after: ['late.rules'] } }],
  ['ranges', { onlyFrom: ['192.0.2.0/24', '2001:db8::/32', '0.0.0.0/0'] }],
  ['break-glass', { breakGlass: { until, reason: 'the shop is down', by: 'jane' } }],
  [
    'a selector',
    {
      selector: {
        matchLabels: { 'app.kubernetes.io/name': 'web', tier: '' },
        matchExpressions: [
          { key: 'a', operator: 'DoesNotExist' },
          { key: 'b', operator: 'NotIn', values: ['c', ''] },
        ],
      },
    },
  ],
]

t.test('the definition and the program name the same things', async (t) => {
  const { spec } = definition
  const [version] = spec.versions
  t.match({ group: spec.group, version: version.name, kind: spec.names.kind, plural: spec.names.plural }, WAF_POLICY)
  const properties = version.schema.openAPIV3Schema.properties.spec.properties
  t.strictSame(properties.languages.items.enum, Object.keys(LANGUAGES))
  const { minimum, maximum } = properties.exclusions.items.properties.rule
  t.strictSame({ first: minimum, last: maximum }, DETECTING_IDS)
  t.equal(properties.exclusions.maxItems, 1000)
  t.ok(properties.exclusions.maxItems <= GENERATED_IDS.last - GENERATED_IDS.exclusions, 'each path has an id')
})

t.test('WafPolicy on a real API server', async (t) => {
  const cluster = await startCluster({ size: 'control-plane' })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['create', '-f', FILE])
  await cluster.established('wafpolicies.sekisho.dev')
  await cluster.createNamespace('shop')
  const create = (spec: object, name = 'web') =>
    cluster.kubectl(['create', '-n', 'shop', '--dry-run=server', '--validate=strict', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'sekisho.dev/v1alpha1', kind: 'WafPolicy', metadata: { name }, spec }),
    })

  t.test('the definition is taken without a warning, and its schema is structural', async (t) => {
    const { status } = JSON.parse(await cluster.kubectlOk(['get', 'crd', 'wafpolicies.sekisho.dev', '-o', 'json']))
    const wrong = status.conditions.filter(({ type }: { type: string }) => type === 'NonStructuralSchema')
    t.strictSame(wrong, [])
    const { stderr } = await cluster.kubectl(['apply', '--dry-run=server', '-f', FILE])
    t.notMatch(stderr, /^Warning: (?!resource)/m)
  })

  for (const [what, spec, says] of REFUSED)
    t.test(`the schema refuses ${what}`, async (t) => {
      const { code, stderr } = await create(spec)
      t.equal(code, 1)
      t.match(stderr, says)
    })

  for (const [what, spec] of TAKEN)
    t.test(`the schema takes ${what}`, async (t) => t.match(await create(spec), { code: 0, stderr: '' }))

  t.test('the schema refuses a name that no target could bear', async (t) => {
    t.match((await create({}, 'a'.repeat(64))).stderr, /the name of a WafPolicy has at most 63 characters/)
  })

  t.test('kubectl get wafpolicies is a page by itself', async (t) => {
    const input = JSON.stringify({
      apiVersion: 'sekisho.dev/v1alpha1',
      kind: 'WafPolicy',
      metadata: { name: 'web' },
      spec: { mode: 'block' },
    })
    await cluster.kubectlOk(['create', '-n', 'shop', '-f', '-'], { input })
    const status = statusOf(
      { generation: 1, status: {} },
      {
        release: '4.25.0',
        generation: 'crs-4.25.0-0123456789abcdef',
        customRules: 3,
        pods: { total: 12, enforcing: 12, pending: 0, failed: 0, outdatedEngine: 0 },
        problems: [],
        failures: [],
        conflictsWith: [],
        mode: 'block',
        breakGlass: { status: 'closed' },
      },
      Date.now(),
    )
    await cluster.kubectlOk([
      '-n',
      'shop',
      'patch',
      'waf',
      'web',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ])
    const page = await cluster.kubectlOk(['-n', 'shop', 'get', 'waf'])
    t.match(
      page,
      /^NAME +MODE +RULES +ENFORCED +ACCEPTED +AGE\nweb +block +crs-4\.25\.0\+3 custom +12\/12 +True +\d+s\n$/,
    )
    t.match(await cluster.kubectlOk(['-n', 'shop', 'get', 'sekisho']), /^NAME/, 'by its category')
    const stored = JSON.parse(await cluster.kubectlOk(['-n', 'shop', 'get', 'waf', 'web', '-o', 'json']))
    t.strictSame(stored.status, status, 'nothing of the status is pruned')
    await cluster.kubectlOk(['-n', 'shop', 'patch', 'waf', 'web', '--type=merge', '-p', '{"status":{"mode":"x"}}'])
    t.match(await cluster.kubectlOk(['-n', 'shop', 'get', 'waf', 'web', '-o', 'jsonpath={.status.mode}']), 'block')
  })
})
