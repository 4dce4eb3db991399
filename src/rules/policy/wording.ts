/** How a refusal of many lines is written: each `WHERE: what is wrong, and what would do`, not too many, and each on one line. */
import { printableLine } from '../../api/printable-line.ts'

const LINES = 20
const LONGEST = 400

/** What others wrote may hold anything: it stays one line, printable and short. */
export const lineOf = (text: string): string => printableLine(text, LONGEST)

/** At most 20 lines, then `and 3 more`. */
export const linesOf = (lines: readonly string[]): string =>
  [...lines.slice(0, LINES).map(lineOf), ...(lines.length > LINES ? [`and ${lines.length - LINES} more`] : [])].join(
    '\n',
  )
