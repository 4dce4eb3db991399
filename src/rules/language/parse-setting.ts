/** `SecRuleEngine On`: a directive with one value. */
import type { Position, SettingNode } from './nodes.ts'
import { type Scanner, shown } from './scanner.ts'
import { DIRECTIVES, type ValueKind } from './tables/directives.ts'

interface Form {
  readonly pattern: RegExp
  readonly wanted: string
}

const FORMS: Readonly<Record<Exclude<ValueKind, 'rule' | 'keyword' | 'bare'>, Form>> = {
  number: { pattern: /"[0-9]+"|[0-9]+(?![^\s#])/y, wanted: 'a number' },
  path: {
    pattern: /"[0-9A-Za-z_/.\-*:]+"|[0-9A-Za-z_/.\-*:]+(?![^\s#])/y,
    wanted: 'a path of letters, digits and _ / . - * :',
  },
  word: { pattern: /"[^, \t"\n\r]+"|[^, \t"\n\r]+/y, wanted: 'one word' },
  parts: { pattern: /"[ABCDEFGHJKIZ]+"|[ABCDEFGHJKIZ]+(?![^\s#])/y, wanted: 'letters of ABCDEFGHIJKZ' },
  line: { pattern: /"[^"\n\r]+"|[^"|\n\r]+/y, wanted: 'a value on the same line' },
  quoted: { pattern: /"(?:[^"\\\n]|\\.)+"/y, wanted: 'a text in double quotes' },
}

/** Reads the value of the directive `name` and stands behind it. */
export function parseSetting(scanner: Scanner, place: { at: Position; from: number }, name: string): SettingNode {
  const { value: kind, keywords } = DIRECTIVES[name]!
  const node = (value: string, quoted = false): SettingNode => ({
    kind: 'setting',
    ...place,
    to: scanner.offset,
    name,
    value,
    quoted,
  })
  if (kind === 'bare') return node('')
  if (kind === 'quoted' && scanner.next === '\t')
    scanner.fail('BadSetting', place.from, `a tab after ${name} crashes the engine: write a space`)
  const blank = scanner.take(/[ \t]+|[ \t]*\\\r?\n[ \t]*/y)
  const rest = (): string => shown(scanner.text.slice(scanner.offset).split(/[\r\n]/, 1)[0]!)
  if (kind === 'keyword' || kind === 'rule') {
    const word = scanner.take(/[A-Za-z]+(?![^\s#])/y)
    const known = keywords.find((keyword) => keyword.toLowerCase() === word?.toLowerCase())
    if (blank === undefined || known === undefined)
      scanner.fail('BadSetting', place.from, `${name} takes ${keywords.join(' or ')}, not '${word ?? rest()}'`)
    return node(known)
  }
  const text = blank?.includes('\n') ? undefined : scanner.take(FORMS[kind].pattern)
  if (blank === undefined || text === undefined)
    scanner.fail('BadSetting', place.from, `${name} takes ${FORMS[kind].wanted}, not '${rest()}'`)
  const quoted = text.startsWith('"') && text.endsWith('"') && text.length > 1
  return node(quoted ? text.slice(1, -1) : text.trimEnd(), quoted)
}
