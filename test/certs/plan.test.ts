/** The table of states: what is there → the one next step. */
import t from 'tap'
import { bundleOf, plan, type Step, type Wanted } from '../../certs-job/plan.ts'
import type {
  CertState,
  CertView,
  ConfigurationState,
  Observed,
  RulesObserved,
  SigningView,
} from '../../certs-job/view.ts'
import { certView, DAY, held, NOW } from './support.ts'

const names = ['sekisho-webhook.sekisho-system.svc']
const rulesNames = ['sekisho-rules.sekisho-system.svc']
const wanted: Wanted = {
  certificates: 'own',
  names: { webhook: names, rules: rulesNames },
  backdateMs: 300_000,
  publishWaitMs: 30_000,
  overlapMs: DAY,
  rulesTrustMs: 7 * DAY,
  signingMs: 180 * DAY,
}
const ca = certView({ fingerprint: 'new-ca', isCa: true, notAfter: NOW + 364 * DAY })
const old = certView({ fingerprint: 'old-ca', isCa: true, notBefore: NOW - 300 * DAY, notAfter: NOW + 65 * DAY })
const leaf = certView({ fingerprint: 'leaf', names })
const young = certView({ fingerprint: 'young', names, notBefore: NOW - 300_000, notAfter: NOW + 30 * DAY })
const aging = certView({ fingerprint: 'aging', names, notBefore: NOW - 25 * DAY, notAfter: NOW + 5 * DAY })

const published = (bundle: string, other = bundle): ConfigurationState[] => [
  { kind: 'MutatingWebhookConfiguration', found: true, entries: [{ name: 'm', caBundle: bundle }] },
  {
    kind: 'ValidatingWebhookConfiguration',
    found: true,
    entries: [
      { name: 'v', caBundle: bundle },
      { name: 'w', caBundle: other },
    ],
  },
]
const absent: ConfigurationState[] = [
  { kind: 'MutatingWebhookConfiguration', found: false },
  { kind: 'ValidatingWebhookConfiguration', found: false },
]
const missing: CertState = { state: 'missing' }
const signing: SigningView = {
  current: { state: 'read', publicKey: 'A' },
  next: { state: 'read', publicKey: 'B' },
  nextPublic: 'B',
  previous: '',
  since: NOW - DAY,
}
/** The part of `sekisho rules`, told `bundle`; its leaf is as the webhook's. */
const rulesOf = (bundle: string, given: Partial<RulesObserved> = {}): RulesObserved => ({
  leaf: held({ ...leaf, fingerprint: 'rules', names: rulesNames }),
  leafIssuer: ca,
  leafBundle: bundle,
  signing,
  public: { ca: bundle, keys: 'A\nB\n' },
  ...given,
})
const state = (given: Partial<Observed>): Observed => {
  const webhook = { ca: held(ca), previous: [], leaf: held(leaf), leafIssuer: ca, ...given }
  const signer = webhook.ca.state === 'read' ? webhook.ca.cert : ca
  const bundle = bundleOf(signer, webhook.previous)
  const alike =
    webhook.leaf.state === 'read'
      ? held({ ...webhook.leaf.cert, fingerprint: 'rules', names: rulesNames })
      : webhook.leaf
  return {
    ...webhook,
    configurations: published(bundleOf(ca, [])),
    rules: rulesOf(bundle, { leaf: alike, leafIssuer: webhook.leafIssuer }),
    ...given,
  }
}
const served = { rules: rulesOf(bundleOf(ca, [])) }
const both = published(bundleOf(ca, [old]))
const dead: CertView = { ...old, notAfter: NOW }

/** The webhook has its leaf by the new CA, sekisho rules not yet. */
const handingOver = (age: number, leafEnds = NOW + 10 * DAY): Observed => {
  const made = { ...ca, notBefore: NOW - age - 300_000 }
  const bundle = bundleOf(made, [old])
  return state({
    ca: held(made),
    previous: [old],
    leaf: held(young),
    leafIssuer: made,
    configurations: published(bundle),
    rules: rulesOf(bundle, { leafIssuer: old, leaf: held({ ...leaf, names: rulesNames, notAfter: leafEnds }) }),
  })
}
const elsewhere = (bundle: string): Observed & { tool: true } => ({
  ...state({ ca: missing, leaf: missing, leafIssuer: null, configurations: [], rules: rulesOf(bundle) }),
  tool: true,
})

const rows: [string, Observed, number, Partial<Step> & { do: Step['do'] }][] = [
  [
    'nothing at all',
    state({ ca: missing, leaf: missing, leafIssuer: null, configurations: absent }),
    0,
    { do: 'make-ca', reason: 'Missing', previous: [] },
  ],
  [
    'a CA and no leaf',
    state({ leaf: missing, leafIssuer: null, configurations: absent, ...served }),
    0,
    { do: 'issue-leaf', leaf: 'webhook', reason: 'Missing' },
  ],
  [
    'certificates, no configurations',
    state({ configurations: absent }),
    0,
    { do: 'await-configuration', reason: 'ConfigurationMissing' },
  ],
  [
    'empty bundles',
    state({ configurations: published('') }),
    0,
    { do: 'publish', kind: 'MutatingWebhookConfiguration', bundle: bundleOf(ca, []) },
  ],
  [
    'one entry reset by another tool',
    state({ configurations: published(bundleOf(ca, []), '') }),
    0,
    { do: 'publish', kind: 'ValidatingWebhookConfiguration' },
  ],
  [
    'a foreign CA added to one entry',
    state({ configurations: published(bundleOf(ca, []), bundleOf(ca, [old])) }),
    0,
    { do: 'publish' },
  ],
  ['all right', state({}), 0, { do: 'nothing', reason: 'AllRight' }],
  [
    'a leaf that is due',
    state({ leaf: held(aging) }),
    0,
    { do: 'issue-leaf', reason: 'RenewalDue', replaces: 'a serving leaf' },
  ],
  [
    'a leaf that is due, bundles reset',
    state({ leaf: held(aging), configurations: published('') }),
    0,
    { do: 'publish' },
  ],
  [
    'a CA that is due',
    state({ ca: held(old), leafIssuer: old, configurations: published(bundleOf(old, [])) }),
    0,
    { do: 'make-ca', reason: 'RenewalDue', previous: [old] },
  ],
  [
    'new CA made, not published',
    state({ previous: [old], leafIssuer: old, configurations: published(bundleOf(old, [])) }),
    0,
    { do: 'publish', bundle: bundleOf(ca, [old]) },
  ],
  [
    'new CA just published',
    state({ previous: [old], leafIssuer: old, configurations: both }),
    0,
    { do: 'await-trust', ms: 30_000 },
  ],
  [
    'new CA published 29 s ago',
    state({ previous: [old], leafIssuer: old, configurations: both }),
    29_000,
    { do: 'await-trust', ms: 1_000 },
  ],
  [
    'new CA published 30 s ago',
    state({ previous: [old], leafIssuer: old, configurations: both }),
    30_000,
    { do: 'issue-leaf', reason: 'IssuerReplaced' },
  ],
  ['leaf just switched', state({ previous: [old], leaf: held(young), configurations: both }), 0, { do: 'nothing' }],
  [
    'leaf switched a day ago',
    state({ previous: [old], leaf: held({ ...young, notBefore: NOW - DAY - 300_000 }), configurations: both }),
    0,
    { do: 'drop-previous', previous: [] },
  ],
  ['old CA dropped, still in bundles', state({ configurations: both }), 0, { do: 'publish', bundle: bundleOf(ca, []) }],
  ['key of the CA lost', state({ ca: held(ca, false) }), 0, { do: 'make-ca', reason: 'KeyMismatch', previous: [ca] }],
  [
    'CA Secret emptied, leaf still serves',
    state({ ca: missing }),
    0,
    { do: 'make-ca', reason: 'Missing', previous: [ca] },
  ],
  [
    'CA Secret emptied, leaf ended',
    state({ ca: missing, leaf: held({ ...leaf, notAfter: NOW }) }),
    0,
    { do: 'make-ca', previous: [] },
  ],
  [
    'CA ended',
    state({ ca: held(dead), leafIssuer: dead, leaf: held({ ...leaf, notAfter: NOW }) }),
    0,
    { do: 'make-ca', reason: 'Expired', previous: [] },
  ],
  [
    'CA of the future, after a clock was set back',
    state({ ca: held({ ...ca, notBefore: NOW + 1 }), leafIssuer: { ...ca, notBefore: NOW + 1 } }),
    0,
    { do: 'make-ca', reason: 'NotYetValid', previous: [] },
  ],
  [
    'leaf of the future',
    state({ leaf: held({ ...leaf, notBefore: NOW + 1 }), ...served }),
    0,
    { do: 'issue-leaf', leaf: 'webhook', reason: 'NotYetValid', replaces: 'nothing that serves' },
  ],
  ['leaf by an unknown CA', state({ leafIssuer: null, ...served }), 0, { do: 'issue-leaf', reason: 'IssuerUnknown' }],
  [
    'no leaf for sekisho rules: it comes before the webhook’s first, whose Pods wait for theirs',
    state({ leaf: missing, leafIssuer: null, rules: rulesOf('', { leaf: missing, leafIssuer: null }) }),
    0,
    { do: 'issue-leaf', leaf: 'rules', reason: 'Missing' },
  ],
  [
    'no signing keys, and no webhook leaf',
    state({ leaf: missing, leafIssuer: null, rules: { ...served.rules, signing: { ...signing, current: missing } } }),
    0,
    { do: 'make-signing-keys', reason: 'KeyMissing' },
  ],
  [
    'a Secret of sekisho rules that names another CA',
    state({ rules: rulesOf(bundleOf(ca, []), { leafBundle: old.pem }) }),
    0,
    { do: 'tell-rules', where: 'Secret', bundle: bundleOf(ca, []) },
  ],
  [
    'a ConfigMap without keys, and no webhook leaf',
    state({
      leaf: missing,
      leafIssuer: null,
      rules: rulesOf(bundleOf(ca, []), { public: { ca: bundleOf(ca, []), keys: '' } }),
    }),
    0,
    { do: 'tell-rules', where: 'ConfigMap', bundle: bundleOf(ca, []), keys: 'A\nB\n' },
  ],
  [
    'a leaf of sekisho rules that is due',
    state({ rules: rulesOf(bundleOf(ca, []), { leaf: held({ ...aging, names: rulesNames }) }) }),
    0,
    { do: 'issue-leaf', leaf: 'rules', reason: 'RenewalDue', replaces: 'a serving leaf' },
  ],
  ['a new CA a week ago', handingOver(7 * DAY), 0, { do: 'issue-leaf', leaf: 'rules', reason: 'IssuerReplaced' }],
  ['a new CA less than a week ago', handingOver(7 * DAY - 1), 0, { do: 'nothing', nextAt: NOW + 1 }],
  [
    'a new CA today, and a leaf of sekisho rules that ends within the hour',
    handingOver(DAY, NOW + 3_600_000),
    0,
    { do: 'issue-leaf', leaf: 'rules', reason: 'IssuerReplaced' },
  ],
  ['another tool’s certificates, all right', elsewhere(ca.pem), 0, { do: 'nothing', reason: 'AllRight' }],
  ['another tool’s certificates, not there', elsewhere(''), 0, { do: 'await-leaf', reason: 'LeafMissing' }],
  [
    'another tool’s new CA',
    { ...elsewhere(old.pem), rules: rulesOf(old.pem, { public: served.rules.public }) },
    0,
    { do: 'tell-rules', where: 'ConfigMap', bundle: old.pem },
  ],
]
for (const [what, observed, trustedFor, step] of rows)
  t.test(`plan() with ${what}: ${step.do}`, async (t) => {
    const certificates = 'tool' in observed ? 'elsewhere' : 'own'
    const said = plan(observed, { ...wanted, certificates }, NOW, trustedFor)
    t.match(said, step)
    if ('previous' in step && 'previous' in said) t.same(said.previous, step.previous)
  })

t.test('plan() names the moment of the next change', async (t) => {
  const said = plan(state({ leaf: held(leaf) }), wanted, NOW, 0)
  t.match(said, { do: 'nothing', nextAt: NOW - DAY + 20 * DAY })
})
