/**
 * Our own word for a release that was verified when it came: an Ed25519 signature over what it is called and its bytes' hash. With it a kept
 * archive is believed after its publisher's key expired or another one was configured, and so are rules that came without a signature; who can
 * only write ConfigMaps cannot make it.
 */
import { createPublicKey, verify } from 'node:crypto'
import type { ReleaseRef } from '../model.ts'
import { sha256 } from './hash.ts'
import type { Signing } from './signing-keys.ts'

const text = ({ version, sha256: name }: ReleaseRef, archive: Uint8Array): Uint8Array =>
  Buffer.from(`sekisho-kept-release 1\nversion ${version}\nsha256 ${name}\narchive ${sha256(archive)}\n`)

export const attest = (ref: ReleaseRef, archive: Uint8Array, signing: Signing): Uint8Array =>
  signing.sign(text(ref, archive))

/** @param keys raw public keys in base64 */
export const isAttested = (
  ref: ReleaseRef,
  archive: Uint8Array,
  signature: Uint8Array,
  keys: readonly string[],
): boolean =>
  keys.some((raw) => {
    const x = Buffer.from(raw, 'base64').toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return signature.length === 64 && verify(null, text(ref, archive), key, signature)
  })
