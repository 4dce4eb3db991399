/**
 * Reads a tar archive from memory into memory. Only files and folders, each path once, nothing of what the headers say about owners,
 * modes or times. Stops at the first entry that is not as it must be.
 */
import { type Extract, extract, type Header } from 'tar-stream'
import { entryPath } from './entry-path.ts'
import type { ArchiveLimits } from './limits.ts'
import { quoted } from './quoted.ts'
import { type ArchiveRefused, refusedArchive } from './refusals.ts'

type Kind = 'file' | 'folder'

/** What is known of the paths so far, by their lower-case form. */
class Paths {
  readonly #seen = new Map<string, { path: string; kind: Kind }>()

  /** Why `path` cannot be here too; undefined when it can, and then it is remembered, with its folders. */
  add(path: string, kind: Kind): ArchiveRefused | undefined {
    const parents = path.split('/').slice(0, -1)
    for (let depth = 1; depth <= parents.length; depth++) {
      const refused = this.#one(parents.slice(0, depth).join('/'), 'folder', true)
      if (refused) return refused
    }
    return this.#one(path, kind, kind === 'folder')
  }

  #one(path: string, kind: Kind, again: boolean): ArchiveRefused | undefined {
    const before = this.#seen.get(path.toLowerCase())
    this.#seen.set(path.toLowerCase(), { path, kind })
    if (!before) return undefined
    if (before.path !== path)
      return refusedArchive('CaseCollision', `${quoted(before.path)} and ${quoted(path)} differ only by capitals.`)
    return again && before.kind === kind
      ? undefined
      : refusedArchive(
          'DuplicatePath',
          `${quoted(path)} is there twice${before.kind === kind ? '' : ', as file and folder'}.`,
        )
  }
}

const kindOf = ({ type, name }: Header): Kind | ArchiveRefused => {
  if (type === 'file' || type === 'contiguous-file') return 'file'
  if (type === 'directory') return 'folder'
  if (type === 'link' || type === 'symlink') return refusedArchive('LinkInside', `${quoted(name)} is a ${type}.`)
  return refusedArchive('SpecialFileInside', `${quoted(name)} is ${type ? `a ${type}` : 'of an unknown kind'}.`)
}

/** A reader that waits for what never comes must not hold up the service. Reading takes well under a second. */
const STALLED_MS = 60_000

/** Path → bytes of every file in `tar`. */
export const untar = async (
  tar: Buffer,
  limits: ArchiveLimits,
  signal?: AbortSignal,
): Promise<{ ok: true; files: Map<string, Buffer> } | ArchiveRefused> => {
  const reader = extract()
  let timer: NodeJS.Timeout | undefined
  const stalled = new Promise<ArchiveRefused>((resolve) => {
    timer = setTimeout(() => resolve(refusedArchive('Corrupt', 'The tar archive leads nowhere.')), STALLED_MS)
  })
  try {
    reader.end(tar)
    return await Promise.race([readAll(reader, limits, signal), stalled])
  } finally {
    clearTimeout(timer)
    reader.destroy()
  }
}

const readAll = async (
  reader: Extract,
  limits: ArchiveLimits,
  signal: AbortSignal | undefined,
): Promise<{ ok: true; files: Map<string, Buffer> } | ArchiveRefused> => {
  const files = new Map<string, Buffer>()
  const paths = new Paths()
  let entries = 0
  try {
    for await (const entry of reader) {
      signal?.throwIfAborted()
      if (++entries > limits.entries)
        return refusedArchive('TooManyEntries', `It has more than ${limits.entries} entries.`)
      const { header } = entry
      const named = entryPath(header.name, limits)
      if (!named.ok) return named
      const kind = kindOf(header)
      if (typeof kind === 'object') return kind
      // The library takes some sizes that are none for sizes, and then waits for ever.
      if (!Number.isSafeInteger(header.size))
        return refusedArchive('Corrupt', `${quoted(header.name)} has a size that is no number.`)
      const chunks: Uint8Array[] = []
      for await (const chunk of entry) chunks.push(chunk as Uint8Array)
      if (named.path === '') continue
      const refused = paths.add(named.path, kind)
      if (refused) return refused
      if (kind === 'file') files.set(named.path, Buffer.concat(chunks))
    }
  } catch (error) {
    signal?.throwIfAborted()
    const { message } = error as Error
    return message === 'Unexpected end of data'
      ? refusedArchive('Truncated', 'The tar archive ends in the middle of an entry.')
      : refusedArchive('Corrupt', `tar says: ${quoted(message)}.`)
  }
  if (files.size === 0) return refusedArchive('NotAnArchive', 'There is no file in it.')
  return { ok: true, files }
}
