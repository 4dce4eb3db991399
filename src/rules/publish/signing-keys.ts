/**
 * The keys that sign bundles and orders, and the service's CA: read again when the files change.
 *
 *     signing/current.key   Ed25519 in PEM: signs now
 *     signing/next.pub      raw public key in base64: will sign; the sidecars are told before it does
 *     tls/ca.crt            whom the sidecars believe to be the service
 *
 * Files that are half there or unreadable are said, and the last good ones stay.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonical, sha256 } from './hash.ts'

export interface Signing {
  /** Raw public keys in base64, the current one first. */
  readonly keys: readonly string[]
  /** PEM; absent where there is none. */
  readonly ca: string | undefined
  /** Names keys and CA: a bundle made with others must be made anew. */
  readonly id: string
  sign(bytes: Uint8Array): Uint8Array
}

const RAW_KEY = /^[A-Za-z0-9+/]{43}=$/
const rawOf = (key: KeyObject): string =>
  Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url').toString('base64')

/** A file's text, or undefined where there is none. */
const optional = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Reads them. @throws Error with a sentence */
export function readSigning(signingDirectory: string, tlsDirectory: string): Signing {
  const path = join(signingDirectory, 'current.key')
  const pem = optional(path)
  if (pem === undefined) throw new Error(`Cannot sign: there is no ${path} (certs-job makes it)`)
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (cause) {
    throw new Error(`Cannot sign: ${path} is no private key in PEM`, { cause })
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`Cannot sign with ${path}: an Ed25519 key is wanted, not ${key.asymmetricKeyType}`)
  const next = optional(join(signingDirectory, 'next.pub'))
  if (next !== undefined && !RAW_KEY.test(next))
    throw new Error(
      `Cannot use ${join(signingDirectory, 'next.pub')}: a raw Ed25519 public key in base64 is wanted: 44 characters`,
    )
  const ca = optional(join(tlsDirectory, 'ca.crt'))
  const keys = [...new Set([rawOf(key), ...(next === undefined ? [] : [next])])]
  const pemCa = ca === undefined || ca === '' ? undefined : `${ca}\n`
  return {
    keys,
    ca: pemCa,
    id: sha256(canonical({ keys, ca: pemCa ?? '' })).slice(0, 16),
    sign: (bytes) => sign(null, bytes, key),
  }
}

export interface SigningFiles {
  /** Undefined while there never was a usable set. */
  readonly current: Signing | undefined
  /** Why what is on disk is not what is used. */
  readonly problem: string | undefined
  check(): void
  close(): void
}
export interface SigningFilesOptions {
  readonly signingDirectory: string
  readonly tlsDirectory: string
  readonly onChange: (signing: Signing) => void
  readonly onProblem: (problem: string) => void
  /** The kubelet brings a changed Secret within a minute or two; looking is three small reads. @default 2 s */
  readonly everyMs?: number
}

/** Reads at once, then looks again and again. Never throws. */
export function watchSigning(options: SigningFilesOptions): SigningFiles {
  let current: Signing | undefined
  let problem: string | undefined
  const check = () => {
    try {
      const read = readSigning(options.signingDirectory, options.tlsDirectory)
      problem = undefined
      if (read.id === current?.id) return
      current = read
      options.onChange(read)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (why !== problem) options.onProblem(why)
      problem = why
    }
  }
  check()
  const ticker = setInterval(check, options.everyMs ?? 2000)
  ticker.unref()
  return {
    get current() {
      return current
    },
    get problem() {
      return problem
    },
    check,
    close: () => clearInterval(ticker),
  }
}
