/** The known word nearest to one that is not known: what a person most likely meant. Pure. */

/** Edits (insert, delete, replace, swap of neighbours) that make `b` of `a`. */
export const distance = (a: string, b: string): number => {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

const SLOTS = 128
const slot = (text: string, i: number): number => text.charCodeAt(i) & (SLOTS - 1)

/** How many letters two words have in common, in whatever order, is quickly counted, and bounds from below how many edits lie between them. */
function letters(word: string): (candidate: string) => number {
  const counts = new Int16Array(SLOTS)
  for (let i = 0; i < word.length; i++) counts[slot(word, i)]!++
  return (candidate) => {
    let common = 0
    for (let i = 0; i < candidate.length; i++) if (counts[slot(candidate, i)]!-- > 0) common++
    for (let i = 0; i < candidate.length; i++) counts[slot(candidate, i)]!++
    return Math.max(word.length, candidate.length) - common
  }
}

/**
 * The nearest of `known`, if any is near enough to be worth a guess (a third of its letters, at least two edits). Words may come from somebody who
 * gives thousands, so the edits are counted only where there may be few.
 */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  if (word.length > 64) return undefined
  const sought = word.toLowerCase()
  const atLeast = letters(sought)
  let best: { word: string; far: number } | undefined
  for (const candidate of known) {
    const most = Math.max(2, Math.floor(candidate.length / 3))
    const small = candidate.toLowerCase()
    const bound = atLeast(small)
    if (bound > most || (best !== undefined && bound >= best.far)) continue
    const far = distance(sought, small)
    if (far <= most && (!best || far < best.far)) best = { word: candidate, far }
  }
  return best?.word
}
