/** A map that forgets what was put in first, so that a log's writer does not decide how much memory its reader takes. */
export class BoundedMap<V> {
  readonly #max: number
  readonly #map = new Map<string, V>()
  constructor(max: number) {
    this.#max = max
  }
  get(key: string): V | undefined {
    return this.#map.get(key)
  }
  /** What had to go for it. */
  set(key: string, value: V): V | undefined {
    this.#map.delete(key)
    this.#map.set(key, value)
    return this.#map.size > this.#max ? this.takeOldest() : undefined
  }
  take(key: string): V | undefined {
    const value = this.#map.get(key)
    this.#map.delete(key)
    return value
  }
  takeOldest(): V | undefined {
    const [oldest] = this.#map.keys()
    return oldest === undefined ? undefined : this.take(oldest)
  }
  get size(): number {
    return this.#map.size
  }
}
