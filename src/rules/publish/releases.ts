/**
 * Verified releases, kept whole: ConfigMap `sekisho-release-VERSION-SHA12` holds the archive, its signature, and our own word for it. What is
 * read from there is verified again: whoever can write ConfigMaps of ours shall not be able to plant rules without a key.
 *
 *     archive ─ hash as named? ─ believed as a source would ─┐
 *                                 or by our own signature  ──┴─ unpacked ─ parsed, once for all contents
 */
import { gzipSync } from 'node:zlib'
import { pack as createPack } from 'tar-stream'
import { unpack } from '../archive/unpack.ts'
import { asLine } from '../compile/problem.ts'
import { type Release as ParsedRelease, readRelease } from '../compile/release.ts'
import type { ReleaseRef } from '../model.ts'
import type { Demands } from '../sources/candidate.ts'
import { Refusal, type RefusalCode } from '../sources/refusals.ts'
import type { Release } from '../sources/source.ts'
import { believe } from '../sources/trust.ts'
import { attest, isAttested } from './attest.ts'
import { sha256 } from './hash.ts'
import type { Kept } from './kept.ts'
import type { Signing } from './signing-keys.ts'

export const RELEASE_PREFIX = 'sekisho-release-'
export const releaseName = ({ version, sha256: sum }: ReleaseRef): string =>
  `${RELEASE_PREFIX}${version}-${sum.slice(0, 12)}`
const refKey = ({ version, sha256: sum }: ReleaseRef): string => `${version} ${sum}`

/** These say that the archive is wrong, or its key in wrong hands; the others, that what is configured has changed since. */
const NEVER: readonly RefusalCode[] = ['BadSignature', 'KeyRevoked', 'SignatureUnreadable']

const RETRY_MS = 5_000

export interface ReleasesOptions {
  readonly kept: Pick<Kept, 'get' | 'write'>
  readonly demands: Pick<Demands, 'trust' | 'layout' | 'limits'>
  readonly signing: () => Signing | undefined
  readonly now: () => number
  readonly breathe: () => Promise<void>
  /** Parsed releases in memory, some MiB each. @default 3 */
  readonly most?: number
}

export interface Releases {
  /** Keeps what a source verified. @throws as Kept.write */
  keep(release: Release): Promise<ReleaseRef>
  /** Signs anew what is kept, after our keys changed. */
  attestAgain(refs: readonly ReleaseRef[]): Promise<void>
  /** @throws Error with a sentence where it is not kept, not believed or not readable */
  read(ref: ReleaseRef): Promise<ParsedRelease>
}

/** Rules that came unpacked, packed as upstream does: the same content, whatever they came in. */
async function packed({ version, files }: Release): Promise<Uint8Array> {
  const pack = createPack()
  for (const [path, { bytes }] of files)
    pack.entry({ name: `coreruleset-${version}/${path}`, mtime: new Date(0), mode: 0o644 }, Buffer.from(bytes))
  pack.finalize()
  const parts: Uint8Array[] = []
  for await (const part of pack) parts.push(part as Uint8Array)
  return gzipSync(Buffer.concat(parts))
}

export function createReleases(options: ReleasesOptions): Releases {
  const { kept, demands, signing, now, breathe, most = 3 } = options
  const parsed = new Map<string, Promise<ParsedRelease>>()

  /** The archive and whether our own word stands. @throws */
  const open = (ref: ReleaseRef) => {
    const name = releaseName(ref)
    const { archive, signature, attested } = kept.get(name)?.binaryData ?? {}
    if (archive === undefined) throw new Error(`Cannot use release ${ref.version}: there is no ConfigMap ${name}`)
    const bytes = Buffer.from(archive, 'base64')
    const ours =
      attested !== undefined && isAttested(ref, bytes, Buffer.from(attested, 'base64'), signing()?.keys ?? [])
    return { name, bytes, ours, ...(signature && { signature: Buffer.from(signature, 'base64') }) }
  }

  const load = async (ref: ReleaseRef): Promise<ParsedRelease> => {
    const { name, bytes, ours, signature } = open(ref)
    const wrong = (why: string, cause?: unknown) =>
      new Error(`Cannot use release ${ref.version} of ConfigMap ${name}: ${why}`, { cause })
    if (demands.trust.by === 'none') {
      if (!ours) throw wrong('it has no signature of ours, and the source demands none')
    } else
      try {
        await believe(bytes, signature, demands.trust, now())
      } catch (error) {
        const final = error instanceof Refusal && NEVER.includes(error.code)
        if (final || !ours) throw wrong(error instanceof Error ? error.message : String(error), error)
      }
    await breathe()
    const unpacked = await unpack(bytes, demands.layout, { limits: demands.limits })
    if (!unpacked.ok) throw wrong(unpacked.detail)
    if (ref.sha256 !== sha256(bytes) && ref.sha256 !== unpacked.content)
      throw wrong(`its sha256 is ${sha256(bytes)}, expected is ${ref.sha256}`)
    if (unpacked.version !== ref.version) throw wrong(`inside is ${unpacked.version ?? 'no version'}`)
    await breathe()
    const read = readRelease(ref.version, unpacked.files)
    if (read.status === 'refused') throw wrong(read.problems.slice(0, 3).map(asLine).join('; '))
    return read.release
  }

  const write = (ref: ReleaseRef, archive: Uint8Array, signature: Uint8Array | undefined) => {
    const keys = signing()
    if (keys === undefined) throw new Error(`Cannot keep release ${ref.version}: there is no signing key yet`)
    const attested = attest(ref, archive, keys)
    return kept.write(releaseName(ref), (before) =>
      before?.binaryData['attested'] === Buffer.from(attested).toString('base64')
        ? undefined
        : {
            data: { version: ref.version, sha256: ref.sha256 },
            binaryData: { archive, attested, ...(signature && { signature }) },
          },
    )
  }

  return {
    keep: async (release) => {
      const ref = { version: release.version, sha256: release.sha256 }
      const archive = release.archive?.bytes ?? (await packed(release))
      await write(ref, archive, release.archive?.signature)
      parsed.delete(refKey(ref))
      return ref
    },
    attestAgain: async (refs) => {
      for (const ref of refs) {
        // Only what was believed with the keys before, which is what is in memory.
        if (!parsed.has(refKey(ref))) continue
        const { bytes, signature } = open(ref)
        await write(ref, bytes, signature)
      }
    },
    read: (ref) => {
      const key = refKey(ref)
      const one = parsed.get(key) ?? load(ref)
      parsed.delete(key)
      parsed.set(key, one)
      // A thousand namespaces that ask for it look once, and again a little later.
      one.catch(() => setTimeout(() => parsed.get(key) === one && parsed.delete(key), RETRY_MS).unref())
      if (parsed.size > most) parsed.delete(parsed.keys().next().value!)
      return one
    },
  }
}
