/**
 * Warnings as the API server lets them through, so that nothing is lost silently. It drops a warning with a control
 * character whole; it shows all of them up to 4096 characters together; beyond that it cuts each at 256 and drops the
 * rest. We cut first, and the last line says what was cut.
 */
const TOTAL = 4096
const EACH = 256
/** Left for the line that says how many are missing. */
const ROOM = 128

export interface Fitted {
  readonly warnings: readonly string[]
  /** How many warnings were shortened or left out. */
  readonly cut: number
}

const length = (text: string) => {
  let count = 0
  for (const _ of text) count++
  return count
}
const clip = (text: string) => `${[...text].slice(0, EACH - 1).join('')}…`

/** Pure. Control characters become spaces (a line break in a sentence is still a sentence), lone surrogates `�`. */
export const fitWarnings = (given: readonly string[]): Fitted => {
  if (given.length === 0) return { warnings: given, cut: 0 }
  const clean = [
    ...new Set(
      given.map((text) =>
        text
          .toWellFormed()
          .replace(/\p{Cc}+/gu, ' ')
          .trim(),
      ),
    ),
  ].filter(Boolean)
  const total = clean.reduce((sum, text) => sum + length(text), 0)
  if (total <= TOTAL) return { warnings: clean, cut: 0 }
  const warnings: string[] = []
  let written = 0
  let cut = 0
  for (const text of clean) {
    const long = length(text) > EACH
    const short = long ? clip(text) : text
    if (written + length(short) > TOTAL - ROOM) break
    written += length(short)
    if (long) cut++
    warnings.push(short)
  }
  const left = clean.length - warnings.length
  const words = `${cut} warnings are shortened and ${left} left out: the log of sekisho-webhook has them whole.`
  return { warnings: [...warnings, words], cut: cut + left }
}
