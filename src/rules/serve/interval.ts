/** How often a Pod asks: seldom enough that all of them together are as many polls a second as the replicas take, and not later than people wait. Pure. */
import type { PollSettings } from '../../config/rules.ts'

export interface Pace {
  /** Seconds. */
  readonly interval: number
  /** Seconds: the wait is a random time between interval − jitter and interval. */
  readonly jitter: number
}

/** @param replicas that live, ourselves included */
export const paceOf = (pods: number, replicas: number, settings: PollSettings): Pace => {
  const { pollsPerSecond, lowestSeconds, highestSeconds } = settings
  const wanted = Math.ceil(pods / (pollsPerSecond * Math.max(1, replicas)))
  const interval = Math.max(lowestSeconds, Math.min(highestSeconds, wanted))
  return { interval, jitter: Math.floor(interval / 4) }
}
