/**
 * A comment, as the engine's scanner ends it.
 *
 * `# text` ends with its line, whatever it ends in. But `#SecRule … \` and `#SecAction … \` go on with the next line, and with each after it
 * that ends in a backslash and the one that does not: so that a rule can be commented out by one `#`, and so that one can be lost by it.
 */
import type { Scanner } from './scanner.ts'

const PLAIN = /#[^\n]*/y
const RULE = /#[ \t]*SecRule[^\\][^\n]*\\[ \t]*[\r\n]*/y
const ACTION = /#[ \t]*SecAction[^\\][^\n]*\\[ \t]*[^\\n]/y
const GOES_ON = /[^\n]*\\\r?\n[ \t]*/y
const LAST = /[^\n]*[^\\]/y

const length = (scanner: Scanner, pattern: RegExp): number => {
  pattern.lastIndex = scanner.offset
  return pattern.exec(scanner.text)?.[0].length ?? -1
}

/** Reads the comment and stands behind it. */
export function takeComment(scanner: Scanner): string {
  const from = scanner.offset
  const plain = length(scanner, PLAIN)
  const swallowing = Math.max(length(scanner, RULE), length(scanner, ACTION))
  if (swallowing < plain) {
    scanner.offset += plain
    return scanner.text.slice(from, scanner.offset).trimEnd()
  }
  scanner.offset += swallowing
  const swallowed = scanner.offset
  for (;;) {
    const more = length(scanner, GOES_ON)
    const last = length(scanner, LAST)
    scanner.offset += Math.max(more, last, 0)
    if (more < last || scanner.ended || Math.max(more, last) <= 0) break
  }
  const taken = scanner.text.slice(swallowed, scanner.offset)
  const first = taken.split('\n').find((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))
  if (first !== undefined)
    scanner.complain(
      'CommentSwallows',
      from,
      'this comment takes the next lines with it, since it begins with a rule and ends in a backslash',
    )
  return scanner.text.slice(from, scanner.offset).trimEnd()
}
