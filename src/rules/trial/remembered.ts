/** What was found out, by key: at most so many, those not asked for the longest forgotten first, and some only for a time. The clock is handed in. */
export class Remembered<V> {
  readonly #most: number
  readonly #now: () => number
  readonly #entries = new Map<string, { value: V; until: number }>()

  constructor(most: number, now: () => number) {
    this.#most = most
    this.#now = now
  }

  get(key: string): V | undefined {
    const found = this.#entries.get(key)
    if (found === undefined) return undefined
    this.#entries.delete(key)
    if (found.until <= this.#now()) return undefined
    this.#entries.set(key, found)
    return found.value
  }

  /** @param forMs how long it holds; for good without it */
  set(key: string, value: V, forMs = Number.POSITIVE_INFINITY): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#now() + forMs })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) return
      this.#entries.delete(oldest)
    }
  }
}
