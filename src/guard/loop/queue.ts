/**
 * Writes and reads that wait for their turn: a few at once, each kind no faster than its rate, and the kinds in their order, so that a taint
 * never waits behind a thousand annotations. One key of a kind waits once, however often it is asked for.
 */

export interface Kind {
  readonly perSecond: number
  /** How many may go at once after a pause. */
  readonly burst: number
  /** How many may wait; what comes then is dropped. */
  readonly most?: number
}

export interface QueueOptions<K extends string> {
  /** The first is served first. */
  readonly kinds: Readonly<Record<K, Kind>>
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly monotonic: () => number
  readonly run: (kind: K, key: string) => Promise<void>
  readonly dropped?: (kind: K) => void
}

export interface Queue<K extends string> {
  add(kind: K, key: string): void
  has(kind: K, key: string): boolean
  waiting(): number
  clear(): void
}

/** `run` must not reject. */
export function createQueue<K extends string>(options: QueueOptions<K>): Queue<K> {
  const { kinds, concurrency, signal, monotonic, run, dropped = () => {} } = options
  const order = Object.keys(kinds) as K[]
  const waiting = Object.fromEntries(order.map((kind) => [kind, new Set<string>()])) as Record<K, Set<string>>
  const busy = Object.fromEntries(order.map((kind) => [kind, new Set<string>()])) as Record<K, Set<string>>
  const tokens = Object.fromEntries(
    order.map((kind) => [kind, { left: kinds[kind].burst, at: monotonic() }]),
  ) as Record<K, { left: number; at: number }>
  let running = 0
  let timer: NodeJS.Timeout | undefined

  /** Milliseconds until this kind may go. */
  const delay = (kind: K): number => {
    const bucket = tokens[kind]
    const { perSecond, burst } = kinds[kind]
    const now = monotonic()
    bucket.left = Math.min(burst, bucket.left + ((now - bucket.at) * perSecond) / 1000)
    bucket.at = now
    return bucket.left >= 1 ? 0 : ((1 - bucket.left) * 1000) / perSecond
  }
  // What is being written now waits until that ended: two writes of one object would only refuse each other.
  const next = (kind: K): string | undefined => {
    for (const key of waiting[kind]) if (!busy[kind].has(key)) return key
    return undefined
  }

  const pump = (): void => {
    clearTimeout(timer)
    let soonest = Number.POSITIVE_INFINITY
    for (const kind of order) {
      while (running < concurrency && !signal.aborted) {
        const key = next(kind)
        if (key === undefined) break
        const ms = delay(kind)
        if (ms > 0) {
          soonest = Math.min(soonest, ms)
          break
        }
        tokens[kind].left -= 1
        waiting[kind].delete(key)
        busy[kind].add(key)
        running += 1
        void run(kind, key).finally(() => {
          busy[kind].delete(key)
          running -= 1
          pump()
        })
      }
    }
    if (soonest < Number.POSITIVE_INFINITY && !signal.aborted) timer = setTimeout(pump, Math.ceil(soonest)).unref()
  }

  return {
    add: (kind, key) => {
      const { most = Number.POSITIVE_INFINITY } = kinds[kind]
      if (waiting[kind].size >= most && !waiting[kind].has(key)) return dropped(kind)
      waiting[kind].add(key)
      pump()
    },
    has: (kind, key) => waiting[kind].has(key) || busy[kind].has(key),
    waiting: () => order.reduce((sum, kind) => sum + waiting[kind].size, 0),
    clear: () => {
      for (const kind of order) waiting[kind].clear()
    },
  }
}
