/** `[…]`: a character class. Returns how many bytes it takes when compiled. */
import { readEscape } from './escape.ts'
import type { Reader } from './reader.ts'

const NAMES = new Set('alpha lower upper alnum ascii blank cntrl digit graph print punct space word xdigit'.split(' '))

/** Whether `[:…:]`, `[.….]` or `[=…=]` stands here, as PCRE2 looks for it. */
export function posixEnd(bytes: string, open: number): number | undefined {
  const mark = bytes.charAt(open + 1)
  if (mark === '' || !':.='.includes(mark)) return undefined
  for (let i = open + 2; i < bytes.length - 1; i++) {
    const c = bytes[i]!
    const after = bytes[i + 1]!
    if (c === '\\' && (after === ']' || after === '\\')) i++
    else if ((c === '[' && after === mark) || c === ']') return undefined
    else if (c === mark && after === ']') return i
  }
  return undefined
}

function posix(reader: Reader): boolean {
  const end = posixEnd(reader.bytes, reader.offset)
  if (end === undefined) return false
  const name = reader.bytes.slice(reader.offset + 2, end)
  if (reader.bytes[reader.offset + 1] !== ':') reader.fail('POSIX collating elements are not supported')
  if (!NAMES.has(name.replace(/^\^/, ''))) reader.fail('unknown POSIX class name')
  reader.offset = end + 2
  return true
}

/** Stands behind the `[`; reads to behind the `]`. */
export function readClass(reader: Reader, options: { readonly ignoreBlanks: boolean }): number {
  const open = reader.offset - 1
  reader.skip('^')
  let literals = 0
  let kinds = 0
  /** The character that a hyphen may begin a range with; undefined: none. */
  let start: number | undefined
  let range = false
  let quoting = false
  const unterminated = (): never => reader.fail('missing terminating ] for character class', reader.bytes.length)

  const take = (code: number): void => {
    if (range) {
      if (code < start!) reader.fail('range out of order in character class')
      if (code > start!) literals++
      range = false
      start = undefined
    } else {
      start = code
      literals++
    }
  }
  const kind = (): void => {
    if (range) reader.fail('invalid range in character class')
    kinds++
    start = undefined
    if (reader.next === '-' && reader.offset + 1 < reader.bytes.length && reader.bytes[reader.offset + 1] !== ']')
      reader.fail('invalid range in character class')
  }

  let first = true
  for (;;) {
    if (reader.ended) unterminated()
    const c = reader.next
    if (quoting) {
      if (reader.skip('\\E')) quoting = false
      else {
        reader.offset++
        first = false
        take(c.charCodeAt(0))
      }
      continue
    }
    if (c === ']' && !first) {
      reader.offset++
      // A class of one character is kept as that character.
      return kinds === 0 && literals === 1 && reader.offset - open <= 8 ? 2 : 33
    }
    if (options.ignoreBlanks && (c === ' ' || c === '\t')) {
      reader.offset++
      continue
    }
    if (c === '[' && posix(reader)) {
      first = false
      kind()
      continue
    }
    if (c !== '\\') first = false
    reader.offset++
    if (c === '-' && start !== undefined && !range && reader.next !== ']' && !reader.startsWith('\\E')) {
      range = true
      continue
    }
    if (c !== '\\') {
      take(c.charCodeAt(0))
      continue
    }
    const found = readEscape(reader, true, 0)
    if (found.kind === 'literal') take(found.code)
    else if (found.kind === 'quote') quoting = true
    else if (found.kind !== 'nothing') kind()
    // `[\E]` is `[]`: \Q and \E are not there, so they are not the first either.
    if (found.kind !== 'nothing' && found.kind !== 'quote') first = false
  }
}
