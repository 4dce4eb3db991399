/** Ed25519 keys, by node:crypto: made, and read as they stand in a Secret. */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SigningChange } from './signing.ts'
import type { KeyState, SigningView } from './view.ts'

/** 32 bytes in base64. */
const rawPublic = (key: KeyObject): string => {
  const { x = '' } = createPublicKey(key as never).export({ format: 'jwk' })
  return Buffer.from(x, 'base64url').toString('base64')
}

const RAW = /^[A-Za-z0-9+/]{43}=$/

const readKey = (pem = ''): KeyState => {
  if (pem.trim() === '') return { state: 'missing' }
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== 'ed25519')
      return { state: 'unreadable', why: `it is a key for ${key.asymmetricKeyType}, not for ed25519` }
    return { state: 'read', publicKey: rawPublic(key) }
  } catch (error) {
    return { state: 'unreadable', why: error instanceof Error ? error.message : String(error) }
  }
}

/** The signing Secret, read. */
export const readSigning = (data: Readonly<Record<string, string>>): SigningView => {
  const since = Date.parse(data['since'] ?? '')
  const previous = (data['previous.pub'] ?? '').trim()
  return {
    current: readKey(data['current.key']),
    next: readKey(data['next.key']),
    nextPublic: (data['next.pub'] ?? '').trim(),
    previous: RAW.test(previous) ? previous : '',
    since: Number.isNaN(since) ? null : since,
  }
}

/** A new key pair. */
export const makeSigningKey = async (): Promise<{ pem: string; publicKey: string }> => {
  const { privateKey } = await promisify(generateKeyPair)('ed25519')
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey: rawPublic(privateKey) }
}

/** What a change writes into the Secret that holds `data`: in one write, so that no half of it is ever there. */
export const signingData = async (
  change: SigningChange,
  data: Readonly<Record<string, string>>,
): Promise<Record<string, string | null>> => {
  const written: Record<string, string | null> = {
    since: new Date(change.since).toISOString(),
    'previous.pub': change.previous === '' ? null : `${change.previous}\n`,
  }
  if (change.current === 'next') written['current.key'] = data['next.key'] ?? null
  if (change.current === 'new') written['current.key'] = (await makeSigningKey()).pem
  const next = change.next === 'new' ? await makeSigningKey() : { pem: data['next.key'] ?? '', publicKey: '' }
  if (change.next === 'new') written['next.key'] = next.pem
  const held = readKey(next.pem)
  written['next.pub'] = held.state === 'read' ? `${held.publicKey}\n` : null
  return written
}
