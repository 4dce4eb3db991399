/**
 * A statement in tokens, so that nothing in a text or comment is taken for SQL. Of both dialects, tolerant: an unfinished text or comment ends
 * with the statement, since logs cut statements off. One pass, linear in the length.
 *
 * MySQL runs what stands in `/*! … *\/`, so there only the marks are dropped.
 */
import type { Statement } from '../../../api/audit.ts'

export type Token =
  | { readonly kind: 'word' /** As written. */; readonly text: string; readonly lower: string }
  /** A name in quotes, without them: never a keyword. */
  | { readonly kind: 'name'; readonly text: string; readonly lower: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  /** `?`, `$1`, `:name`, `@p1` where it stands for a value. */
  | { readonly kind: 'parameter'; readonly text: string }
  | { readonly kind: 'sign'; readonly text: string }

/** Longer statements are read up to here. */
export const MOST_CHARACTERS = 100_000

const WORD_START = /[\p{L}_]/u
const WORD = /[\p{L}\p{N}_$]+/uy
const NUMBER = /(?:0x[\da-f]+|0b[01]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)/iy
const DOLLAR = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy
const SIGN = /(?:<=>|<=|>=|<>|!=|:=|::|->>|->|&&|\|\||<<|>>|[^\s])/uy

export function tokens(whole: string, engine: Statement['engine']): readonly Token[] {
  const sql = whole.slice(0, MOST_CHARACTERS)
  const mysql = engine === 'mysql'
  const found: Token[] = []
  /** How many `/*!` are open. */
  let executable = 0
  let at = 0

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(sql)?.[0]
  }
  const lineEnd = () => {
    const end = sql.indexOf('\n', at)
    return end < 0 ? sql.length : end + 1
  }
  /** From the opening quote to after the closing one. */
  const quoted = (quote: string, escapes: boolean): string => {
    let text = ''
    at++
    while (at < sql.length) {
      const char = sql[at]!
      if (escapes && char === '\\') {
        text += sql[at + 1] ?? ''
        at += 2
      } else if (char !== quote) {
        text += char
        at++
      } else if (sql[at + 1] === quote) {
        text += quote
        at += 2
      } else {
        at++
        break
      }
    }
    return text
  }
  const comment = () => {
    // PostgreSQL's nest, MySQL's do not.
    let depth = 0
    do {
      if (sql.startsWith('/*', at) && (depth === 0 || !mysql)) {
        depth++
        at += 2
      } else if (sql.startsWith('*/', at)) {
        depth--
        at += 2
      } else at++
    } while (depth > 0 && at < sql.length)
  }

  while (at < sql.length) {
    const char = sql[at]!
    const next = sql[at + 1]
    if (char <= ' ' || char === '\u00a0') at++
    else if (char === '-' && next === '-' && (!mysql || sql[at + 2] === undefined || sql[at + 2]! <= ' '))
      at = lineEnd()
    else if (char === '#' && mysql) at = lineEnd()
    else if (mysql && sql.startsWith('/*!', at)) {
      at += 3
      while (at < sql.length && sql[at]! >= '0' && sql[at]! <= '9') at++
      executable++
    } else if (executable > 0 && char === '*' && next === '/') {
      executable--
      at += 2
    } else if (char === '/' && next === '*') comment()
    else if (char === "'") found.push({ kind: 'text', text: quoted("'", mysql) })
    else if (char === '"') {
      const text = quoted('"', mysql)
      found.push(mysql ? { kind: 'text', text } : { kind: 'name', text, lower: text.toLowerCase() })
    } else if (char === '`' && mysql) {
      const text = quoted('`', false)
      found.push({ kind: 'name', text, lower: text.toLowerCase() })
    } else if (char === '?') {
      found.push({ kind: 'parameter', text: '?' })
      at++
    } else if (char === '$' && next !== undefined && next >= '0' && next <= '9') {
      at++
      found.push({ kind: 'parameter', text: `$${match(NUMBER) ?? ''}` })
      at += match(NUMBER)?.length ?? 0
    } else if (char === '$' && !mysql && match(DOLLAR) !== undefined) {
      const mark = match(DOLLAR)!
      const end = sql.indexOf(mark, at + mark.length)
      found.push({ kind: 'text', text: sql.slice(at + mark.length, end < 0 ? undefined : end) })
      at = end < 0 ? sql.length : end + mark.length
    } else if (
      (char >= '0' && char <= '9') ||
      (char === '.' && next !== undefined && next >= '0' && next <= '9' && !afterName(found))
    ) {
      const text = match(NUMBER)!
      at += text.length
      found.push({ kind: 'number', text })
    } else if (WORD_START.test(char)) {
      const text = match(WORD)!
      at += text.length
      // E'…', N'…', X'…', _utf8'…': a text with a prefix. Only PostgreSQL's E changes how it ends.
      if (sql[at] === "'" && /^(?:[ebnx]|u|_\w+)$/i.test(text)) {
        found.push({ kind: 'text', text: quoted("'", mysql || /^e$/i.test(text)) })
      } else found.push({ kind: 'word', text, lower: text.toLowerCase() })
    } else {
      const text = match(SIGN) ?? char
      at += text.length
      found.push({ kind: 'sign', text })
    }
  }
  return found
}
/** In `t1.5` nothing is a number, and `a.1b` is a name of MySQL. */
const afterName = (found: readonly Token[]): boolean => {
  const last = found.at(-1)
  return last !== undefined && (last.kind === 'word' || last.kind === 'name')
}

/** Whether the token is this keyword, unquoted. */
export const isWord = (token: Token | undefined, ...words: readonly string[]): boolean =>
  token?.kind === 'word' && words.includes(token.lower)
export const isSign = (token: Token | undefined, ...signs: readonly string[]): boolean =>
  token?.kind === 'sign' && signs.includes(token.text)
