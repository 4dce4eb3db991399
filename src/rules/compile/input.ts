/** What goes into a bundle. All of it plain data; time, hash and signature are handed in. */
import type { WafPolicyExclusion } from '../../api/waf-policy.ts'
import type { Release } from './release.ts'

export interface ArgumentLimits {
  /** Of arguments in a request. */
  readonly count?: number
  readonly nameBytes?: number
  readonly valueBytes?: number
  /** Of all together. */
  readonly totalBytes?: number
}

/** The mode is not in it: it changes without a new bundle. */
export interface Setup {
  /** 1 to 4. */
  readonly paranoiaLevel: number
  readonly allowedMethods: readonly string[]
  /** Largest request body. */
  readonly bodyLimitBytes: number
  /** Largest body without its uploaded files. */
  readonly fieldsLimitBytes: number
  readonly argumentLimits?: ArgumentLimits
  /** CIDRs of the only peers that may connect; absent or empty: all may. The order means nothing. */
  readonly onlyFrom?: readonly string[]
  /** Words of languages.ts that the application uses; absent: not known, so nothing is left out. */
  readonly languages?: readonly string[]
}

export type Exclusion = WafPolicyExclusion

/** What the platform lets exclusions open beyond rule + path + one parameter. */
export interface Permit {
  readonly tags: boolean
  readonly wholeRules: boolean
}

export interface NamedText {
  /** As problems name it. */
  readonly name: string
  readonly text: string
}

export interface CompileInput {
  readonly release: Release
  readonly setup: Setup
  /** Rules of the namespace before and after the release, in the order of the policy. */
  readonly before?: readonly NamedText[]
  readonly after?: readonly NamedText[]
  readonly exclusions?: readonly Exclusion[]
  readonly permit?: Permit
  /** Milliseconds since 1970: what has expired by then is left out. */
  readonly now: number
  /**
   * `refuse` where a person is told at once; `note` where a new release meets a policy that stood before it, so that a rule that upstream took
   * away does not hold the release back.
   * @default 'refuse'
   */
  readonly unknownRules?: 'refuse' | 'note'
  /** SHA-256 in hexadecimal. */
  readonly hash: (bytes: Uint8Array) => string
}
