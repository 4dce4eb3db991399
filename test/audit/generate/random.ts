/** Numbers that look random and are the same for the same seed (mulberry32). */
export interface Random {
  /** From 0 to below `max`. */
  below(max: number): number
  of<T>(list: readonly T[]): T
  shuffled<T>(list: readonly T[]): T[]
}

export const randomFrom = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (max: number) => Math.floor(next() * max)
  return {
    below,
    of: (list) => list[below(list.length)]!,
    shuffled: (list) => {
      const copy = [...list]
      for (let at = copy.length - 1; at > 0; at -= 1) {
        const other = below(at + 1)
        ;[copy[at], copy[other]] = [copy[other]!, copy[at]!]
      }
      return copy
    },
  }
}
