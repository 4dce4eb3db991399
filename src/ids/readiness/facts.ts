/** What the agent knows at one moment. Every time is in seconds of one clock that only rises. */
import type { CanaryState } from './canary.ts'
import type { DropsSample } from './drops.ts'
import type { IdsLimits } from './limits.ts'
import type { PacketsSample, PacketsState } from './packets.ts'

export type SuricataState =
  | { readonly state: 'unknown' }
  | { readonly state: 'answers' }
  /** Since when it owes an answer, and what was tried. */
  | { readonly state: 'silent'; readonly since: number; readonly why: string }

/** Rules as Suricata counts them. */
export interface RuleCounts {
  readonly loaded: number
  readonly failed: number
}

/** Rules as the one who places them knows them. */
export interface RulesState {
  /** First 12 digits of the set's sha256, or `baseline`. */
  readonly set: string
  /** Rules that must be active while this set is: those of the set and of the image. Undefined: not known. */
  readonly expected: number | undefined
  /** The least that the settings ask for; 0 for the rules of the image, which are not measured by it. */
  readonly minimum: number
  /** `none`: nothing was placed since Suricata started. `running`: counts may be of either set. */
  readonly reload:
    | { readonly state: 'none' | 'verified' | 'running' }
    | { readonly state: 'unverified'; readonly why: string }
  /** When the source last said that these are the newest; undefined: age is not measured (no source, or none that follows IDS rules). */
  readonly confirmedAt: number | undefined
}

export interface InterfaceFacts {
  readonly name: string
  /** By `/sys/class/net`. */
  readonly present: boolean
  readonly packets: { readonly state: PacketsState; readonly sample: PacketsSample } | undefined
  readonly drops: readonly DropsSample[]
  readonly canary: CanaryState
}

export interface IdsFacts {
  readonly now: number
  readonly startedAt: number
  readonly suricata: SuricataState
  readonly counts: RuleCounts | undefined
  readonly rules: RulesState
  /** Interfaces that should be captured, and those that Suricata was started with; undefined: not written yet. */
  readonly wanted: readonly string[] | undefined
  readonly captured: readonly string[] | undefined
  /** Of those captured. */
  readonly interfaces: readonly InterfaceFacts[]
  readonly limits: IdsLimits
}
