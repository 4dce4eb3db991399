/** How much an archive may be. What unpacks beyond a limit is refused before it is unpacked further, so a bomb costs no more than its limit. */

export interface ArchiveLimits {
  /** Sum of everything inside, with the archive's own headers. */
  readonly unpackedBytes: number
  /** Unpacked bytes for each packed byte. Rules pack about 1:5, lists of words 1:15. */
  readonly ratio: number
  /** Entries, folders included. */
  readonly entries: number
  readonly pathBytes: number
}

export const ARCHIVE_LIMITS: ArchiveLimits = Object.freeze({
  unpackedBytes: 128 * 1024 * 1024,
  ratio: 50,
  entries: 2_000,
  pathBytes: 200,
})
