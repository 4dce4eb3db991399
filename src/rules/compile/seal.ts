/** A content, made somebody's: namespace, sequence and signature. Cheap, so that one content serves many namespaces. */
import type { Content } from './compile.ts'
import { type Identity, manifestText } from './manifest.ts'
import { byName, CA_FILE, MANIFEST_FILE, SIGNATURE_FILE } from './names.ts'
import { type CompileProblem, found } from './problem.ts'

export interface SealInput extends Identity {
  /** The service's CA in PEM, where a renewed one is to be carried to the sidecars. */
  readonly ca?: string
  /** SHA-256 in hexadecimal. */
  readonly hash: (bytes: Uint8Array) => string
  /** Ed25519 over the bytes: 64 bytes. */
  readonly sign: (bytes: Uint8Array) => Uint8Array
}

export type Sealed =
  | {
      readonly status: 'sealed'
      /** `crs-4.25.0-0123456789abcdef`: the name of its folder, and of this very manifest. */
      readonly generation: string
      readonly manifest: Uint8Array
      readonly signature: Uint8Array
      /** Everything that is placed: the content's files, manifest and signature, sorted by name. */
      readonly files: ReadonlyMap<string, Uint8Array>
    }
  | { readonly status: 'refused'; readonly problems: readonly CompileProblem[] }

const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const RAW_KEY = /^[A-Za-z0-9+/]{43}=$/
const SIGNATURE_BYTES = 64
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function* judge({ namespace, sequence, keys }: SealInput): Generator<CompileProblem> {
  if (!NAMESPACE.test(namespace))
    yield found('BadIdentity', 'namespace', `the name of a namespace is wanted, not '${namespace.slice(0, 70)}'`)
  if (!Number.isSafeInteger(sequence) || sequence < 1)
    yield found('BadIdentity', 'sequence', `a whole number from 1 is wanted, not ${sequence}`)
  for (const [i, key] of keys.entries())
    if (!RAW_KEY.test(key))
      yield found('BadIdentity', `keys[${i}]`, 'a raw Ed25519 public key in base64 is wanted: 44 characters')
}

/** @throws only what `hash` and `sign` throw */
export function seal(content: Content, input: SealInput): Sealed {
  const problems = [...judge(input)]
  if (problems.length > 0) return { status: 'refused', problems }
  const { namespace, sequence, rollback, keys, ca, hash, sign } = input
  const extra: [string, Uint8Array][] = ca === undefined ? [] : [[CA_FILE, bytesOf(ca)]]
  const sums = [...content.sums, ...extra.map(([name, bytes]) => ({ name, sha256: hash(bytes) }))]
  sums.sort((a, b) => byName(a.name, b.name))
  const manifest = bytesOf(manifestText({ ...content, sums, namespace, sequence, rollback, keys: [...keys].sort() }))
  const signature = sign(manifest)
  if (signature.length !== SIGNATURE_BYTES)
    return {
      status: 'refused',
      problems: [
        found('BadIdentity', 'sign', `a signature of ${SIGNATURE_BYTES} bytes is wanted, not of ${signature.length}`),
      ],
    }
  const placed: [string, Uint8Array][] = [
    [MANIFEST_FILE, manifest],
    [SIGNATURE_FILE, signature],
  ]
  const files = new Map([...content.files, ...extra, ...placed].toSorted(([a], [b]) => byName(a, b)))
  return {
    status: 'sealed',
    generation: `crs-${content.release}-${hash(manifest).slice(0, 16)}`,
    manifest,
    signature,
    files,
  }
}
