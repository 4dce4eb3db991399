/**
 * Whether more is asked than can be answered in time. When a service comes back after a while, all Pods ask at once; an answer that comes after
 * its caller has gone costs as much as one in time, so what would wait too long is sent away with a time to come back.
 *
 * Measured is how late a timer fires: handshakes and answers share one thread, and that lateness is what each caller waits at least.
 */
import { setInterval } from 'node:timers'

export interface Load {
  overloaded(): boolean
  close(): void
}
export interface LoadOptions {
  /** A clock that does not jump, ms. @default performance.now */
  readonly clock?: () => number
  /** Later than this is too late: a tenth of what an updater waits for an answer. @default 1 s */
  readonly latestMs?: number
  /** @default 100 */
  readonly everyMs?: number
}

export const measureLoad = ({
  clock = () => performance.now(),
  latestMs = 1_000,
  everyMs = 100,
}: LoadOptions = {}): Load => {
  let last = clock()
  let late = 0
  const timer = setInterval(() => {
    const at = clock()
    late = at - last - everyMs
    last = at
  }, everyMs).unref()
  return {
    // Within a long turn of the event loop the timer has not fired yet: what is known then is how long ago it did.
    overloaded: () => Math.max(late, clock() - last - everyMs) > latestMs,
    close: () => clearInterval(timer),
  }
}
