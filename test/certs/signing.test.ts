/** The keys that sign rule bundles: what is there → what becomes of each; and that what is written is a key pair which fits. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import t from 'tap'
import { ensure } from '../../certs-job/ensure.ts'
import { keysText, type SigningChange, signingChange, signingDue } from '../../certs-job/signing.ts'
import { makeSigningKey, readSigning, signingData } from '../../certs-job/signing-keys.ts'
import type { KeyState, SigningView } from '../../certs-job/view.ts'
import { Clock, config, DAY, installed, MemoryStore, NOW, readyMade, surroundings } from './support.ts'

const wanted = { signingMs: 180 * DAY, overlapMs: DAY }
const key = (publicKey: string): KeyState => ({ state: 'read', publicKey })
const missing: KeyState = { state: 'missing' }
const view = (given: Partial<SigningView> = {}): SigningView => ({
  current: key('A'),
  next: key('B'),
  nextPublic: 'B',
  previous: '',
  since: NOW - DAY,
  ...given,
})

const rows: [string, SigningView, Partial<SigningChange> | null][] = [
  ['nothing', view({ current: missing, next: missing }), { current: 'new', next: 'new', reason: 'KeyMissing' }],
  ['all right', view(), null],
  ['a lost current key', view({ current: missing }), { current: 'next', next: 'new', previous: '', since: NOW }],
  [
    'a broken current key',
    view({ current: { state: 'unreadable', why: 'x' } }),
    { current: 'next', reason: 'KeyUnreadable' },
  ],
  ['a lost next key', view({ next: missing }), { current: 'keep', next: 'new', since: NOW - DAY }],
  ['one key twice', view({ next: key('A'), nextPublic: 'A' }), { current: 'keep', next: 'new', reason: 'KeyTwice' }],
  ['a next.pub of another key', view({ nextPublic: 'X' }), { current: 'keep', next: 'keep', reason: 'KeyNotesDiffer' }],
  ['no time', view({ since: null }), { current: 'keep', next: 'keep', since: NOW }],
  ['a time in the future', view({ since: NOW + 1 }), { current: 'keep', next: 'keep', since: NOW }],
  ['a key one ms before its end', view({ since: NOW - 180 * DAY + 1 }), null],
  [
    'a key at its end',
    view({ since: NOW - 180 * DAY }),
    { current: 'next', next: 'new', previous: 'A', since: NOW, reason: 'KeyRotationDue' },
  ],
  ['the one before, for less than a day', view({ previous: 'Z', since: NOW - DAY + 1 }), null],
  ['the one before, for a day', view({ previous: 'Z' }), { current: 'keep', next: 'keep', previous: '' }],
]
for (const [what, before, change] of rows)
  t.test(`signingChange() with ${what}`, async (t) => {
    const said = signingChange(before, wanted, NOW)
    if (change === null) t.equal(said, null)
    else t.match(said, change)
  })

t.test('keysText() is current, next, and the one before; nothing while one is missing', async (t) => {
  t.equal(keysText(view()), 'A\nB\n')
  t.equal(keysText(view({ previous: 'Z' })), 'A\nB\nZ\n')
  t.equal(keysText(view({ next: missing })), '')
  t.equal(signingDue(view(), wanted, NOW), NOW + 179 * DAY)
  t.equal(signingDue(view({ previous: 'Z' }), wanted, NOW), NOW)
})

t.test('signingData() writes keys for Ed25519 whose public parts are 32 bytes and verify what they sign', async (t) => {
  const change = signingChange(readSigning({}), wanted, NOW)!
  const data = (await signingData(change, {})) as Record<string, string>
  const read = readSigning(data)
  t.match(read, { current: { state: 'read' }, next: { state: 'read' }, previous: '', since: NOW })
  t.equal(signingChange(read, wanted, NOW), null, 'and nothing is left to do')
  const [current = ''] = keysText(read).split('\n')
  t.equal(Buffer.from(current, 'base64').length, 32)
  const spki = Buffer.from(`MCowBQYDK2VwAyEA${current}`, 'base64')
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  t.ok(verify(null, Buffer.from('x'), publicKey, sign(null, Buffer.from('x'), createPrivateKey(data['current.key']!))))
  t.match(data['current.key'], /^-----BEGIN PRIVATE KEY-----/)
  t.equal(`${read.next.state === 'read' && read.next.publicKey}\n`, data['next.pub'])
})

t.test('readSigning() takes no key of another kind', async (t) => {
  const { pem } = await makeSigningKey()
  t.match(readSigning({ 'current.key': 'x', 'next.key': pem.replace('MC4C', 'MC5C') }), {
    current: { state: 'unreadable' },
    next: { state: 'unreadable' },
  })
})

t.test('ensure() rotates: what was next signs, a new next is told, and the one before for a day more', async (t) => {
  const clock = new Clock()
  const store = new MemoryStore(clock)
  await installed(store, { caAge: DAY, leafAge: DAY })
  const [a, b] = store.told()['keys']!.split('\n')
  const before = store.secret('sekisho-rules-signing')
  store.setSecret('sekisho-rules-signing', { ...before, since: new Date(NOW - 181 * DAY).toISOString() })
  const around = { ...surroundings(clock), issuer: readyMade() }
  const first = await ensure(store, config(), around)
  t.same(
    first.steps.map((step) => `${step.do} ${step.reason}`),
    ['make-signing-keys KeyRotationDue', 'tell-rules RulesTrustDiffers'],
  )
  t.equal(store.secret('sekisho-rules-signing')['current.key'], before['next.key'])
  const [one, two, three] = store.told()['keys']!.split('\n')
  t.same([one, three], [b, a])
  t.notOk([a, b].includes(two))
  t.same((await ensure(store, config(), around)).steps, [])
  clock.advance(DAY)
  await ensure(store, config(), around)
  t.equal(store.told()['keys'], `${b}\n${two}\n`)
})

t.test(
  'ensure() with `certificates: elsewhere` makes keys, tells the other tool’s CA, and touches nothing else',
  async (t) => {
    const clock = new Clock()
    const store = new MemoryStore(clock)
    await installed(store, { caAge: DAY, leafAge: DAY })
    const { certPem } = { certPem: store.secret('sekisho-rules-tls')['ca.crt']! }
    store.setSecret('sekisho-rules-signing', {})
    store.setSecret('sekisho-ca', {})
    store.setSecret('sekisho-webhook-tls', {})
    const told = store.configMaps.get('sekisho-rules-public')!
    await store.writeConfigMap('sekisho-rules-public', told, { 'ca.crt': null, keys: null })
    const bundles = store.bundles()
    const outcome = await ensure(store, config({ certificates: 'elsewhere' }), surroundings(clock))
    t.same(
      outcome.steps.map((step) => step.do),
      ['make-signing-keys', 'tell-rules'],
    )
    t.equal(store.told()['ca.crt'], certPem)
    t.match(store.told()['keys'], /^[A-Za-z0-9+/]{43}=\n[A-Za-z0-9+/]{43}=\n$/)
    t.same([store.secret('sekisho-ca'), store.secret('sekisho-webhook-tls'), store.bundles()], [{}, {}, bundles])
    store.setSecret('sekisho-rules-tls', {})
    await t.rejects(ensure(store, config({ certificates: 'elsewhere' }), surroundings(clock)), { code: 'LeafAbsent' })
  },
)
