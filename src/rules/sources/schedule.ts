/**
 * When to ask again. Pure: chance comes in as a number.
 *
 *   after an answer        the interval ± a tenth, so that many clusters do not ask in step
 *   after n refusals       1, 2, 4, 8 … minutes, each at random between its half and its whole, at most the interval
 *   after one that stays   the interval: nothing changes by asking sooner
 *   told to wait           at least as long as told, at most a day
 *   no key and no release  at most five minutes: upstream is not asked for what cannot be believed, and who gives the key waits for it
 */
import { REFUSALS } from './refusals.ts'
import type { Fetched } from './source.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

export interface Schedule {
  readonly everyMs: number
  /** Refusals in a row, this one included. */
  readonly failures: number
  /** No release is known yet. @default false */
  readonly nothingYet?: boolean
  /** 0 ≤ random < 1. */
  readonly random: number
}

/** Milliseconds until the next fetch. */
export const nextFetch = (last: Fetched, { everyMs, failures, random, nothingYet = false }: Schedule): number => {
  const usual = everyMs * (0.9 + 0.2 * random)
  if (last.status !== 'refused') return Math.round(usual)
  if (nothingYet && last.reason === 'NoKey') return Math.round(Math.min(usual, 5 * MINUTE * (0.5 + 0.5 * random)))
  const told = Math.min(last.retryAfterMs ?? 0, DAY)
  if (!REFUSALS[last.reason].passing) return Math.round(Math.max(usual, told))
  const backoff = MINUTE * 2 ** Math.min(Math.max(failures, 1) - 1, 20) * (0.5 + 0.5 * random)
  return Math.round(Math.max(Math.min(backoff, usual), told))
}

/** When to ask first: spread over a minute, so that a restart of everything is no storm. */
export const firstFetch = (random: number): number => Math.round(MINUTE * random)
