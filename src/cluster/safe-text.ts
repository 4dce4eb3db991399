/** Text that others wrote, for an Event or a condition: nothing unseen in it, on one line, and as long as the API server takes. */

/** Control characters, direction marks, line ends. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu

export const safeText = (text: string, longest: number): string => {
  const plain = text.replaceAll(UNSEEN, ' ').trim()
  return plain.length > longest ? `${plain.slice(0, longest - 1)}…` : plain
}
