/** Log lines that strangers can cause: of each kind one in a while, with how many were left out, so that nobody can fill a disk. */

export interface Sparingly {
  /** How many of this kind were left out since the last line; undefined where this one is to be left out too. */
  line(kind: string): number | undefined
}

export const sparingly = (now: () => number, everyMs = 10_000): Sparingly => {
  const kinds = new Map<string, { at: number; left: number }>()
  return {
    line: (kind) => {
      const last = kinds.get(kind)
      if (last !== undefined && now() - last.at < everyMs) {
        last.left++
        return undefined
      }
      kinds.set(kind, { at: now(), left: 0 })
      return last?.left ?? 0
    },
  }
}
