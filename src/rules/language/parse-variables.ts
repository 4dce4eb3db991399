/**
 * `ARGS|!ARGS:q|&TX:/^x/`: the list of variables of a rule.
 * A selector ends where the engine's scanner ends it, which is not always where it looks: `'/a/'|ARGS:'/b/'` is one regex to it, since the
 * longest match wins.
 */
import type { Selector, Variable } from './nodes.ts'
import { type Scanner, shown } from './scanner.ts'

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const REGEX = /\/([^ =|\t"\n\r]+)\//y
const QUOTED_REGEX = /'\/([^ =\t"\n\r]+)\/'/y
const TEXT = /[^"|,\n\r \t}]+/y

const length = (scanner: Scanner, pattern: RegExp): number => {
  pattern.lastIndex = scanner.offset
  return pattern.exec(scanner.text)?.[0].length ?? 0
}

function selector(scanner: Scanner): Selector {
  const from = scanner.offset
  // The longest wins, and of two of one length the first.
  const lengths = [length(scanner, REGEX), length(scanner, QUOTED_REGEX), length(scanner, TEXT)] as const
  const most = Math.max(...lengths)
  if (most === 0) scanner.fail('BadVariables', from, 'after the colon of a variable a selector must follow')
  scanner.offset += most
  const text = scanner.text.slice(from, from + most)
  if (lengths[0] === most) return { kind: 'regex', text: text.slice(1, -1) }
  if (lengths[1] === most) {
    const pattern = text.slice(2, -2)
    if (pattern.includes("/'|"))
      scanner.fail('BadVariables', from, `the engine reads ${shown(text)} as one regex: put other variables between`)
    return { kind: 'quoted-regex', text: pattern }
  }
  if (text.endsWith('\\') && scanner.next === '"')
    scanner.fail('BadVariables', from, 'a selector must not hold a double quote: use a regex with \\x22')
  return { kind: 'text', text }
}

function variable(scanner: Scanner): Variable {
  const at = scanner.at()
  const prefix = (scanner.take(/[!&]/y) ?? '') as Variable['prefix']
  const from = scanner.offset
  const name = scanner.take(NAME)
  if (name === undefined) {
    const found = scanner.next === '' ? 'the end of the file' : `'${shown(scanner.next)}'`
    scanner.fail('BadVariables', from, `a variable is expected, but ${found} stands there`)
  }
  return scanner.take(/[:.]/y) === undefined ? { at, prefix, name } : { at, prefix, name, selector: selector(scanner) }
}

/** Reads the list, in double quotes or not, and stands behind it. */
export function parseVariables(scanner: Scanner): Variable[] {
  const quoted = scanner.take(/"/y) !== undefined
  const found = [variable(scanner)]
  while (scanner.take(/[|,]/y) !== undefined) found.push(variable(scanner))
  if (quoted && scanner.take(/"/y) === undefined)
    scanner.fail('BadVariables', scanner.offset, 'the double quote round the variables does not end')
  if (!scanner.ended && !/[\s\\"]/.test(scanner.next))
    scanner.fail('BadVariables', scanner.offset, `'${shown(scanner.next)}' cannot stand in the list of variables`)
  return found
}
