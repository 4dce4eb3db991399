/**
 * The leader asks the source, once for the cluster: what is new is kept before anybody hears of it. A pinned version is another question, asked
 * at once.
 */
import type { Log } from '../../cluster/log.ts'
import type { ReleaseRef } from '../model.ts'
import type { FetchState } from '../rollout/state.ts'
import { cut } from '../rollout/stored.ts'
import { follow } from '../sources/follow.ts'
import type { Clock, Fetched, Http, Known, RuleSource } from '../sources/source.ts'

export interface FetchLoopOptions {
  /** The source for a line or a version. */
  readonly source: (line: string) => RuleSource
  readonly line: () => string
  readonly http: Http
  readonly clock: Clock
  readonly everyMs: number
  readonly random: () => number
  /** Nobody else is asked with it: a directory or a ConfigMap. */
  readonly local: boolean
  /** What the last fetch left, if what it speaks of is kept. */
  readonly known: () => Known | undefined
  readonly last: () => FetchState | undefined
  readonly keep: (release: Fetched & { status: 'new' }) => Promise<ReleaseRef>
  readonly arrived: (release: ReleaseRef, rules: number) => void
  readonly told: (state: FetchState, refused: boolean) => void
  readonly log: Log
}

const LOOK_MS = 1_000

/** Until the signal aborts; never rejects. */
export async function runFetchLoop(options: FetchLoopOptions, signal: AbortSignal): Promise<void> {
  const { line, clock, log } = options
  while (!signal.aborted) {
    const asked = line()
    const other = new AbortController()
    const both = AbortSignal.any([signal, other.signal])
    const watching = (async () => {
      while (!both.aborted && line() === asked) await clock.sleep(LOOK_MS, both).catch(() => {})
      other.abort(new Error('another version is asked for'))
    })()
    try {
      await fetchLine(asked, options, both)
    } catch (error) {
      if (!both.aborted) log.warn({ err: error }, 'the source could not be followed')
      if (!both.aborted) await clock.sleep(LOOK_MS * 10, both).catch(() => {})
    }
    other.abort(new Error('followed no more'))
    await watching
  }
}

async function fetchLine(line: string, options: FetchLoopOptions, signal: AbortSignal): Promise<void> {
  const { source, http, clock, everyMs, local, log } = options
  // Many clusters must not ask at one moment; where nothing is there yet, somebody waits.
  let first = local || options.known() === undefined
  const random = () => {
    const value = first ? 0 : options.random()
    first = false
    return value
  }
  const known = () => {
    const one = options.known()
    // Going back to a pinned version is meant; what is known of another line would refuse it.
    return one !== undefined && /^\d+\.\d+\.\d+$/.test(line) && one.version !== line ? undefined : one
  }
  for await (const fetched of follow(source(line), { http, clock, signal, everyMs, random, known })) {
    const at = clock.now()
    const before = options.last()
    const state = (status: FetchState['lastStatus'], reason: string, detail: string, known?: Known): FetchState => ({
      ...(known === undefined ? before?.known && { known: before.known } : { known }),
      lastAt: at,
      lastStatus: status,
      lastReason: reason,
      lastDetail: cut(detail),
      lastGoodAt: status === 'refused' ? (before?.lastGoodAt ?? 0) : at,
    })
    const { status, reason, detail } = fetched
    const fields = { 'sekisho.fetch': status, 'sekisho.reason': reason, 'sekisho.detail': detail }
    if (status === 'refused') {
      log.warn(fields, 'the source was refused; the current set stays')
      options.told(state(status, reason, detail), true)
      continue
    }
    if (status === 'new')
      try {
        const ref = await options.keep(fetched)
        options.arrived(ref, fetched.release.rules)
      } catch (error) {
        signal.throwIfAborted()
        log.warn({ ...fields, err: error }, 'a release could not be kept')
        options.told(state('refused', 'Fault', `it could not be kept: ${(error as Error).message}`), true)
        continue
      }
    log.info(fields, 'the source was asked')
    options.told(state(status, reason, detail, fetched.known), false)
  }
}
