/**
 * ` (nearest: END)` out of names that come from the files themselves. Finding it costs the product of both lengths for each name, and the
 * text may be an attacker's, so only the first mistakes of a run are given one.
 */
import { nearest } from '../../../config/nearest.ts'
import { hint } from '../scanner.ts'

const MOST_HINTS = 20
const MOST_NAMES = 2000

export const hints = (names: Iterable<string>): ((word: string) => string) => {
  let list: string[] | undefined
  let left = MOST_HINTS
  return (word) => {
    if (left-- <= 0) return ''
    list ??= [...names].slice(0, MOST_NAMES)
    return hint(nearest(word, list))
  }
}
