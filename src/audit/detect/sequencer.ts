/**
 * Exactly once, and in order of time, although clouds deliver at least once and in any order. Within two windows, both of the logs' own
 * time:
 *
 *     ──────────────┬───────────────────────┬──────────────────┬──→
 *       too old     │ late: judged at once, │ held and sorted  │ newest record
 *                   │ exactly once          │                  │
 *                   └─ onceMs before it     └─ orderMs before it
 *
 * A record that arrives at most `orderMs` late is judged in its place. One that is later still, up to `onceMs`, is judged once, but after
 * others that are younger. Beyond, nobody knows whether it was judged before. Memory is bounded by counts: when ids are too many the oldest are
 * forgotten and the second window shrinks; when records held are too many, the oldest are let go early. Both are counted.
 */
export interface SequencerOptions {
  readonly orderMs: number
  readonly onceMs: number
  readonly mostHeld: number
  readonly mostIds: number
}
export const SEQUENCER_DEFAULTS: SequencerOptions = {
  orderMs: 15 * 60_000,
  onceMs: 3 * 24 * 3_600_000,
  mostHeld: 50_000,
  mostIds: 500_000,
}

export interface Placed {
  readonly time: number
  /** Of what is the same record, the same. */
  readonly id: string
}
export type Offered = 'new' | 'duplicate' | 'too-old' | 'from-the-future'

export interface PlainSequencer<R> {
  readonly version: 1
  readonly newest: number
  readonly floor: number
  readonly held: readonly R[]
  readonly ids: readonly (readonly [minute: number, ids: readonly string[]])[]
}

const MINUTE = 60_000
/** Clocks of log writers differ; a record from beyond this would make all others old. */
const AHEAD_MS = 60 * MINUTE

export class Sequencer<R extends Placed> {
  readonly #options: SequencerOptions
  readonly #clock: () => number
  /** Ids by the minute of their record. */
  readonly #ids = new Map<number, Set<string>>()
  #idCount = 0
  /** A heap: the oldest is first. */
  readonly #held: R[] = []
  #newest = Number.NEGATIVE_INFINITY
  #floor = Number.NEGATIVE_INFINITY
  /** Records let go before their window was over, and ids forgotten within theirs. */
  readonly counts = { early: 0, idsForgotten: 0 }

  /** `clock` is the world's, against records from the future. */
  constructor(clock: () => number, options: Partial<SequencerOptions> = {}) {
    this.#clock = clock
    this.#options = { ...SEQUENCER_DEFAULTS, ...options }
  }

  get held(): number {
    return this.#held.length
  }
  get ids(): number {
    return this.#idCount
  }
  /** Exactly once holds for records younger than this. */
  get exactSince(): number {
    return Math.max(this.#floor, this.#newest - this.#options.onceMs)
  }

  offer(record: R): Offered {
    const { time, id } = record
    if (!Number.isFinite(time) || time < this.exactSince) return 'too-old'
    if (time > this.#clock() + AHEAD_MS) return 'from-the-future'
    const minute = Math.floor(time / MINUTE)
    let ids = this.#ids.get(minute)
    if (ids?.has(id)) return 'duplicate'
    if (ids === undefined) {
      ids = new Set()
      this.#ids.set(minute, ids)
    }
    ids.add(id)
    this.#idCount++
    if (time > this.#newest) {
      this.#newest = time
      this.#forgetOld()
    }
    if (this.#idCount > this.#options.mostIds) this.#forgetOldest()
    this.#push(record)
    return 'new'
  }

  /** The records whose window is over, oldest first. */
  *due(): Iterable<R> {
    const until = this.#newest - this.#options.orderMs
    while (this.#held.length > 0) {
      const early = this.#held.length > this.#options.mostHeld
      if (!early && this.#held[0]!.time >= until) return
      if (early && this.#held[0]!.time >= until) this.counts.early++
      yield this.#pop()
    }
  }
  /** All that are held: no older one is awaited. */
  *flush(): Iterable<R> {
    while (this.#held.length > 0) yield this.#pop()
  }

  #forgetOld(): void {
    const until = Math.floor(this.exactSince / MINUTE)
    for (const [minute, ids] of this.#ids) {
      if (minute >= until) continue
      this.#ids.delete(minute)
      this.#idCount -= ids.size
    }
  }
  #forgetOldest(): void {
    const oldest = Math.min(...this.#ids.keys())
    const count = this.#ids.get(oldest)!.size
    this.#ids.delete(oldest)
    this.#idCount -= count
    this.counts.idsForgotten += count
    // Never into the window of order: one judged twice is better than one that is not judged.
    this.#floor = Math.max(this.#floor, Math.min((oldest + 1) * MINUTE, this.#newest - this.#options.orderMs))
  }

  #push(record: R): void {
    const heap = this.#held
    let at = heap.push(record) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(heap[at]!, heap[parent]!)) break
      swap(heap, at, parent)
      at = parent
    }
  }
  #pop(): R {
    const heap = this.#held
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return first
      const child = left + 1 < heap.length && before(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (!before(heap[child]!, heap[at]!)) return first
      swap(heap, at, child)
      at = child
    }
  }

  toPlain(): PlainSequencer<R> {
    return {
      version: 1,
      // JSON has no infinity.
      newest: Math.max(this.#newest, Number.MIN_SAFE_INTEGER),
      floor: Math.max(this.#floor, Number.MIN_SAFE_INTEGER),
      held: [...this.#held],
      ids: [...this.#ids].map(([minute, ids]) => [minute, [...ids]]),
    }
  }
  static fromPlain<R extends Placed>(
    plain: PlainSequencer<R>,
    clock: () => number,
    options: Partial<SequencerOptions> = {},
  ): Sequencer<R> {
    const made = new Sequencer<R>(clock, options)
    made.#newest = plain.newest
    made.#floor = plain.floor
    for (const [minute, ids] of plain.ids) {
      made.#ids.set(minute, new Set(ids))
      made.#idCount += ids.length
    }
    for (const record of plain.held) made.#push(record)
    return made
  }
}

/** By time, then by id: the order of arrival has no say. */
const before = (a: Placed, b: Placed): boolean => a.time < b.time || (a.time === b.time && a.id < b.id)
function swap<R>(heap: R[], a: number, b: number): void {
  const kept = heap[a]!
  heap[a] = heap[b]!
  heap[b] = kept
}
