/** Why bytes from outside are believed: a signature, a pinned hash, or, where the place itself is trusted, nothing more. */
import type { Key } from 'openpgp'
import { sha256 } from '../archive/files.ts'
import { Refusal } from './refusals.ts'

export type Trust =
  | { readonly by: 'signature'; keys(): Promise<readonly Key[]> }
  | { readonly by: 'sha256'; readonly sha256: string }
  /** A directory or ConfigMap that only the platform writes to; for IDS rules, whose publishers sign nothing, TLS. */
  | { readonly by: 'none' }

/**
 * Believes the archive or not.
 * @throws Refusal
 */
export const believe = async (
  bytes: Uint8Array,
  signature: Uint8Array | undefined,
  trust: Trust,
  now: number,
): Promise<{ signedBy?: string }> => {
  if (trust.by === 'none') return {}
  if (trust.by === 'sha256') {
    const actual = sha256(bytes)
    if (actual === trust.sha256) return {}
    throw new Refusal(
      'WrongDigest',
      `${bytes.length} bytes have sha256 ${actual}, the configuration says ${trust.sha256}.`,
    )
  }
  if (!signature) throw new Refusal('MissingSignature', 'There is no signature beside it.')
  // Loaded late: whoever asks for no signature (the agent of each node) does not pay 20 MiB for OpenPGP.
  const { verifySignature } = await import('./signature.ts')
  return { signedBy: await verifySignature(bytes, signature, await trust.keys(), now) }
}
