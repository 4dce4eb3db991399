/**
 * From bytes to a release, the same for every source:
 *
 *   believed? → unpacked → the version asked for? → on the line? → not older? → enough rules? → unchanged | new
 */

import { sha256 } from '../archive/files.ts'
import { gunzip } from '../archive/gunzip.ts'
import type { Layout } from '../archive/layout.ts'
import type { ArchiveLimits } from '../archive/limits.ts'
import { type Unpacked, unpack } from '../archive/unpack.ts'
import { compareVersions, isOnLine, isPinned, lineOf, parseVersion } from './choose-release.ts'
import { Refusal } from './refusals.ts'
import type { Fetched, Known, Release } from './source.ts'
import { believe, type Trust } from './trust.ts'

/** What a source holds its releases to. */
export interface Demands {
  readonly source: string
  readonly layout: Layout
  readonly trust: Trust
  readonly limits: ArchiveLimits
  /** `lts`, `latest`, `4.22` or `4.25.1`; absent where there are no lines. */
  readonly line?: string
  readonly minimumRules: number
  /** Per cent of its rules that a new set may lack. */
  readonly shrinkPercent: number
}

export interface Offer {
  readonly bytes: Uint8Array
  readonly signature?: Uint8Array | undefined
  /** What the offer is called outside; what is inside must agree. */
  readonly version?: string
}

interface Now {
  readonly known?: Known | undefined
  readonly now: number
  readonly signal: AbortSignal
  readonly etag?: Known['etag']
}

/** A verified, unpacked archive as `new`, or `unchanged` when it holds what is known. @throws Refusal */
export const considerArchive = async (offer: Offer, demands: Demands, at: Now): Promise<Fetched> => {
  let signedBy: { signedBy?: string }
  try {
    signedBy = await believe(offer.bytes, offer.signature, demands.trust, at.now)
  } catch (error) {
    throw await clearer(error, offer.bytes, demands.limits)
  }
  const unpacked = await unpack(offer.bytes, demands.layout, { limits: demands.limits, signal: at.signal })
  if (!unpacked.ok) throw new Refusal(unpacked.reason, unpacked.detail)
  const archive = { bytes: offer.bytes, ...(offer.signature ? { signature: offer.signature } : {}) }
  return consider(unpacked, demands, at, { sha256: sha256(offer.bytes), ...signedBy, archive }, offer.version)
}

/** The same for rules that came unpacked. @throws Refusal */
export const considerFiles = (unpacked: Unpacked, demands: Demands, at: Now): Fetched => {
  const { trust } = demands
  if (trust.by === 'signature')
    throw new Refusal('Unsigned', 'It holds unpacked rules, and `verify: signature` is set.')
  if (trust.by === 'sha256' && trust.sha256 !== unpacked.content)
    throw new Refusal('WrongDigest', `The content is ${unpacked.content}, the configuration says ${trust.sha256}.`)
  return consider(unpacked, demands, at, { sha256: unpacked.content })
}

/** What was cut off or is a web page also has a bad signature; the first says more. Only to explain: it is refused anyway. */
const clearer = async (error: unknown, bytes: Uint8Array, limits: ArchiveLimits): Promise<unknown> => {
  if (!(error instanceof Refusal) || !['BadSignature', 'WrongDigest', 'MissingSignature'].includes(error.code))
    return error
  const read = await gunzip(bytes, limits)
  if (read.ok || !['Truncated', 'HtmlInsteadOfArchive', 'NotAnArchive'].includes(read.reason)) return error
  return new Refusal(read.reason, read.detail, { cause: error })
}

const consider = (
  unpacked: Unpacked,
  { source, layout, line, minimumRules, shrinkPercent }: Demands,
  { known, etag }: Now,
  proof: Pick<Release, 'sha256' | 'signedBy' | 'archive'>,
  asked?: string,
): Fetched => {
  const version = unpacked.version ?? `content-${unpacked.content.slice(0, 12)}`
  if (asked !== undefined && asked !== version)
    throw new Refusal('WrongVersion', `Asked for ${asked}, inside is ${version}.`)
  if (line !== undefined && !isOnLine(version, line))
    throw new Refusal('WrongLine', `${version} is not on the line ${line}.`)
  if (known && line !== undefined && !isPinned(line)) notOlder(version, known)
  if (unpacked.rules < minimumRules)
    throw new Refusal('TooFewRules', `${unpacked.rules} rules are in it, at least ${minimumRules} are wanted.`)
  const floor = known ? Math.ceil(known.rules * (1 - shrinkPercent / 100)) : 0
  if (unpacked.rules < floor)
    throw new Refusal(
      'ShrunkTooMuch',
      `${unpacked.rules} rules are in it, the current set has ${known?.rules}: at least ${floor} are wanted.`,
    )
  const { content, files, rules } = unpacked
  const next: Known = { version, sha256: proof.sha256, content, rules, ...(etag ? { etag } : {}) }
  if (known?.content === content && known.version === version)
    return {
      status: 'unchanged',
      reason: 'SameRelease',
      detail: `${source}: ${version} is what is known.`,
      known: next,
    }
  const release: Release = {
    kind: layout.kind,
    source,
    version,
    line: parseVersion(version) ? lineOf(version) : layout.kind,
    content,
    files,
    rules,
    ...proof,
  }
  return {
    status: 'new',
    reason: 'NewRelease',
    detail: `${source}: ${version} with ${rules} rules.`,
    release,
    known: next,
  }
}

/** The refusal of a version before the known one, wherever the source sees it first. @throws Refusal */
export const notOlder = (version: string, known: Known): void => {
  if (compareVersions(version, known.version) >= 0) return
  throw new Refusal('OlderThanCurrent', `${version} is offered, ${known.version} is current.`)
}
