/**
 * `"!@rx ^a"`: the operator of a rule.
 * Inside of the quotes nothing is unescaped and a line break stays. A quote after an odd number of backslashes does not end the operator. In
 * three places the engine's scanner disagrees with that rule of thumb; what stands there is refused, since a reader could not know.
 */
import type { Operator } from './nodes.ts'
import { type Scanner, shown } from './scanner.ts'

/** Where the double quote that ends a value stands, or -1. */
export function quoteEnd(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (end - 1 - backslashes >= from && text[end - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return end
  }
  return -1
}

/**
 * Whether an escaped quote ends the operator to the engine: an escape needs something before it that is neither a macro nor what a % takes along.
 * By hand, since a regular expression that looks for the end of each macro takes seconds for a text of nothing but `%{`.
 */
function endsForEngine(argument: string): boolean {
  for (let quote = argument.indexOf('"'); quote !== -1; quote = argument.indexOf('"', quote + 1)) {
    let from = quote
    while (from > 0 && argument[from - 1] === '\\') from--
    if (from === quote) continue
    const before = argument[from - 1]
    if (before === undefined || (before === '%' && quote - from > 1)) return true
    if (argument[from - 2] === '%' && before !== '{') return true
    if (before === '}' && argument.slice(argument.lastIndexOf('}', from - 2) + 1, from - 1).includes('%{')) return true
  }
  return false
}

const named = (text: string): { name: string; argument: string } => {
  const space = text.indexOf(' ')
  return space === -1
    ? { name: text.slice(1), argument: '' }
    : { name: text.slice(1, space), argument: text.slice(space + 1) }
}

function quotedOperator(scanner: Scanner): Operator {
  const at = scanner.at()
  const open = scanner.offset
  scanner.offset++
  scanner.take(/[ \t]*/y)
  const negated = scanner.take(/![ \t]*/y) !== undefined
  const from = scanner.offset
  const end = quoteEnd(scanner.text, from)
  // The engine would read on over the line's end; a person who does not see that has lost a quote.
  if (end === -1 || scanner.text.slice(from, end).includes('\n'))
    scanner.fail('BadOperator', open, 'the double quote that begins the operator does not end on its line')
  const text = scanner.text.slice(from, end)
  scanner.offset = end + 1
  const implicit = !text.startsWith('@')
  const { name, argument } = implicit ? { name: 'rx', argument: text } : named(text)
  if (text === '') scanner.fail('BadOperator', open, 'the operator is empty')
  if (endsForEngine(argument))
    scanner.fail('BadOperator', from, 'to the engine the operator ends at this \\": write \\x22')
  if (text.endsWith('%'))
    scanner.fail('BadOperator', end - 1, 'to the engine %" does not end the operator: write [%] or \\x25')
  if (scanner.text.startsWith('\\"', end + 1))
    scanner.fail('BadOperator', end, 'to the engine "\\" does not end the operator: put a space between')
  if (implicit && /^!/.test(text)) scanner.fail('BadOperator', from, 'one ! is enough')
  // A trailing space after an operator that has nothing to compare with is not an argument.
  return { at, negated, name, implicit, argument: argument.trim() === '' && !implicit ? '' : argument, quoted: true }
}

/** `@eq 0` or `word`, without quotes: at most one space, and nothing that could be taken for something else. */
function bareOperator(scanner: Scanner): Operator {
  const at = scanner.at()
  const from = scanner.offset
  const negated = scanner.take(/!/y) !== undefined
  const name = scanner.take(/@[A-Za-z0-9_]+/y)?.slice(1)
  if (name !== undefined) scanner.take(/ (?!["\\ ])/y)
  const argument = scanner.take(/[^\s"\\]+/y) ?? ''
  if (!scanner.ended && !/[ \t\r\n]/.test(scanner.next))
    scanner.fail('BadOperator', from, 'the operator is not in double quotes, and does not end at a space')
  if (name === undefined && argument === '')
    scanner.fail(
      'BadOperator',
      from,
      `an operator is expected, but ${shown(scanner.next) || 'the end of the file'} stands there`,
    )
  return { at, negated, name: name ?? 'rx', implicit: name === undefined, argument, quoted: false }
}

/** Reads the operator and stands behind it. */
export const parseOperator = (scanner: Scanner): Operator =>
  scanner.next === '"' ? quotedOperator(scanner) : bareOperator(scanner)
