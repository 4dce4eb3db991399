/** The table of states: what is there → the one next step. */
import t from 'tap'
import { bundleOf, plan, type Step, type Wanted } from '../../certs-job/plan.ts'
import type { CertState, CertView, ConfigurationState, Observed } from '../../certs-job/view.ts'
import { certView, DAY, held, NOW } from './support.ts'

const names = ['sekisho-webhook.sekisho-system.svc']
const wanted: Wanted = { names, backdateMs: 300_000, publishWaitMs: 30_000, overlapMs: DAY }
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
const state = (given: Partial<Observed>): Observed => ({
  ca: held(ca),
  previous: [],
  leaf: held(leaf),
  leafIssuer: ca,
  configurations: published(bundleOf(ca, [])),
  ...given,
})
const both = published(bundleOf(ca, [old]))
const dead: CertView = { ...old, notAfter: NOW }

const rows: [string, Observed, number, Partial<Step> & { do: Step['do'] }][] = [
  [
    'nothing at all',
    state({ ca: missing, leaf: missing, leafIssuer: null, configurations: absent }),
    0,
    { do: 'make-ca', reason: 'Missing', previous: [] },
  ],
  [
    'a CA and no leaf',
    state({ leaf: missing, leafIssuer: null, configurations: absent }),
    0,
    { do: 'issue-leaf', reason: 'Missing' },
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
    state({ leaf: held({ ...leaf, notBefore: NOW + 1 }) }),
    0,
    { do: 'issue-leaf', reason: 'NotYetValid', replaces: 'nothing that serves' },
  ],
  ['leaf by an unknown CA', state({ leafIssuer: null }), 0, { do: 'issue-leaf', reason: 'IssuerUnknown' }],
]
for (const [what, observed, trustedFor, step] of rows)
  t.test(`plan() with ${what}: ${step.do}`, async (t) => {
    const said = plan(observed, wanted, NOW, trustedFor)
    t.match(said, step)
    if ('previous' in step && 'previous' in said) t.same(said.previous, step.previous)
  })

t.test('plan() names the moment of the next change', async (t) => {
  const said = plan(state({ leaf: held(leaf) }), wanted, NOW, 0)
  t.match(said, { do: 'nothing', nextAt: NOW - DAY + 20 * DAY })
})
