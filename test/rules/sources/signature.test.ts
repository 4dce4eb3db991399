/** Signatures and keys, beyond what the sources' own tests go through. */
import { createMessage, generateKey, type PrivateKey, reformatKey, revokeKey, sign } from 'openpgp'
import t from 'tap'
import { rulesConfig } from '../../../src/config/rules.ts'
import { CRS_FINGERPRINT, plainFingerprint, shownFingerprint, trustedKeys } from '../../../src/rules/sources/keys.ts'
import { verifySignature } from '../../../src/rules/sources/signature.ts'
import { newSigner, signed } from './signing.ts'

const DAY = 86_400_000
const bytes = Buffer.from('an archive')
const text = (armoured: string) => Buffer.from(armoured)

t.test(
  'verifySignature() names the key that signed, armoured or binary, one of several signatures being enough',
  async (t) => {
    const [ours, theirs] = [await newSigner(), await newSigner()]
    const keys = await trustedKeys(`${theirs.publicText}\n${ours.publicText}`, [ours.fingerprint])
    t.equal(keys.length, 1, 'the other key in the text is left out')
    const now = Date.now()
    t.equal(await verifySignature(bytes, text(await signed(bytes, ours)), keys, now), ours.fingerprint)
    const message = await createMessage({ binary: bytes })
    const binary = (await sign({
      message,
      signingKeys: ours.privateKey,
      detached: true,
      format: 'binary',
    })) as Uint8Array
    t.equal(await verifySignature(bytes, binary, keys, now + 1000), ours.fingerprint)
    const both = await sign({ message, signingKeys: [theirs.privateKey, ours.privateKey], detached: true })
    t.equal(await verifySignature(bytes, text(both), keys, now + 1000), ours.fingerprint)
    await t.rejects(verifySignature(Buffer.from('an archivf'), text(both), keys, now + 1000), { code: 'BadSignature' })
    await t.rejects(verifySignature(bytes, binary.subarray(0, 20), keys, now), { code: 'SignatureUnreadable' })
    await t.rejects(verifySignature(bytes, Buffer.alloc(0), keys, now), { code: 'SignatureUnreadable' })
  },
)

t.test('verifySignature() takes none over text, in which line ends may be changed', async (t) => {
  const signer = await newSigner()
  const message = await createMessage({ text: 'an\r\narchive' })
  const overText = await sign({ message, signingKeys: signer.privateKey, detached: true })
  const keys = await trustedKeys(signer.publicText, [signer.fingerprint])
  await t.rejects(verifySignature(Buffer.from('an\r\narchive'), text(overText), keys, Date.now() + 1000), {
    code: 'SignatureUnreadable',
    message: /signs text/,
  })
})

t.test('verifySignature() wants the key to be good now, and the subkey that signed too', async (t) => {
  const date = new Date(Date.now() - 100 * DAY)
  const signedAt = new Date(Date.now() - 95 * DAY)
  const { privateKey } = await generateKey({
    type: 'curve25519',
    userIDs: [{ name: 'x' }],
    date,
    subkeys: [{ sign: true, keyExpirationTime: 10 * 86_400 }],
    format: 'object',
  })
  const [subkey] = privateKey.getSubkeys()
  const message = await createMessage({ binary: bytes })
  const by = async (key: PrivateKey) =>
    text(await sign({ message, signingKeys: key, signingKeyIDs: subkey!.getKeyID(), detached: true, date: signedAt }))
  const signature = await by(privateKey)
  const keys = await trustedKeys(privateKey.toPublic().armor(), [privateKey.getFingerprint()])
  t.equal(
    await verifySignature(bytes, signature, keys, Date.now() - 94 * DAY),
    privateKey.getFingerprint().toUpperCase(),
  )
  await t.rejects(verifySignature(bytes, signature, keys, Date.now()), { code: 'KeyExpired' }, 'the subkey')

  const short = await newSigner({ daysAgo: 100, validDays: 10 })
  const expired = await trustedKeys(short.publicText, [short.fingerprint])
  const old = text(await signed(bytes, short, signedAt))
  t.ok(await verifySignature(bytes, old, expired, Date.now() - 91 * DAY), 'while it was good')
  await t.rejects(verifySignature(bytes, old, expired, Date.now()), { code: 'KeyExpired' })
  const renewed = await reformatKey({
    privateKey: short.privateKey,
    userIDs: [{ name: 'x' }],
    date,
    keyExpirationTime: 0,
    format: 'object',
  })
  const again = await trustedKeys(renewed.publicKey.armor(), [short.fingerprint])
  t.ok(await verifySignature(bytes, old, again, Date.now()), 'the same key, its life prolonged: the fingerprint stays')
  const revoked = await revokeKey({ key: renewed.privateKey, format: 'object' })
  const dead = await trustedKeys(revoked.publicKey.armor(), [short.fingerprint])
  await t.rejects(verifySignature(bytes, old, dead, Date.now() + 1000), { code: 'KeyRevoked' })
})

t.test('trustedKeys() believes a fingerprint, never a name', async (t) => {
  const [ours, namesake] = [await newSigner(), await newSigner()]
  await t.rejects(trustedKeys(namesake.publicText, [ours.fingerprint]), {
    code: 'NoKey',
    message: /The key given is .*; wanted /,
  })
  await t.rejects(trustedKeys('', [CRS_FINGERPRINT]), {
    code: 'NoKey',
    message: `No key is given; wanted ${CRS_FINGERPRINT}.`,
  })
  await t.rejects(trustedKeys('x', [ours.fingerprint]), { code: 'NoKey', message: /not an armoured/ })
  t.equal(
    (await trustedKeys(ours.publicText, [shownFingerprint(ours.fingerprint).toLowerCase()])).length,
    1,
    'however it is written',
  )
  await t.rejects(
    trustedKeys(ours.privateKey.armor(), [ours.fingerprint]),
    { code: 'NoKey' },
    'a private key given by mistake',
  )
  const damaged = ours.publicText.replace(/[A-Za-z]{10}/, 'AAAAAAAAAA')
  await t.rejects(
    trustedKeys(damaged.replace('BLOCK-----\n\n', 'BLOCK-----\n\nAAAA'), [ours.fingerprint]),
    { code: 'NoKey' },
    'a damaged key',
  )
})

t.test('CRS_FINGERPRINT is what the configuration trusts unless it says otherwise', (t) => {
  const { fingerprints } = rulesConfig.parse({}).sources.crs
  t.same(fingerprints.map(plainFingerprint), [plainFingerprint(CRS_FINGERPRINT)])
  t.equal(CRS_FINGERPRINT, '3600 6F0E 0BA1 6783 2158 8211 38EE ACA1 AB8A 6E72')
  t.end()
})
