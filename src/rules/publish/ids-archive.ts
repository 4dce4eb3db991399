/**
 * The archive of IDS rules: fetched and verified once for the cluster, kept in ConfigMaps, served by every replica from memory.
 *
 *     keep:  parts ─ each written, or there already ─▶ the manifest, which names them ─▶ parts that nobody names are taken away
 *     read:  manifest ─ all parts there? ─ hash? ─ believed by the source's demands, or by our own signature? ─▶ served
 *
 * Whoever dies between two parts leaves the manifest that was: what it names is still there, and is served. What is damaged or deleted is not
 * served anew; a replica that has the archive in memory goes on with it, and the leader writes it again from there.
 */
import { gzipSync } from 'node:zlib'
import { pack as createPack } from 'tar-stream'
import type { Log } from '../../cluster/log.ts'
import type { ReleaseRef } from '../model.ts'
import type { FetchState } from '../rollout/state.ts'
import type { Demands } from '../sources/candidate.ts'
import type { Known, Release } from '../sources/source.ts'
import { believe } from '../sources/trust.ts'
import { attest, isAttested } from './attest.ts'
import { sha256 } from './hash.ts'
import {
  IDS_ARCHIVE,
  IDS_KEYS,
  type IdsManifest,
  idsPartName,
  isIdsPart,
  MOST_PARTS,
  PART_BYTES,
  parseFetch,
  parseManifest,
  printFetch,
  printManifest,
} from './ids-manifest.ts'
import type { Kept } from './kept.ts'
import type { KeptView } from './project.ts'
import type { Signing } from './signing-keys.ts'

export interface IdsCurrent extends ReleaseRef {
  readonly archive: Uint8Array
  readonly rules: number
  readonly fetchedAt: number
}

export interface IdsArchiveOptions {
  readonly kept: Pick<Kept, 'get' | 'all' | 'write' | 'delete'>
  readonly demands: Pick<Demands, 'trust'>
  readonly signing: () => Signing | undefined
  readonly now: () => number
  readonly log: Log
  /** Parts that nobody names for so long are taken away. @default 10 min */
  readonly unneededMs?: number
}

export interface IdsArchive {
  /** What is served. */
  current(): IdsCurrent | undefined
  /** What the source said last. */
  fetch(): FetchState | undefined
  /** What the source must remember, if what it speaks of is kept. */
  known(): Known | undefined
  /** Something of it changed in the cluster, or our keys did. Never rejects. */
  look(): Promise<void>
  /** Keeps what the source verified. @throws as Kept.write */
  keep(release: Release): Promise<ReleaseRef>
  /** Signs anew what is kept, after our keys changed. @throws as Kept.write */
  attestAgain(): Promise<void>
  /** Keeps what the source said. @throws as Kept.write */
  tell(state: FetchState): Promise<void>
  /** For the leader, now and then: writes again what somebody damaged, and takes away what nobody names. @throws as Kept.write */
  mend(): Promise<void>
}

/** Rules that came unpacked, packed so that the same rules have the same bytes. */
async function packed({ files }: Release): Promise<Uint8Array> {
  const pack = createPack()
  for (const [path, { bytes }] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    pack.entry({ name: path, mtime: new Date(0), mode: 0o644, uid: 0, gid: 0 }, Buffer.from(bytes))
  pack.finalize()
  const parts: Uint8Array[] = []
  for await (const part of pack) parts.push(part as Uint8Array)
  return gzipSync(Buffer.concat(parts))
}

const cutUp = (archive: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(archive.length / PART_BYTES) }, (_, i) =>
    archive.subarray(i * PART_BYTES, (i + 1) * PART_BYTES),
  )

export function createIdsArchive(options: IdsArchiveOptions): IdsArchive {
  const { kept, demands, signing, now, log, unneededMs = 600_000 } = options
  let current: IdsCurrent | undefined
  /** Of `current`: to write it again. */
  let mine: IdsManifest | undefined
  let problem: string | undefined
  /** The manifest and parts of which `current` was made, so that news of others cost nothing. */
  let made = ''
  let looking = Promise.resolve()
  const unneeded = new Map<string, number>()

  const stored = () => parseManifest(kept.get(IDS_ARCHIVE)?.data[IDS_KEYS.archive])
  const partOf = (view: KeptView | undefined): string | undefined => view?.binaryData[IDS_KEYS.part]

  /** The archive that the manifest names. @throws Error with a sentence */
  const read = async (one: IdsManifest): Promise<Uint8Array> => {
    const parts = one.parts.map((name) => {
      const part = partOf(kept.get(name))
      if (part === undefined) throw new Error(`there is no ConfigMap ${name}`)
      return Buffer.from(part, 'base64')
    })
    const archive = Buffer.concat(parts)
    const sum = sha256(archive)
    if (archive.length !== one.bytes || sum !== one.sha256)
      throw new Error(
        `its parts are ${archive.length} bytes with sha256 ${sum}, expected are ${one.bytes} with ${one.sha256}`,
      )
    const ours = isAttested(one, archive, Buffer.from(one.attested, 'base64'), signing()?.keys ?? [])
    if (!ours) {
      if (demands.trust.by === 'none') throw new Error('it has no signature of ours, and the source demands none')
      const signature = one.signature === undefined ? undefined : Buffer.from(one.signature, 'base64')
      await believe(archive, signature, demands.trust, now())
    }
    return archive
  }

  const lookOnce = async (): Promise<void> => {
    const parsed = stored()
    if (!('state' in parsed)) {
      say(parsed.detail)
      return
    }
    if (parsed.state === undefined) return
    const one = parsed.state
    const versions = [IDS_ARCHIVE, ...one.parts].map((name) => kept.get(name)?.resourceVersion ?? '-')
    const from = `${one.sha256} ${one.attested} ${versions.slice(1).join(' ')} ${signing()?.id ?? ''}`
    if (from === made) return
    try {
      const archive = await read(one)
      const { version, sha256: sum, rules, fetchedAt } = one
      if (current?.sha256 !== sum)
        log.info(
          { 'sekisho.ids_rules': version, 'sekisho.sha256': sum, 'sekisho.rules': rules },
          'IDS rules are served',
        )
      current = { version, sha256: sum, rules, fetchedAt, archive }
      mine = one
      made = from
      problem = undefined
    } catch (error) {
      say((error as Error).message)
    }
  }
  const say = (why: string) => {
    made = ''
    if (problem === why) return
    problem = why
    log.warn({ 'error.message': why }, 'the kept IDS rules cannot be used')
  }

  const manifestOf = (one: Omit<IdsManifest, 'attested'>, archive: Uint8Array): IdsManifest => {
    const keys = signing()
    if (keys === undefined) throw new Error(`Cannot keep IDS rules ${one.version}: there is no signing key yet`)
    return { ...one, attested: Buffer.from(attest(one, archive, keys)).toString('base64') }
  }
  /** All parts first: whoever reads the manifest finds what it names. */
  const write = async (one: IdsManifest, archive: Uint8Array): Promise<void> => {
    for (const [i, bytes] of cutUp(archive).entries()) {
      const text = Buffer.from(bytes).toString('base64')
      await kept.write(one.parts[i]!, (before) =>
        partOf(before) === text ? undefined : { binaryData: { [IDS_KEYS.part]: bytes } },
      )
    }
    const text = printManifest(one)
    await kept.write(IDS_ARCHIVE, (before) =>
      before?.data[IDS_KEYS.archive] === text ? undefined : { data: { ...before?.data, [IDS_KEYS.archive]: text } },
    )
  }
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce)
    return looking
  }

  return {
    current: () => current,
    fetch: () => parseFetch(kept.get(IDS_ARCHIVE)?.data[IDS_KEYS.fetch]),
    known: () => {
      const known = parseFetch(kept.get(IDS_ARCHIVE)?.data[IDS_KEYS.fetch])?.known
      if (known === undefined || mine === undefined || known.content !== mine.content) return undefined
      const { etag, ...rest } = known
      return etag === undefined ? rest : { ...rest, etag }
    },
    look,
    keep: async ({ version, content, rules, archive: given, ...release }) => {
      const archive = given?.bytes ?? (await packed({ version, content, rules, ...release }))
      const sum = sha256(archive)
      const count = Math.ceil(archive.length / PART_BYTES)
      if (count > MOST_PARTS)
        throw new Error(
          `Cannot keep IDS rules ${version}: ${archive.length} bytes are more than the ${MOST_PARTS * PART_BYTES} that are kept`,
        )
      const before = mine?.sha256 === sum ? mine : undefined
      const one = manifestOf(
        {
          version,
          sha256: sum,
          bytes: archive.length,
          rules,
          content,
          parts: Array.from({ length: count }, (_, i) => idsPartName(sum, i)),
          fetchedAt: before?.fetchedAt ?? now(),
          ...(given?.signature && { signature: Buffer.from(given.signature).toString('base64') }),
        },
        archive,
      )
      await write(one, archive)
      await look()
      for (const { name } of kept.all()) if (isIdsPart(name) && !one.parts.includes(name)) await kept.delete(name)
      return { version, sha256: sum }
    },
    attestAgain: async () => {
      if (current !== undefined && mine !== undefined) await write(manifestOf(mine, current.archive), current.archive)
    },
    tell: (state) =>
      kept.write(IDS_ARCHIVE, (before) => ({ data: { ...before?.data, [IDS_KEYS.fetch]: printFetch(state) } })),
    mend: async () => {
      const parsed = stored()
      // A newer version wrote it, and knows more.
      if (parsed.status === 'newer') return
      const wrong = parsed.status !== 'read' || problem !== undefined
      if (wrong && current !== undefined && mine !== undefined) {
        log.warn({ 'sekisho.ids_rules': current.version }, 'the kept IDS rules are written again')
        await write(manifestOf(mine, current.archive), current.archive)
        await look()
      }
      const named = new Set('state' in parsed ? parsed.state?.parts : [])
      for (const { name } of kept.all()) {
        if (!isIdsPart(name) || named.has(name)) {
          unneeded.delete(name)
          continue
        }
        const since = unneeded.get(name) ?? now()
        unneeded.set(name, since)
        if (now() - since < unneededMs) continue
        await kept.delete(name)
        unneeded.delete(name)
      }
    },
  }
}
