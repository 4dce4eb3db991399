/**
 * Why an archive is not unpacked: one table. docs/reference/rule-sources.md shows it with the reasons of the sources; a test compares.
 * `passing` says that the same address may well answer better a little later.
 */

export interface RefusalText {
  readonly sentence: string
  readonly remedy: string
  readonly passing: boolean
}

export const ARCHIVE_REFUSALS = {
  HtmlInsteadOfArchive: {
    sentence: 'A web page came where an archive was expected: a login, an error page or a proxy answered.',
    remedy: 'Open the address with curl from a Pod in the same namespace, and allow it in the proxy.',
    passing: true,
  },
  NotAnArchive: {
    sentence: 'What came is not a gzip-packed tar archive.',
    remedy: 'Give the address of a .tar.gz.',
    passing: false,
  },
  Truncated: {
    sentence: 'The archive ends too early.',
    remedy: 'Nothing, if it passes; else look whether a proxy or a mirror cuts large downloads.',
    passing: true,
  },
  Corrupt: {
    sentence: 'The archive cannot be read to its end.',
    remedy: 'Fetch it anew on the mirror, or tell whoever publishes it.',
    passing: false,
  },
  BombRatio: {
    sentence: 'The archive unpacks to far more than rules would.',
    remedy: 'Look at it by hand; raise `limits.ratio` only if it really holds rules.',
    passing: false,
  },
  UnpackedTooLarge: {
    sentence: 'The archive unpacks to more bytes than allowed.',
    remedy: 'Raise `limits.unpackedBytes`, and the memory limit of sekisho-rules with it.',
    passing: false,
  },
  TooManyEntries: {
    sentence: 'The archive has more files and folders than allowed.',
    remedy: 'Raise `limits.entries`, if it really holds rules.',
    passing: false,
  },
  PathTooLong: {
    sentence: 'A path in the archive is longer than allowed.',
    remedy: 'Raise `limits.pathBytes`, if it really holds rules.',
    passing: false,
  },
  PathEscapes: {
    sentence: 'A path in the archive is absolute or leads out of it.',
    remedy: 'Do not use this archive; tell whoever publishes it.',
    passing: false,
  },
  PathUnreadable: {
    sentence: 'A path in the archive has characters that no rule file has.',
    remedy: 'Do not use this archive; tell whoever publishes it.',
    passing: false,
  },
  LinkInside: {
    sentence: 'The archive or folder holds a link.',
    remedy: 'Put the file itself where the link is.',
    passing: false,
  },
  SpecialFileInside: {
    sentence: 'The archive or folder holds something that is neither a file nor a folder.',
    remedy: 'Leave only files and folders in it.',
    passing: false,
  },
  DuplicatePath: {
    sentence: 'Two entries of the archive have the same path, so that readers could differ about what it says.',
    remedy: 'Do not use this archive; tell whoever publishes it.',
    passing: false,
  },
  CaseCollision: {
    sentence: 'Two paths in the archive differ only by capitals.',
    remedy: 'Rename one of them.',
    passing: false,
  },
  MissingFiles: {
    sentence: 'Files without which the rules do not work are not in it.',
    remedy: 'Give the archive that its publisher calls the release, not one of its sources or of a part.',
    passing: false,
  },
  VersionUnclear: {
    sentence: 'The files do not agree about which version they are.',
    remedy: 'Give one release, whole and unmixed.',
    passing: false,
  },
} as const satisfies Record<string, RefusalText>
export type ArchiveRefusal = keyof typeof ARCHIVE_REFUSALS

export interface ArchiveRefused {
  readonly ok: false
  readonly reason: ArchiveRefusal
  /** One sentence with the value at fault, quoted: what an archive says is others' text. */
  readonly detail: string
}

export const refusedArchive = (reason: ArchiveRefusal, detail: string): ArchiveRefused =>
  Object.freeze({ ok: false, reason, detail })
