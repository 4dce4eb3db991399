/**
 * A rule file → its logical lines: `\` at the end of a line joins it with the next, as suricata-update reads them (the engine joins the same way).
 * Each knows on which line of the file each of its parts stood.
 */

export interface LogicalLine {
  /** Joined, with one blank in place of each `\` and its line end. */
  readonly text: string
  /** The line of the file, from 1, on which the text from this offset on stood. */
  lineAt(offset: number): number
}

/** In linear time, whatever the file holds. */
export function* logicalLines(text: string): Generator<LogicalLine> {
  let parts: string[] = []
  let starts: { offset: number; line: number }[] = []
  let [length, line] = [0, 0]
  const joined = (): LogicalLine => {
    const [whole, places] = [parts.join(''), starts]
    parts = []
    starts = []
    length = 0
    return {
      text: whole,
      lineAt: (offset) => {
        let [low, high] = [0, places.length - 1]
        while (low < high) {
          const middle = (low + high + 1) >> 1
          if (places[middle]!.offset <= offset) low = middle
          else high = middle - 1
        }
        return places[low]?.line ?? 1
      },
    }
  }
  for (const physical of text.split('\n')) {
    line++
    const trimmed = physical.trimEnd()
    const goesOn = trimmed.endsWith('\\')
    const part = goesOn ? `${trimmed.slice(0, -1)} ` : trimmed
    starts.push({ offset: length, line })
    parts.push(part)
    length += part.length
    if (!goesOn) yield joined()
  }
  if (parts.length > 0) yield joined()
}
