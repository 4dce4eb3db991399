/**
 * Which keys may sign. Trust lies in the fingerprint, written here or in the configuration; the key itself is only text that must have it,
 * so it may come by any way. Nothing ever fetches a key at run time.
 */
import { type Key, readKeys } from 'openpgp'
import { quoted } from '../archive/quoted.ts'
import { Refusal } from './refusals.ts'

/** The key that signs releases of the OWASP Core Rule Set, as its SECURITY.md names it. */
export const CRS_FINGERPRINT = '3600 6F0E 0BA1 6783 2158 8211 38EE ACA1 AB8A 6E72'

export const plainFingerprint = (text: string): string => text.replace(/[\s:]/g, '').toUpperCase()

/** In groups of four, as people compare it. */
export const shownFingerprint = (text: string): string => plainFingerprint(text).replace(/(.{4})(?=.)/g, '$1 ')

/**
 * The keys of `armoured` that have one of `fingerprints`; others in the same text are left out.
 * @throws Refusal `NoKey` when none is left
 */
export const trustedKeys = async (armoured: string, fingerprints: readonly string[]): Promise<Key[]> => {
  const wanted = new Set(fingerprints.map(plainFingerprint))
  if (armoured.trim() === '')
    throw new Refusal('NoKey', `No key is given; wanted ${[...wanted].map(shownFingerprint).join(' or ')}.`)
  // One block after the other, as `cat` makes it; the library would read the first alone.
  const blocks = armoured.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----/gs)
  if (!blocks) throw new Refusal('NoKey', 'The text given is not an armoured OpenPGP public key.')
  let keys: Key[]
  try {
    keys = (await Promise.all(blocks.map((block) => readKeys({ armoredKeys: block })))).flat()
  } catch (cause) {
    throw new Refusal(
      'NoKey',
      `The text given is not an armoured OpenPGP public key: ${quoted((cause as Error).message)}.`,
      { cause },
    )
  }
  const trusted = keys.filter((key) => wanted.has(plainFingerprint(key.getFingerprint())))
  if (trusted.length > 0) return trusted
  const found = keys.map((key) => shownFingerprint(key.getFingerprint())).join(', ')
  throw new Refusal(
    'NoKey',
    `The key given is ${found || 'none'}; wanted ${[...wanted].map(shownFingerprint).join(' or ')}.`,
  )
}
