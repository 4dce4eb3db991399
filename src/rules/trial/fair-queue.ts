/**
 * Who is tried next. Pure: no clock, no chance.
 *
 * Each waiting candidate has a turn. A namespace's first gets the turn after the one that is on, its next the turn after that, so that one with a
 * hundred candidates waits for itself, not others for it. Of one turn, deltas go before releases, then whoever came first.
 *
 * A newer candidate of the same lane (namespace, policy, kind) takes the place of the older one, and its turn: what nobody wants any more is not
 * tried, and who changes his mind all the time is not put last all the time.
 */
import type { TrialKind } from '../model.ts'

export interface Waiting<T> {
  readonly namespace: string
  readonly policy: string
  readonly kind: TrialKind
  readonly item: T
}
interface Entry<T> extends Waiting<T> {
  readonly turn: number
  readonly order: number
}

export const sameLane = (a: Waiting<unknown>, b: Waiting<unknown>): boolean =>
  a.namespace === b.namespace && a.policy === b.policy && a.kind === b.kind
const before = (a: Entry<unknown>, b: Entry<unknown>): number =>
  a.turn - b.turn || Number(a.kind === 'release') - Number(b.kind === 'release') || a.order - b.order

export class FairQueue<T> {
  readonly #mostPerNamespace: number
  #entries: readonly Entry<T>[] = []
  #turn = 0
  #order = 0

  constructor(mostPerNamespace: number) {
    this.#mostPerNamespace = mostPerNamespace
  }

  get size(): number {
    return this.#entries.length
  }

  /** @returns what is no longer waited for: the older one of the lane, or the oldest of a namespace that has too many */
  add(one: Waiting<T>): T[] {
    const older = this.#entries.find((entry) => sameLane(entry, one))
    if (older) {
      this.#entries = this.#entries.map((entry) => (entry === older ? { ...older, ...one } : entry))
      return [older.item]
    }
    const own = this.#entries.filter(({ namespace }) => namespace === one.namespace)
    const dropped = own.length < this.#mostPerNamespace ? [] : [own.toSorted((a, b) => a.order - b.order)[0]!]
    this.#entries = this.#entries.filter((entry) => !dropped.includes(entry))
    const turn = Math.max(this.#turn, ...own.map((entry) => entry.turn)) + 1
    this.#entries = [...this.#entries, { ...one, turn, order: ++this.#order }]
    return dropped.map(({ item }) => item)
  }

  /** What waits in its lane. */
  at(one: Waiting<unknown>): T | undefined {
    return this.#entries.find((entry) => sameLane(entry, one))?.item
  }

  next(): Waiting<T> | undefined {
    const [first] = this.#entries.toSorted(before)
    if (first === undefined) return undefined
    this.#turn = first.turn
    this.#entries = this.#entries.filter((entry) => entry !== first)
    return first
  }

  /** Takes out what is no longer to be tried. */
  remove(gone: (item: T) => boolean): void {
    this.#entries = this.#entries.filter(({ item }) => !gone(item))
  }
}
