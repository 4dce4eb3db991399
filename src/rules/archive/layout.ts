/** What an archive of one kind of rules looks like: which of its files are taken, and whether they are whole. One file a kind in layouts/. */
import type { RuleFiles } from './files.ts'
import type { ArchiveRefused } from './refusals.ts'

export interface Whole {
  readonly ok: true
  /** As the files say it; absent where they do not. */
  readonly version?: string
  /** Rules that would be active: a rough count, for comparing one set with the next. */
  readonly rules: number
}

export interface Layout {
  readonly kind: 'crs' | 'ids'
  /** Folders at the top. Any other single one is the archive's own (`coreruleset-4.25.0/`), and taken off. */
  readonly tops: readonly string[]
  /** Whether a file is taken. What is not is left out, never used: upstream may add pages and tools as it likes. */
  takes(path: string): boolean
  /** @param root the folder that was taken off */
  judge(files: RuleFiles, root: string): Whole | ArchiveRefused
}
