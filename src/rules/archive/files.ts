/** Rule files in memory, and the one name of a set of them. */
import { createHash } from 'node:crypto'

export interface RuleFile {
  readonly bytes: Uint8Array
  /** Hexadecimal. */
  readonly sha256: string
}
/** By path, with `/` between its parts. */
export type RuleFiles = ReadonlyMap<string, RuleFile>

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** Order by code unit, the same everywhere; a locale's order is not. */
const byPath = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0)

/** Sorted by path, each with its hash; the bytes are copies, so nothing larger is kept alive. */
export const ruleFiles = (files: Iterable<readonly [string, Uint8Array]>): RuleFiles =>
  new Map(
    [...files]
      .sort(byPath)
      .map(([path, bytes]) => [path, { bytes: Uint8Array.from(bytes), sha256: sha256(bytes) }] as const),
  )

/**
 * One hash for a set of files, whatever order they came in. In a folder with these files and no other the same comes from
 * `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`.
 */
export const contentAddress = (files: RuleFiles): string =>
  sha256(
    [...files]
      .sort(byPath)
      .map(([path, file]) => `${file.sha256}  ${path}\n`)
      .join(''),
  )
