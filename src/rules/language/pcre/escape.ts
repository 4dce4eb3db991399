/**
 * What follows a backslash. In a class some of it means something else, and most of the rest is refused.
 *
 *   literal    one character: \n \x41 \o{101} \101 \cA \.
 *   type       one character of a kind: \d \w \s \h \v \N \p{L}, and \R \X outside of classes
 *   assertion  no character: \b \A \z; \K, and \E without a \Q
 *   reference  what a group matched: \1 \g{-1} \k<name>
 *   call       a group's pattern anew: \g<1> \g'name'
 */
import { knownProperty } from './properties.ts'
import type { Reader } from './reader.ts'

export type GroupRef = { readonly number: number } | { readonly name: string }
export type Escape =
  | { readonly kind: 'literal'; readonly code: number }
  | { readonly kind: 'type'; readonly min: number; readonly max: number; readonly size: number }
  | { readonly kind: 'assertion' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'quote' }
  | { readonly kind: 'reference' | 'call'; readonly to: GroupRef; readonly offset: number }

const LITERALS: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 }
const literal = (code: number): Escape => ({ kind: 'literal', code })
const TYPE: Escape = { kind: 'type', min: 1, max: 1, size: 1 }

function hexadecimal(reader: Reader): Escape {
  if (!reader.skip('{')) {
    const digits = reader.take(/[0-9A-Fa-f]{1,2}/y)
    if (digits === undefined) reader.fail('digits missing after \\x or in \\x{} or \\o{} or \\N{U+}')
    return literal(Number.parseInt(digits[0], 16))
  }
  const digits = reader.take(/[ \t]*([0-9A-Fa-f]*)[ \t]*/y)![1]!
  if (digits === '') {
    const nothing = reader.ended || reader.next === '}'
    reader.fail(
      nothing
        ? 'digits missing after \\x or in \\x{} or \\o{} or \\N{U+}'
        : 'non-hex character in \\x{} (closing brace missing?)',
    )
  }
  if (Number.parseInt(digits, 16) > 255) reader.fail('character code point value in \\x{} or \\o{} is too large')
  if (!reader.skip('}')) reader.fail('non-hex character in \\x{} (closing brace missing?)')
  return literal(Number.parseInt(digits, 16))
}

function octalInBraces(reader: Reader): Escape {
  if (!reader.skip('{')) reader.fail('missing opening brace after \\o')
  const digits = reader.take(/[ \t]*([0-7]*)[ \t]*/y)![1]!
  if (digits === '') {
    const nothing = reader.ended || reader.next === '}'
    reader.fail(
      nothing
        ? 'digits missing after \\x or in \\x{} or \\o{} or \\N{U+}'
        : 'non-octal character in \\o{} (closing brace missing?)',
    )
  }
  if (Number.parseInt(digits, 8) > 255) reader.fail('character code point value in \\x{} or \\o{} is too large')
  if (!reader.skip('}')) reader.fail('non-octal character in \\o{} (closing brace missing?)')
  return literal(Number.parseInt(digits, 8))
}

function property(reader: Reader): Escape {
  const found = reader.take(/\{([ A-Za-z0-9_\-^&:=\t]*)\}|([A-Za-z])/y)
  if (found === undefined) reader.fail('malformed \\P or \\p sequence')
  if (!knownProperty(found[1] ?? found[2]!)) reader.fail('unknown property after \\P or \\p')
  return { kind: 'type', min: 1, max: 1, size: 3 }
}

/** `\1`, or an octal number where there are not that many groups yet. */
function digits(reader: Reader, first: string, inClass: boolean, groups: number): Escape {
  const from = reader.offset - 1
  if (!inClass && first !== '0') {
    const number = Number(reader.take(/[0-9]*/y)![0] === '' ? first : reader.bytes.slice(from, reader.offset))
    if (number < 10 || first >= '8' || number <= groups) {
      if (number > 65_535) reader.fail('number is too big')
      return { kind: 'reference', to: { number }, offset: from - 1 }
    }
    reader.offset = from + 1
  }
  if (first >= '8') return literal(first.charCodeAt(0))
  const code = Number.parseInt(first + reader.take(/[0-7]{0,2}/y)![0], 8)
  if (code > 255) reader.fail('octal value is greater than \\377 in 8-bit non-UTF-8 mode')
  return literal(code)
}

const relative = (reader: Reader, sign: string, digit: string, groups: number): GroupRef => {
  const number = sign === '-' ? groups + 1 - Number(digit) : sign === '+' ? groups + Number(digit) : Number(digit)
  if (number <= 0 || (sign !== '' && Number(digit) === 0)) reader.fail('reference to non-existent subpattern')
  return { number }
}

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '<': '>', "'": "'" }

function g(reader: Reader, groups: number): Escape {
  const offset = reader.offset - 2
  const plain = reader.take(/([+-]?)(\d+)/y)
  if (plain) return { kind: 'reference', to: relative(reader, plain[1]!, plain[2]!, groups), offset }
  const open = reader.next
  const close = CLOSING[open]
  if (close === undefined)
    reader.fail('\\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number')
  reader.offset++
  const kind = open === '{' ? 'reference' : 'call'
  if (open === '{') reader.take(/[ \t]*/y)
  const number = reader.take(/([+-]?)(\d+)/y)
  if (number === undefined) {
    const name = reader.groupName(open === '{' && /^\w*[ \t]+\}/.test(reader.bytes.slice(reader.offset)) ? '' : close)
    if (open === '{') reader.take(/[ \t]+\}/y)
    return { kind, to: { name }, offset }
  }
  if (open === '{') reader.take(/[ \t]*/y)
  if (!reader.skip(close))
    reader.fail('\\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain number')
  if (kind === 'call' && Number(number[2]) === 0 && number[1] === '') return { kind, to: { number: 0 }, offset }
  return { kind, to: relative(reader, number[1]!, number[2]!, groups), offset }
}

function k(reader: Reader): Escape {
  const offset = reader.offset - 2
  const close = CLOSING[reader.next]
  if (close === undefined) reader.fail('\\k is not followed by a braced, angle-bracketed, or quoted name')
  reader.offset++
  return { kind: 'reference', to: { name: reader.groupName(close) }, offset }
}

/** Reads what stands behind the backslash. `groups`: how many groups began before. */
export function readEscape(reader: Reader, inClass: boolean, groups: number): Escape {
  if (reader.ended) reader.fail('\\ at end of pattern')
  const c = reader.next
  reader.offset++
  if (!/[A-Za-z0-9]/.test(c)) return literal(c.charCodeAt(0))
  if (c in LITERALS) return literal(LITERALS[c]!)
  if (/[0-9]/.test(c)) return digits(reader, c, inClass, groups)
  if (/[dDhHsSvVwW]/.test(c)) return TYPE
  switch (c) {
    case 'Q':
      return { kind: 'quote' }
    case 'E':
      return { kind: 'nothing' }
    case 'x':
      return hexadecimal(reader)
    case 'o':
      return octalInBraces(reader)
    case 'c': {
      if (reader.ended) reader.fail('\\c at end of pattern')
      const code = reader.next.toUpperCase().charCodeAt(0)
      reader.offset++
      if (code < 32 || code > 126) reader.fail('\\c must be followed by a printable ASCII character')
      return literal(code ^ 64)
    }
    case 'p':
    case 'P':
      return property(reader)
    case 'F':
    case 'L':
    case 'l':
    case 'U':
    case 'u':
      return reader.fail('PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u')
    case 'g':
      return inClass ? literal(c.charCodeAt(0)) : g(reader, groups)
    case 'k':
      return inClass ? literal(c.charCodeAt(0)) : k(reader)
    case 'b':
      return inClass ? literal(8) : { kind: 'assertion' }
  }
  if (inClass) {
    if (c === 'N') reader.fail('\\N is not supported in a class')
    if (/[ABCGKRXZz]/.test(c)) reader.fail('escape sequence is invalid in character class')
  }
  if (c === 'N') {
    if (reader.startsWith('{U+')) reader.fail('\\N{U+dddd} is supported only in Unicode (UTF) mode')
    if (
      reader.next === '{' &&
      !/^\{[ \t]*(?:\d+[ \t]*(?:,[ \t]*\d*[ \t]*)?|,[ \t]*\d+[ \t]*)\}/.test(reader.bytes.slice(reader.offset))
    )
      reader.fail('PCRE2 does not support \\F, \\L, \\l, \\N{name}, \\U, or \\u')
    return TYPE
  }
  if (c === 'C') return TYPE
  if (c === 'R') return { kind: 'type', min: 1, max: 2, size: 1 }
  if (c === 'X') return { kind: 'type', min: 1, max: Number.POSITIVE_INFINITY, size: 1 }
  if (/[ABGKZz]/.test(c)) return { kind: 'assertion' }
  return reader.fail('unrecognized character follows \\')
}
