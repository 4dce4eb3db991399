/** OpenPGP keys that a test makes for itself, and signatures with them. */
import { createMessage, generateKey, type PrivateKey, sign } from 'openpgp'

export interface Signer {
  readonly privateKey: PrivateKey
  /** Armoured public key. */
  readonly publicText: string
  readonly fingerprint: string
}

const DAY = 86_400_000

/** @param daysAgo when the key was made  @param validDays how long it is good; for ever without */
export const newSigner = async ({ daysAgo = 100, validDays = 0, rsa = false } = {}): Promise<Signer> => {
  const { privateKey, publicKey } = await generateKey({
    ...(rsa ? { type: 'rsa', rsaBits: 2048 } : { type: 'curve25519' }),
    userIDs: [{ name: 'Test Rules', email: 'rules@example.com' }],
    date: new Date(Date.now() - daysAgo * DAY),
    ...(validDays === 0 ? {} : { keyExpirationTime: validDays * 86_400 }),
    format: 'object',
  })
  return signerOf(privateKey, publicKey.armor())
}

export const signerOf = (privateKey: PrivateKey, publicText: string): Signer => ({
  privateKey,
  publicText,
  fingerprint: privateKey.getFingerprint().toUpperCase(),
})

/** A detached, armoured signature as upstream puts it beside an archive. */
export const signed = async (
  bytes: Uint8Array,
  { privateKey }: Signer,
  date = new Date(Date.now() - 60_000),
): Promise<string> =>
  String(await sign({ message: await createMessage({ binary: bytes }), signingKeys: privateKey, detached: true, date }))
