/**
 * What is left of a statement when its values are taken out, so that the same statement with other values is the same: in the manner of
 * pt-fingerprint, on tokens instead of patterns.
 *
 *     SELECT * FROM `orders` WHERE id IN (1, 2, 3) -- page 7      →      select * from orders where id in (?+)
 */
import type { Statement } from '../../../api/audit.ts'
import { isWord, type Token, tokens } from './tokens.ts'

const MOST_SHOWN = 500

/** The fingerprint as text for people; at most 500 characters, what is longer tells its length too. */
export const fingerprint = (sql: string, engine: Statement['engine']): string => fingerprintOf(tokens(sql, engine))

export function fingerprintOf(list: readonly Token[]): string {
  const parts = collapse(shapes(list))
  const text = parts
    .join(' ')
    .replaceAll(/ ?([.,)]) ?/g, '$1 ')
    .replaceAll(/ ?\. /g, '.')
    .replaceAll(/([(]) /g, '$1')
  const tidy = text
    .replaceAll(/ ([),;])/g, '$1')
    .replaceAll(/\( /g, '(')
    .trim()
    .replace(/;$/, '')
    .trim()
  return tidy.length <= MOST_SHOWN ? tidy : `${tidy.slice(0, MOST_SHOWN)}… (${tidy.length})`
}

/** Each token as it counts: values as `?`, words in lower case, signs of numbers gone. */
function shapes(list: readonly Token[]): string[] {
  const out: string[] = []
  for (const [at, token] of list.entries()) {
    const before = list[at - 1]
    if (token.kind === 'word' && token.lower === 'null' && !isWord(before, 'is', 'not')) out.push('?')
    else if (isWord(token, 'true', 'false') && !isWord(before, 'is', 'not')) out.push('?')
    else if (isWord(token, 'asc')) continue
    else if (token.kind === 'word' || token.kind === 'name') out.push(token.lower)
    else if (token.kind === 'sign') {
      const next = list[at + 1]
      const unary =
        (token.text === '-' || token.text === '+') &&
        next?.kind === 'number' &&
        (before === undefined ||
          (before.kind === 'sign' && before.text !== ')') ||
          isWord(
            before,
            'in',
            'values',
            'and',
            'or',
            'between',
            'limit',
            'offset',
            'select',
            'then',
            'else',
            'when',
            'like',
            'return',
            'by',
          ))
      if (!unary) out.push(token.text)
    } else out.push('?')
  }
  return out
}

/** Lists of values are one, however long: `in (?+)`, `values (?+)`, `limit ?`. */
function collapse(parts: readonly string[]): string[] {
  const out: string[] = []
  const ends = valueLists(parts)
  let at = 0
  while (at < parts.length) {
    const end = ends.get(at)
    if (end !== undefined && ['in', 'values', 'value', 'any', 'all'].includes(out.at(-1) ?? '')) {
      out.push('(?+)')
      at = end
      // Further rows of the same INSERT.
      while (parts[at] === ',' && ends.has(at + 1)) at = ends.get(at + 1)!
    } else if (parts[at] === 'limit' && parts[at + 1] === '?') {
      out.push('limit', '?')
      at += 2
      while ((parts[at] === ',' || parts[at] === 'offset') && parts[at + 1] === '?') at += 2
    } else if (parts[at] === 'call' && at === 0) {
      return ['call', parts.slice(1, parts.indexOf('(') < 0 ? undefined : parts.indexOf('(')).join('')]
    } else if (parts[at] === 'use' && at === 0) return ['use', '?']
    else out.push(parts[at++]!)
  }
  return sameUnions(out)
}
/**
 * Of each opening parenthesis with values alone in it, functions of values too, where its list ends; subqueries have none. In one pass: whoever
 * nests a hundred thousand of them must not cost a hundred thousand passes.
 */
function valueLists(parts: readonly string[]): ReadonlyMap<number, number> {
  const ends = new Map<number, number>()
  let open: number[] = []
  for (const [at, part] of parts.entries()) {
    if (part === '(') open.push(at)
    else if (part === ')') {
      const start = open.pop()
      if (start !== undefined) ends.set(start, at + 1)
    } else if (part === 'select' || part === 'with' || part === 'table') open = []
  }
  // Cut off inside the list.
  for (const start of open) ends.set(start, parts.length)
  return ends
}

/** `select … union select …` of one shape is one, as pt-fingerprint has it. */
function sameUnions(parts: readonly string[]): string[] {
  const branches: string[][] = [[]]
  const joints: string[] = []
  let depth = 0
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at]!
    if (part === '(') depth++
    else if (part === ')') depth--
    if (part === 'union' && depth === 0) {
      const all = parts[at + 1] === 'all'
      joints.push(all ? 'union all' : 'union')
      if (all) at++
      branches.push([])
    } else branches.at(-1)!.push(part)
  }
  const out = [...branches[0]!]
  for (const [index, joint] of joints.entries()) {
    const same = branches[index]!.join(' ') === branches[index + 1]!.join(' ')
    if (!same) out.push(joint, ...branches[index + 1]!)
  }
  return out
}
