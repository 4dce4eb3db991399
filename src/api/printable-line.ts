/** What others wrote, inside a sentence of ours: objects in a mutating call are not validated yet, so even a name may hold anything. */

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]+/gu

/** One line, printable, and no longer than that. */
export const printableLine = (text: string, longest: number): string => {
  const one = text.replaceAll(UNPRINTABLE, '?')
  return one.length > longest ? `${one.slice(0, longest - 1)}…` : one
}
