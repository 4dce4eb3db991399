/**
 * What is remembered of a node's IDS: since when it is Ready or not, and how often it was lost. Times are of the clock that only rises. What
 * was before we looked is taken from the time on our taint, which the leader before us stamped with the API server's time.
 */
import type { Sight } from './sight.ts'

export interface History {
  /** Since when the node is covered without a break; undefined while it is not. */
  readonly coveredSince: number | undefined
  /** Since when the node should have been covered and was not; undefined while that is not so. */
  readonly lostSince: number | undefined
  /** When the IDS was lost, the newest last. */
  readonly losses: readonly number[]
}
export const NO_HISTORY: History = { coveredSince: undefined, lostSince: undefined, losses: [] }

export interface Seen {
  readonly sight: Sight
  /** A protected namespace reaches it and the IDS is meant for it. */
  readonly concerned: boolean
  /** How long our taint has been there by the API server's time; undefined: it is not there, or bears no time. */
  readonly taintedMs: number | undefined
  readonly monotonic: number
  readonly flapMs: number
}

/** What is remembered after one more look. */
export function remember(before: History, { sight, concerned, taintedMs, monotonic, flapMs }: Seen): History {
  const recent = before.losses.filter((at) => monotonic - at < flapMs)
  if (sight.kind !== 'blind') {
    return {
      // In grace it is not covered, but it lost nothing either: its time begins anew.
      coveredSince: sight.kind === 'covered' ? (before.coveredSince ?? monotonic) : undefined,
      lostSince: undefined,
      losses: recent,
    }
  }
  const lost = before.coveredSince === undefined ? recent : [...recent, monotonic]
  // A taint of the future, or of a clock that went backwards, is as old as it looks: new.
  const began = monotonic - Math.max(0, taintedMs ?? 0)
  return { coveredSince: undefined, lostSince: concerned ? (before.lostSince ?? began) : undefined, losses: lost }
}

export interface Settling {
  readonly settleSeconds: number
  readonly flaps: number
  readonly settleLimitSeconds: number
}

/** How long the IDS must be Ready before its taint goes: doubled for each loss beyond `flaps`. */
export function settleMs(losses: number, { settleSeconds, flaps, settleLimitSeconds }: Settling): number {
  const over = Math.max(0, losses - flaps)
  if (over === 0) return settleSeconds * 1000
  const doubled = Math.max(1, settleSeconds) * 2 ** Math.min(over, 20)
  return Math.max(settleSeconds, Math.min(doubled, settleLimitSeconds)) * 1000
}
