/**
 * A .tar.gz, or files from a folder, to the rule files they hold; or why not. Nothing in here believes what it reads, and nothing writes.
 *
 *   bytes → gunzip (limits) → untar (paths, kinds) → arrange (layout, hashes)
 */
import { contentAddress, type RuleFiles, ruleFiles } from './files.ts'
import { gunzip } from './gunzip.ts'
import type { Layout } from './layout.ts'
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts'
import { type ArchiveRefused, refusedArchive } from './refusals.ts'
import { untar } from './untar.ts'

export interface Unpacked {
  readonly ok: true
  readonly files: RuleFiles
  readonly content: string
  readonly rules: number
  readonly version?: string
}

/** The single folder in which everything stands, unless the layout knows it; else ''. */
const ownFolder = (paths: readonly string[], { tops }: Layout): string => {
  const root = paths[0]?.split('/')[0] ?? ''
  return !tops.includes(root) && paths.every((path) => path.startsWith(`${root}/`)) ? root : ''
}

/** The files that `layout` takes, judged. Every path must have passed `entryPath`. */
export const arrange = (all: ReadonlyMap<string, Uint8Array>, layout: Layout): Unpacked | ArchiveRefused => {
  const root = ownFolder([...all.keys()], layout)
  const files = ruleFiles(
    [...all]
      .map(([path, bytes]) => [root === '' ? path : path.slice(root.length + 1), bytes] as const)
      .filter(([path]) => layout.takes(path)),
  )
  if (files.size === 0) return refusedArchive('MissingFiles', `None of the ${all.size} files in it is a rule file.`)
  const judged = layout.judge(files, root)
  return judged.ok ? { ...judged, files, content: contentAddress(files) } : judged
}

export const unpack = async (
  bytes: Uint8Array,
  layout: Layout,
  { limits = ARCHIVE_LIMITS, signal }: { limits?: ArchiveLimits; signal?: AbortSignal } = {},
): Promise<Unpacked | ArchiveRefused> => {
  const tar = await gunzip(bytes, limits)
  if (!tar.ok) return tar
  const read = await untar(tar.bytes, limits, signal)
  return read.ok ? arrange(read.files, layout) : read
}
