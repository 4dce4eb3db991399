/**
 * One rule → its header and options, or what is wrong with it:
 *
 *   alert tcp $HOME_NET any -> any 80 (msg:"a \; b"; flow:established; sid:1001000;)
 *   └──────────── header ───────────┘ └ an option ends at a `;` that has no `\` before it, in quotes or not: so the engine reads
 */
import type { LogicalLine } from './lines.ts'
import type { IdsProblemCode } from './problem.ts'
import { shown } from './problem.ts'

export interface Option {
  /** As written; the engine takes any case. */
  readonly name: string
  readonly value: string | undefined
  readonly line: number
}
export interface Rule {
  readonly line: number
  readonly action: string
  readonly protocol: string
  readonly addresses: readonly [string, string]
  readonly ports: readonly [string, string]
  readonly direction: string
  readonly options: readonly Option[]
}
export interface Fault {
  readonly line: number
  readonly code: IdsProblemCode
  readonly message: string
}
export interface Parsed {
  readonly rule?: Rule
  readonly faults: readonly Fault[]
}

/** Words between blanks; `[a, b]` is one word. */
function headerWords(header: string): string[] {
  const words: string[] = []
  let [word, depth] = ['', 0]
  for (const char of header) {
    if (char === '[') depth++
    if (char === ']') depth--
    if (char === ' ' && depth <= 0) {
      if (word !== '') words.push(word)
      word = ''
    } else word += char
  }
  if (word !== '') words.push(word)
  return words
}

const FORM = 'ACTION PROTOCOL SOURCE PORT -> DESTINATION PORT (OPTIONS;)'

/** @param from where in the line the rule begins: behind blanks and, for one that is commented out, `#` */
export function parseRule(source: LogicalLine, from = 0): Parsed {
  const text = source.text.slice(from).trimEnd()
  const lineOf = (offset: number) => source.lineAt(from + offset)
  const line = lineOf(0)
  const fault = (offset: number, code: IdsProblemCode, message: string): Parsed => ({
    faults: [{ line: lineOf(offset), code, message }],
  })
  const open = text.indexOf('(')
  if (open < 0) return fault(0, 'BadHeader', `this is no rule: a rule is written ${FORM}`)
  const header = text.slice(0, open)
  if (header.includes('\t')) return fault(0, 'BadHeader', 'a tab stands before the bracket: write blanks')
  if (header.includes(')')) return fault(0, 'UnbalancedBrackets', 'a ) stands before the first (')
  if (!header.endsWith(' ')) return fault(open, 'BadHeader', 'there must be a blank before the (')
  if (!text.endsWith(')'))
    return fault(text.length - 1, 'UnbalancedBrackets', 'the rule does not end with ) at the end of its line')
  const words = headerWords(header)
  if (words.length !== 7)
    return fault(0, 'BadHeader', `there are ${words.length} words before the bracket, not 7: a rule is written ${FORM}`)
  const [action, protocol, source1, port1, direction, source2, port2] = words as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const { options, faults } = parseOptions(text, open + 1, text.length - 1, lineOf)
  return {
    rule: { line, action, protocol, addresses: [source1, source2], ports: [port1, port2], direction, options },
    faults,
  }
}

function parseOptions(
  text: string,
  begin: number,
  end: number,
  lineOf: (offset: number) => number,
): { options: Option[]; faults: Fault[] } {
  const options: Option[] = []
  const faults: Fault[] = []
  let at = begin
  while (at < end) {
    let stop = at
    while (stop < end && !(text[stop] === ';' && text[stop - 1] !== '\\')) stop++
    const written = text.slice(at, stop)
    const word = written.trim()
    const line = lineOf(at + (written.length - written.trimStart().length))
    if (stop >= end) {
      if (word !== '') faults.push({ line, code: 'MissingSemicolon', message: `there is no ; after ${shown(word)}` })
      break
    }
    at = stop + 1
    if (word === '') {
      faults.push({ line, code: 'MissingSemicolon', message: 'there is a ; without an option before it' })
      continue
    }
    const colon = word.indexOf(':')
    const name = colon < 0 ? word : word.slice(0, colon).trim()
    const value = colon < 0 ? undefined : word.slice(colon + 1).trim()
    const quoted = value?.replace(/^!\s*/, '') ?? ''
    if (quoted.startsWith('"') && (quoted.length < 2 || !quoted.endsWith('"'))) {
      faults.push({
        line,
        code: 'UnbalancedQuotes',
        message: `the quote of ${name} is not closed before the ; (inside quotes write \\; for ;)`,
      })
      // What follows was meant to stand in the quotes: judging it would only tell the same mistake again.
      options.push({ name, value, line })
      break
    }
    options.push({ name, value, line })
  }
  return { options, faults }
}
