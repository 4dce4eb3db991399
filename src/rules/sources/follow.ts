/** A source asked again and again, by the schedule, until `signal`: what it answered, each time. */
import { firstFetch, nextFetch } from './schedule.ts'
import type { Clock, Fetched, Http, Known, RuleSource } from './source.ts'

export interface FollowOptions {
  readonly http: Http
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly everyMs: number
  /** 0 ≤ random < 1. */
  random(): number
  /** Asked before each fetch: a rollback changes what is known. */
  known(): Known | undefined
}

/** Ends when `signal` is aborted; never throws for what upstream does. The caller keeps `fetched.known` before it asks for the next. */
export async function* follow(source: RuleSource, options: FollowOptions): AsyncGenerator<Fetched, void, void> {
  const { http, clock, signal, everyMs, random } = options
  let failures = 0
  let waitMs = firstFetch(random())
  try {
    while (true) {
      await clock.sleep(waitMs, signal)
      const known = options.known()
      const fetched = await source.fetch({ known, signal, clock, http })
      failures = fetched.status === 'refused' ? failures + 1 : 0
      waitMs = nextFetch(fetched, { everyMs, failures, random: random(), nothingYet: known === undefined })
      yield fetched
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
