/**
 * A detached OpenPGP signature over an archive. Stricter than `gpg --verify`, whose exit code is 0 for an expired key: whoever finds an
 * expired or revoked key can date a signature back into its life, so the key must be good now, and when it signed.
 */
import { createMessage, enums, type Key, type KeyID, readSignature, type Signature, verify } from 'openpgp'
import { quoted } from '../archive/quoted.ts'
import { shownFingerprint } from './keys.ts'
import { Refusal, type RefusalCode } from './refusals.ts'

/** A signature has some hundred bytes; each one in the text costs a check. */
const MOST_SIGNATURES = 8

const parse = async (signature: Uint8Array): Promise<Signature> => {
  const text = Buffer.from(signature).toString('latin1')
  try {
    const parsed = text.includes('-----BEGIN PGP')
      ? await readSignature({ armoredSignature: text })
      : await readSignature({ binarySignature: signature })
    if (parsed.packets.length > 0 && parsed.packets.length <= MOST_SIGNATURES) return parsed
    throw new Error(`${parsed.packets.length} signatures`)
  } catch (cause) {
    const { message } = cause as Error
    throw new Refusal(
      'SignatureUnreadable',
      `${signature.length} bytes are no OpenPGP signature: ${quoted(message)}.`,
      { cause },
    )
  }
}

/** Why `key`, or the subkey of it that signed, cannot be used now. */
const notUsable = async (
  key: Key,
  signer: KeyID,
  now: Date,
): Promise<{ code: RefusalCode; detail: string } | undefined> => {
  const who = `The key ${shownFingerprint(key.getFingerprint())}`
  if (await key.isRevoked(undefined, undefined, now)) return { code: 'KeyRevoked', detail: `${who} is revoked.` }
  const until = await key.getExpirationTime()
  if (until === null) return { code: 'WrongKey', detail: `${who} has no valid user id or binding.` }
  if (until !== Infinity && (until as Date).getTime() <= now.getTime())
    return { code: 'KeyExpired', detail: `${who} expired on ${(until as Date).toISOString().slice(0, 10)}.` }
  try {
    await key.getSigningKey(signer, now)
    return undefined
  } catch (cause) {
    const { message } = cause as Error
    const code = /expired/i.test(message) ? 'KeyExpired' : /revoked/i.test(message) ? 'KeyRevoked' : 'WrongKey'
    return { code, detail: `${who}: ${quoted(message)}.` }
  }
}

/**
 * The fingerprint of the key that signed.
 * @throws Refusal unless one of the signatures is good and by one of `keys`
 */
export const verifySignature = async (
  bytes: Uint8Array,
  signature: Uint8Array,
  keys: readonly Key[],
  now: number,
): Promise<string> => {
  const parsed = await parse(signature)
  const date = new Date(now)
  const message = await createMessage({ binary: bytes })
  const { signatures } = await verify({
    message,
    signature: parsed,
    verificationKeys: [...keys],
    format: 'binary',
    date,
  })
  let worst = new Refusal(
    'WrongKey',
    `Signed by the key ${signatures.map(({ keyID }) => keyID.toHex().toUpperCase()).join(', ')}.`,
  )
  for (const { keyID, verified, signature: packet } of signatures) {
    const key = keys.find((one) => one.getKeys(keyID).length > 0)
    if (!key) continue
    const unusable = await notUsable(key, keyID, date)
    const types = (await packet).packets.map(({ signatureType }) => signatureType)
    if (unusable) worst = new Refusal(unusable.code, unusable.detail)
    // A signature of text would let line ends be changed.
    else if (types.some((type) => type !== enums.signature.binary))
      worst = new Refusal('SignatureUnreadable', 'It signs text, not a file.')
    else {
      try {
        await verified
        return key.getFingerprint().toUpperCase()
      } catch (cause) {
        worst = new Refusal('BadSignature', `OpenPGP says: ${quoted((cause as Error).message)}.`, { cause })
      }
    }
  }
  throw worst
}
