/**
 * Why what a source gives is not taken: one table, with the archive's own reasons. Whatever it is, the current set stays.
 * docs/reference/rule-sources.md shows the table; a test compares. `passing`: the same address may well answer better a little later.
 */
import { ARCHIVE_REFUSALS, type RefusalText } from '../archive/refusals.ts'

export const SOURCE_REFUSALS = {
  AddressRefused: {
    sentence: 'The address is not https.',
    remedy: 'Give an https address. `http.plainOnLoopback` allows http for a mirror in the same Pod.',
    passing: false,
  },
  Unreachable: {
    sentence: 'No connection to upstream could be made.',
    remedy: 'Look at DNS, NetworkPolicies and HTTPS_PROXY of sekisho-rules; or use a mirror or a directory.',
    passing: true,
  },
  TlsRefused: {
    sentence: "TLS could not be agreed on, or upstream's certificate is not trusted.",
    remedy: "Give the CA's certificate in `http.caFile`, if a mirror or a proxy has its own.",
    passing: true,
  },
  TimedOut: {
    sentence: 'Upstream did not answer in time.',
    remedy: 'Nothing, if it passes; else raise `http.timeoutSeconds`.',
    passing: true,
  },
  ConnectionCut: {
    sentence: 'The connection ended before the whole answer was there.',
    remedy: 'Nothing, if it passes; else look whether a proxy cuts large downloads.',
    passing: true,
  },
  DownloadTooLarge: {
    sentence: 'The answer is larger than allowed.',
    remedy: 'Raise `limits.downloadBytes`, if it really is rules.',
    passing: false,
  },
  UpstreamFault: {
    sentence: 'Upstream answered with an error.',
    remedy: 'Nothing, if it passes.',
    passing: true,
  },
  RateLimited: {
    sentence: 'Upstream asks to be asked less often.',
    remedy: 'Nothing: the next try waits as long as it says. A token in `crs.github.tokenFile` has a higher limit.',
    passing: true,
  },
  Unauthorized: {
    sentence: 'Upstream wants other credentials.',
    remedy: 'Put a valid token into the file that `tokenFile` names.',
    passing: false,
  },
  NotFound: {
    sentence: 'There is nothing at the address.',
    remedy: 'Mend the address.',
    passing: false,
  },
  RedirectRefused: {
    sentence: 'Upstream sends on to an address that is not followed.',
    remedy: 'Give the last address itself, by https.',
    passing: false,
  },
  ListingUnreadable: {
    sentence: 'The list of releases is not what the API of GitHub answers.',
    remedy: 'Mend `crs.github.api`, or look what a proxy makes of it.',
    passing: true,
  },
  NoRelease: {
    sentence: 'No release of the chosen line is offered.',
    remedy: 'Choose another `crs.line`, or put a release of the line there.',
    passing: false,
  },
  MissingAsset: {
    sentence: 'The release has no archive: not uploaded yet, or forgotten.',
    remedy: 'Nothing, if it is put there; else `sekisho rules pin` another version.',
    passing: true,
  },
  MissingSignature: {
    sentence: 'The archive has no signature (.asc) beside it.',
    remedy: 'Nothing, if it is put there; an unsigned archive needs its sha256 in the configuration.',
    passing: true,
  },
  WrongLength: {
    sentence: 'The archive is not as long as upstream says.',
    remedy: 'Nothing, if it passes; else look whether a proxy changes downloads.',
    passing: true,
  },
  NoKey: {
    sentence: 'There is no key to check the signature with.',
    remedy: "Give the publisher's public key as armoured text in `keyFile`; its fingerprint is checked.",
    passing: false,
  },
  KeyExpired: {
    sentence: 'The key that signed has expired.',
    remedy: "Put the publisher's renewed key into `keyFile`.",
    passing: false,
  },
  KeyRevoked: {
    sentence: 'The key that signed was revoked: whoever has it may not be its owner.',
    remedy: 'Ask the publisher for the new key and its fingerprint; set `keyFile` and `fingerprints`.',
    passing: false,
  },
  WrongKey: {
    sentence: 'The archive was signed with a key that is not trusted.',
    remedy: "Compare with the publisher's own page before a key is added to `keyFile` and `fingerprints`.",
    passing: false,
  },
  SignatureUnreadable: {
    sentence: 'What stands where the signature should is no OpenPGP signature.',
    remedy: 'Look what the address of the .asc answers.',
    passing: true,
  },
  BadSignature: {
    sentence: 'The signature does not belong to this archive: it was changed after signing.',
    remedy: 'Do not use it. If it comes from a mirror, compare with upstream.',
    passing: false,
  },
  WrongDigest: {
    sentence: 'The sha256 is not the one that the configuration names.',
    remedy: 'If a new version was meant, set `sha256` to it after looking at it.',
    passing: false,
  },
  WrongVersion: {
    sentence: 'Inside the archive is another version than was asked for.',
    remedy: 'Do not use it: an old release may be served under a new name.',
    passing: false,
  },
  WrongLine: {
    sentence: 'The version is not on the chosen line.',
    remedy: 'Set `crs.line` to its line, or put a release of the line there.',
    passing: false,
  },
  OlderThanCurrent: {
    sentence: 'The newest release offered is older than the current one.',
    remedy: 'Going back is said, never found: `sekisho rules pin VERSION`.',
    passing: false,
  },
  TooFewRules: {
    sentence: 'There are fewer rules in it than the least allowed.',
    remedy: 'Lower `ids.minimumRules`, if the source really is that small.',
    passing: false,
  },
  ShrunkTooMuch: {
    sentence: 'It has far fewer rules than the current set.',
    remedy: 'Raise `ids.shrinkPercent` for one fetch, if upstream really took them out.',
    passing: false,
  },
  PlaceUnreadable: {
    sentence: 'The directory or ConfigMap cannot be read.',
    remedy: 'Mount it where the configuration says, readable for the user of sekisho-rules.',
    passing: true,
  },
  PlaceEmpty: {
    sentence: 'There is no archive and no rule file in the directory or ConfigMap.',
    remedy: 'Put one .tar.gz with its .asc there, or the unpacked rules.',
    passing: false,
  },
  Unsigned: {
    sentence: 'Unpacked rules cannot carry a signature, and one is required.',
    remedy: 'Put the signed archive there, or set `verify: none` for a place that only you can write to.',
    passing: false,
  },
  Fault: {
    sentence: 'The fetch ended in a fault of ours.',
    remedy: 'Report what the log of sekisho-rules says.',
    passing: true,
  },
} as const satisfies Record<string, RefusalText>

export const REFUSALS = { ...SOURCE_REFUSALS, ...ARCHIVE_REFUSALS } as const
export type RefusalCode = keyof typeof REFUSALS

/** Ends a fetch. The message is one sentence with the value at fault; others' text in it is quoted, secrets are left out. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** What upstream asked us to wait. */
  readonly retryAfterMs?: number
  constructor(code: RefusalCode, message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options)
    this.code = code
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
  }
}
