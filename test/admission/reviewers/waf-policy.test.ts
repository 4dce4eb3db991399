/** The reviewers of WafPolicies: what they write, whom they ask, and what they leave to the schema. */
import t from 'tap'
import type { Review } from '../../../src/admission/review.ts'
import { configMapReviewer } from '../../../src/admission/reviewers/config-map.ts'
import { policyMutateReviewer, policyReviewer } from '../../../src/admission/reviewers/waf-policy.ts'
import type { KubeObject } from '../../../src/api/kube.ts'
import { policySettings } from '../../../src/config/rules.ts'

const NOW = Date.parse('2027-01-01T00:00:00Z')
const signal = AbortSignal.timeout(30_000)
const review = (spec: unknown, oldSpec?: unknown): Review => {
  const object = (value: unknown) => ({ metadata: { name: 'web' }, spec: value }) as KubeObject
  return {
    uid: 'u',
    kind: { group: 'sekisho.dev', version: 'v1alpha1', kind: 'WafPolicy' },
    resource: { group: 'sekisho.dev', version: 'v1alpha1', resource: 'wafpolicies' },
    subResource: '',
    name: 'web',
    namespace: 'shop',
    operation: oldSpec === undefined ? 'CREATE' : 'UPDATE',
    userInfo: { username: 'jane', groups: ['team'] },
    object: object(spec),
    oldObject: oldSpec === undefined ? null : object(oldSpec),
    dryRun: false,
  }
}
const glass = (more: object = {}) => ({ breakGlass: { until: '2027-01-01T01:00:00Z', reason: 'down', ...more } })
const mutate = policyMutateReviewer({ now: () => NOW })
const asked: unknown[] = []
const validate = policyReviewer({
  reader: {
    mayOpen: async (user, namespace) => {
      asked.push([user.username, user.groups, namespace])
      return true
    },
  },
  settings: policySettings.parse({}),
  now: () => NOW,
})

for (const [what, spec, oldSpec, patch] of [
  ['writes who opens', glass(), undefined, [{ op: 'add', path: '/spec/breakGlass/by', value: 'jane' }]],
  [
    'overwrites another name',
    glass({ by: 'root' }),
    undefined,
    [{ op: 'add', path: '/spec/breakGlass/by', value: 'jane' }],
  ],
  ['leaves the right name, so that it can be asked again', glass({ by: 'jane' }), undefined, undefined],
  [
    'keeps the name of who opened',
    glass({ by: 'jane' }),
    glass({ by: 'root' }),
    [{ op: 'add', path: '/spec/breakGlass/by', value: 'root' }],
  ],
  [
    'takes a name away that nobody had',
    glass({ by: 'jane' }),
    glass(),
    [{ op: 'remove', path: '/spec/breakGlass/by' }],
  ],
  ['leaves a policy without break-glass', {}, undefined, undefined],
  ['leaves what is no policy to the schema', { breakGlass: 'now' }, undefined, undefined],
  ['leaves what has no spec to the schema', undefined, undefined, undefined],
  ['leaves what has a list for a spec to the schema', [{ breakGlass: {} }], undefined, undefined],
] as const)
  t.test(`policyMutateReviewer() ${what}`, async (t) => {
    const verdict = await mutate(review(spec, oldSpec), signal)
    t.equal(verdict.verdict, 'allow')
    t.strictSame('patch' in verdict ? verdict.patch : undefined, patch)
  })

t.test(
  'policyReviewer() asks who may open with the whole of the user, and only where something is opened',
  async (t) => {
    t.match(await validate(review({ mode: 'block' }), signal), { verdict: 'allow', reason: 'PolicyAccepted' })
    t.match(await validate(review(glass({ by: 'jane', until: '2027-01-03T00:00:00Z' })), signal), { verdict: 'deny' })
    t.strictSame(asked, [])
    t.match(await validate(review(glass({ by: 'jane' })), signal), { verdict: 'allow', reason: 'BreakGlassOpened' })
    t.strictSame(asked, [['jane', ['team'], 'shop']])
  },
)

t.test('policyReviewer() refuses as malformed what the schema would not have let through', async (t) => {
  for (const spec of [
    { breakGlass: 'now' },
    { exclusions: [{}] },
    { exclusions: 'all' },
    'none',
    { limits: { bodyBytes: '1' } },
  ]) {
    await t.rejects(validate(review(spec), signal), { code: 'BadObject' })
    await t.rejects(validate(review({}, spec), signal), { code: 'BadObject' })
  }
  t.match(await validate(review({ breakGlass: null, exclusions: null }), signal), { verdict: 'allow' })
})

t.test('configMapReviewer() judges by name and label, of the new object and the old', async (t) => {
  const of = (name: string, labels?: Record<string, string>, oldLabels?: Record<string, string>) => {
    const object = (value?: Record<string, string>) =>
      ({ metadata: { name, ...(value && { labels: value }) }, data: { 'a.conf': 'SecRuleEngine Off' } }) as KubeObject
    return configMapReviewer({ idsNamespace: 'sekisho-node', idsRulesAllow: [] })(
      { ...review({}), object: object(labels), oldObject: oldLabels ? object(oldLabels) : null },
      signal,
    )
  }
  const LABEL = { 'sekisho.dev/rules': '' }
  t.match(await of('sekisho-rules'), { verdict: 'deny', detail: /^a\.conf:1: / })
  t.match(await of('team', LABEL), { verdict: 'deny' })
  t.match(await of('team', {}, LABEL), { verdict: 'deny' })
  t.match(await of('team', {}, {}), { verdict: 'allow', reason: 'NotConcerned' })
  t.match(await of('sekisho-rules-state-0'), { verdict: 'allow', reason: 'NotConcerned' })
})
