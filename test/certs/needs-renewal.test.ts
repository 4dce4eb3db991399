import t from 'tap'
import { caNeedsRenewal, leafNeedsRenewal, needsRenewal, renewAt, stillServes } from '../../certs-job/needs-renewal.ts'
import type { CertState, CertView } from '../../certs-job/view.ts'
import { certView, DAY, held, NOW } from './support.ts'

const leaf = (given: Partial<CertView> = {}): CertView => certView({ fingerprint: 'leaf', ...given })
const rows: [string, CertState, number, 'yes' | 'no', string][] = [
  ['an empty Secret', { state: 'missing' }, NOW, 'yes', 'Missing'],
  ['broken PEM', { state: 'unreadable', why: 'bad base64' }, NOW, 'yes', 'Unreadable'],
  ['another key', held(leaf(), false), NOW, 'yes', 'KeyMismatch'],
  ['a fresh certificate', held(leaf()), NOW, 'no', 'Fresh'],
  ['the moment it begins', held(leaf({ notBefore: NOW })), NOW, 'no', 'Fresh'],
  ['one ms before it begins', held(leaf({ notBefore: NOW + 1 })), NOW, 'yes', 'NotYetValid'],
  ['a clock set back a year', held(leaf()), NOW - 365 * DAY, 'yes', 'NotYetValid'],
  [
    'one ms before two thirds',
    held(leaf({ notBefore: NOW - 20 * DAY + 1, notAfter: NOW + 10 * DAY + 1 })),
    NOW,
    'no',
    'Fresh',
  ],
  ['two thirds exactly', held(leaf({ notBefore: NOW - 20 * DAY, notAfter: NOW + 10 * DAY })), NOW, 'yes', 'RenewalDue'],
  ['its last ms', held(leaf({ notAfter: NOW + 1 })), NOW, 'yes', 'RenewalDue'],
  ['its end', held(leaf({ notAfter: NOW })), NOW, 'yes', 'Expired'],
]
for (const [what, state, now, verdict, reason] of rows)
  t.test(`needsRenewal() says ${verdict} (${reason}) to ${what}`, async (t) => {
    const said = needsRenewal(state, now)
    t.match(said, { verdict, reason })
    t.ok(said.detail.length > 10, 'and tells a person why')
  })

t.test('renewAt() is 20 of 30 days after the beginning', async (t) => {
  t.equal(renewAt({ notBefore: NOW, notAfter: NOW + 30 * DAY }), NOW + 20 * DAY)
})

t.test('caNeedsRenewal() refuses a certificate that may not sign', async (t) => {
  t.equal(caNeedsRenewal(held(leaf()), NOW).reason, 'NotACa')
  t.equal(caNeedsRenewal(held(leaf({ isCa: true })), NOW).reason, 'Fresh')
})

const ca = certView({ fingerprint: 'ca', isCa: true, notAfter: NOW + 300 * DAY })
const old = certView({ fingerprint: 'old', isCa: true, notAfter: NOW + 100 * DAY })
const names = ['a.svc', 'b.svc']
const leafRows: [string, CertView, CertView | null, string, boolean][] = [
  ['all names and the CA that signs', leaf({ names }), ca, 'Fresh', true],
  ['a name too many', leaf({ names: [...names, 'c'] }), ca, 'Fresh', true],
  ['a name too few', leaf({ names: ['a.svc'] }), ca, 'NamesDiffer', false],
  ['no known issuer', leaf({ names }), null, 'IssuerUnknown', false],
  ['an issuer that ended', leaf({ names }), { ...old, notAfter: NOW }, 'IssuerInvalid', false],
  ['an issuer of the future', leaf({ names }), { ...ca, notBefore: NOW + 1 }, 'IssuerInvalid', false],
  ['the old CA', leaf({ names }), old, 'IssuerReplaced', true],
  [
    'the old CA, and due as well',
    leaf({ names, notBefore: NOW - 25 * DAY, notAfter: NOW + DAY }),
    old,
    'IssuerReplaced',
    true,
  ],
  ['two thirds over', leaf({ names, notBefore: NOW - 25 * DAY, notAfter: NOW + DAY }), ca, 'RenewalDue', true],
  ['its end reached', leaf({ names, notAfter: NOW }), ca, 'Expired', false],
]
for (const [what, cert, issuer, reason, serves] of leafRows)
  t.test(`leafNeedsRenewal() says ${reason} to a leaf with ${what}`, async (t) => {
    const said = leafNeedsRenewal(held(cert), issuer, ca, names, NOW)
    t.equal(said.reason, reason)
    t.equal(stillServes(said), serves, 'stillServes()')
  })
