/**
 * `"id:1,phase:2,deny,msg:'a, b'"`: the list of actions of a rule.
 *
 * The engine's scanner has a rule of its own for the value of each action (tables/actions.ts). Where that takes in more than a reader would
 * think (a bare `accuracy:8,…` swallows all up to the next single quote), the value is refused.
 * A mistake in one action is told and the reading goes on behind it, so that a rule with two mistakes is told both.
 */
import { nearest } from '../../config/nearest.ts'
import type { Action } from './nodes.ts'
import { hint, type Scanner, shown } from './scanner.ts'
import { ACTIONS, type ActionValue, PHASES, SEVERITIES } from './tables/actions.ts'
import { canonical } from './tables/lookup.ts'
import { WRITABLE } from './tables/variables.ts'

export const actionName = canonical(ACTIONS)

const BLANKS = /[ \t]*(?:\\\r?\n[ \t]*)*/y
const MACRO = String.raw`%\{[^}"'\n]*\}`
/** A name that begins with a slash the scanner takes for a regex, up to the next slash, whatever stands between. */
const COLLECTION = `(?:${WRITABLE.join('|')})[:.](?!/)`
const PLAIN_NAME = String.raw`${COLLECTION}[^=,"'%\s\\]+`
const VARIABLE_NAME = String.raw`${COLLECTION}(?:${MACRO}|[^=,"'%\s\\])+`
const phases = Object.keys(PHASES).filter((word) => !/\d/.test(word))

interface Form {
  /** All of the value with its quotes. */
  readonly pattern: RegExp
  /** What would do. */
  readonly wanted: string
}

const form = (source: string, wanted: string): Form => ({ pattern: new RegExp(source, 'iy'), wanted })

/** Values that may be quoted: the quotes are taken off. */
const either = (source: string): string => `(?:'(?:${source})'|(?:${source}))`
/**
 * Where the scanner disagrees with the eye, nothing is taken: a quote after a backslash (escaped only if a plain character stands before that), and a
 * % that is no macro (in a value without single quotes it takes the comma or the quote after it along).
 */
const TEXT_MACRO = String.raw`%\{[^}"',\r\n]*\}`
const ESCAPED = String.raw`(?<=[^\\'}])\\'`
const TEXT = String.raw`'(?:[^%'\\\r\n]|\\(?!')|${ESCAPED}|\\\r?\n|%\{[^}'\r\n]*\})+'|"(?:[^"%\\\r\n]|\\(?!")|${TEXT_MACRO})+"|(?![ \t'])(?:[^,"%\\\r\n']|${TEXT_MACRO})+`
const TEXT_WANTED = 'it is written in single quotes, holds no line break and no % but of a macro, and is not empty'
const FORMS: Readonly<Record<Exclude<ActionValue, 'flag'>, Form>> = {
  allow: form('phase|request', 'it is allow, allow:phase or allow:request'),
  id: form(either('0|[1-9][0-9]*'), 'it is a number'),
  // phase:'request' is an `allow` to the engine.
  phase: form(
    `'[0-9]+'|[0-9]+|${phases.join('|')}`,
    `it is a number from 1 to 5, or ${phases.join(', ')} without quotes`,
  ),
  severity: form(
    either(`${SEVERITIES.join('|')}|[0-9]+`),
    `it is one of ${SEVERITIES.join(', ')}, or a number from 0 to 7`,
  ),
  digits: form('[0-9]+', 'it is a number, without quotes'),
  label: form(String.raw`'[^, \t"\n\r'\\]+'|[^, \t"\n\r'\\]+`, 'it is one word'),
  predicate: form(TEXT, TEXT_WANTED),
  collection: form(`[A-Za-z]+=(?:${TEXT})`, `it is NAME=value; ${TEXT_WANTED}`),
  quoted: form(
    String.raw`'(?:[^'\\\r\n]|\\(?!')|${ESCAPED})+'`,
    'it is written in single quotes, since the engine would take in what follows',
  ),
  'quoted-digits': form("'[0-9]+'", 'it is a number in single quotes, since the engine would take in what follows'),
  revision: form(
    String.raw`'[^,'"\r\n]+'|[^,'"\s\\]+(?=,)`,
    'it is written in single quotes, since the engine would take in what follows',
  ),
  transformation: form('[A-Za-z0-9_]+', 'it is the name of a transformation'),
  ctl: form(String.raw`[A-Za-z]+=[^,"'\s\\]+`, 'it is NAME=VALUE, without quotes'),
  setvar: form(
    // Without a value the engine wants a name without a macro.
    `'(?:${VARIABLE_NAME}=[+-]?(?:${MACRO}|[^=,"'%\\r\\n\\\\])+|!?${PLAIN_NAME})'|${VARIABLE_NAME}=[+-]?(?:${MACRO}|[^=,"'%\\s\\\\])+|!?${PLAIN_NAME}`,
    `it is COLLECTION.name=value, =+value or =-value, in single quotes where the value holds a space; the collection is one of ${WRITABLE.join(', ')}`,
  ),
  variable: form(String.raw`'(?:[^'\\\r\n"]|\\.)+'|[^, \t"'\r\n\\]+`, 'it is one word, or in single quotes'),
}

/** Reads what cannot be read as what it should be, up to the next comma outside of quotes, the end of the list or of the line. */
const skip = (scanner: Scanner): string => scanner.take(/(?:'[^'\n]*'|[^,"\n\\]|\\(?!\r?\n))*/y) ?? ''

const unquoted = (value: string): Pick<Action, 'value' | 'quote'> => {
  const quote = value[0]
  return value.length > 2 && (quote === "'" || quote === '"') && value.endsWith(quote)
    ? { value: value.slice(1, -1), quote }
    : { value, quote: '' }
}

function action(scanner: Scanner): Action | undefined {
  const from = scanner.offset
  const at = scanner.at()
  const written = scanner.take(/[A-Za-z0-9_]+/y)
  if (written === undefined) {
    const rest = skip(scanner)
    const message =
      rest === ''
        ? 'an action is empty: two commas, or one at an end'
        : `an action is expected, but ${shown(rest)} stands there`
    scanner.complain('BadActions', from, message)
    return undefined
  }
  const name = actionName(written)
  if (name === undefined) {
    skip(scanner)
    scanner.complain(
      'UnknownAction',
      from,
      `unknown action "${shown(written)}"${hint(nearest(written, Object.keys(ACTIONS)))}`,
    )
    return undefined
  }
  const { value: kind, v3 } = ACTIONS[name]!
  if (v3 === 'no') {
    skip(scanner)
    scanner.complain('UnsupportedAction', from, `action "${name}" is not supported by ModSecurity v3`)
    return undefined
  }
  const colon = scanner.take(/:/y) !== undefined
  if (!colon && (kind === 'flag' || kind === 'allow')) return { at, name: written, quote: '' }
  const valueFrom = scanner.offset
  const value = colon && kind !== 'flag' ? scanner.take(FORMS[kind].pattern) : undefined
  const ended = scanner.ended || /[,"\s\\]/.test(scanner.next)
  if (value !== undefined && ended && !/[ \t]$/.test(value)) return { at, name: written, ...unquoted(value) }
  scanner.offset = valueFrom
  const rest = skip(scanner)
  const wrong = kind === 'flag' ? 'it takes no value' : FORMS[kind].wanted
  scanner.complain('BadValue', from, `action "${name}" cannot be read at '${shown(rest)}': ${wrong}`)
  return undefined
}

/** Reads the list in double quotes, and stands behind it. */
export function parseActions(scanner: Scanner): Action[] {
  const open = scanner.offset
  if (scanner.take(/"[ \t]*(?:\\\r?\n[ \t]*)?/y) === undefined) return bareAction(scanner)
  const found: Action[] = []
  const ends = (): void => {
    if (scanner.ended || /[\r\n]/.test(scanner.next))
      scanner.fail(
        'BadActions',
        open,
        'the double quote that begins the actions does not end: a line that goes on ends in a backslash',
      )
  }
  for (;;) {
    ends()
    const one = action(scanner)
    if (one !== undefined) found.push(one)
    const blanks = scanner.take(BLANKS) ?? ''
    ends()
    if (!/[,"]/.test(scanner.next)) {
      const from = scanner.offset
      const rest = skip(scanner)
      if (rest === '') scanner.fail('BadActions', from, `'${shown(scanner.next)}' cannot stand among the actions`)
      scanner.complain('BadActions', from, `a comma is expected before '${shown(rest)}'`)
      ends()
    } else if (scanner.next === '"' && /[ \t]$/.test(blanks) && !blanks.includes('\n'))
      scanner.complain(
        'BadActions',
        scanner.offset,
        'a space before the double quote that ends the actions: the engine expects an action',
      )
    if (scanner.take(/"/y) !== undefined) return found
    if (scanner.take(/,/y) === undefined)
      scanner.fail('BadActions', scanner.offset, `'${shown(scanner.next)}' cannot stand among the actions`)
    scanner.take(BLANKS)
  }
}

/** `deny`, without quotes: one action, up to a space. */
function bareAction(scanner: Scanner): Action[] {
  const from = scanner.offset
  const one = action(scanner)
  if (!scanner.ended && !/\s/.test(scanner.next))
    scanner.fail('BadActions', from, 'more than one action must stand in double quotes')
  return one === undefined ? [] : [one]
}
