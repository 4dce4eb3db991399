/**
 * When the leader looks at a namespace: soon after something of it changed, when time changes something (an exclusion ends), again after a
 * fault. Each namespace for itself: a trial that one waits for holds up no other.
 *
 *     wake ─ debounce ─▶ settle ─▶ when it said │ unfinished: soon │ fault: later each time
 *            changed inputs end a settle that is under way, since what it tries is not wanted any more
 */
import type { Log } from '../../cluster/log.ts'
import type { Settled } from './publisher.ts'

export interface SchedulerOptions {
  readonly settle: (namespace: string, signal: AbortSignal) => Promise<Settled>
  readonly now: () => number
  /** Returns what ends the timer. */
  readonly after: (ms: number, call: () => void) => () => void
  readonly log: Log
  readonly failed: () => void
}
export interface Scheduler {
  /** @param inputs what is under way was begun with other ones */
  wake(namespace: string, inputs?: boolean): void
  /** Until then nothing runs; afterwards again. */
  stop(): void
  start(): void
  /** Namespaces that are looked at now, or wait to be. */
  readonly busy: number
}

const DEBOUNCE_MS = 250
const UNFINISHED_MS = 2_000
const FAULT_MS = [1_000, 2_000, 5_000, 10_000, 30_000] as const
/** Timers take no more. */
const LONGEST_MS = 2 ** 31 - 1

interface Entry {
  end: () => void
  running: AbortController | undefined
  again: boolean
  faults: number
}

export function createScheduler({ settle, now, after, log, failed }: SchedulerOptions): Scheduler {
  const entries = new Map<string, Entry>()
  let stopped = true
  let epoch = 0

  const at = (namespace: string, entry: Entry, ms: number) => {
    entry.end()
    const mine = epoch
    entry.end = after(Math.min(ms, LONGEST_MS), () => {
      if (mine === epoch) void run(namespace, entry)
    })
  }
  const run = async (namespace: string, entry: Entry): Promise<void> => {
    if (stopped || entry.running !== undefined) return
    const mine = epoch
    const abort = new AbortController()
    entry.running = abort
    entry.again = false
    entry.end()
    try {
      const { wakeAt, unfinished } = await settle(namespace, abort.signal)
      entry.faults = 0
      if (mine !== epoch) return
      entry.running = undefined
      if (entry.again) at(namespace, entry, 0)
      else if (unfinished) at(namespace, entry, UNFINISHED_MS)
      // A moment after: what ends at that instant has ended then.
      else if (Number.isFinite(wakeAt)) at(namespace, entry, Math.max(wakeAt - now(), 0) + 50)
      else entries.delete(namespace)
    } catch (error) {
      if (mine !== epoch) return
      entry.running = undefined
      if (abort.signal.aborted) return at(namespace, entry, 0)
      const wait = FAULT_MS[Math.min(entry.faults++, FAULT_MS.length - 1)]!
      failed()
      log.warn({ 'k8s.namespace.name': namespace, err: error, waitMs: wait }, 'a namespace could not be looked at')
      at(namespace, entry, wait)
    }
  }

  return {
    wake: (namespace, inputs = false) => {
      if (stopped) return
      const entry: Entry = entries.get(namespace) ?? { end: () => {}, running: undefined, again: false, faults: 0 }
      entries.set(namespace, entry)
      if (entry.running === undefined) return at(namespace, entry, DEBOUNCE_MS)
      entry.again = true
      if (inputs) entry.running.abort(new Error('what it was begun with has changed'))
    },
    start: () => {
      stopped = false
    },
    stop: () => {
      stopped = true
      epoch++
      for (const { end, running } of entries.values()) {
        end()
        running?.abort(new Error('not leading any more'))
      }
      entries.clear()
    },
    get busy() {
      return entries.size
    },
  }
}
