/**
 * The matchers of suricata-update, in the order in which it tries them: `*`, ids, `re:`, `filename:`, `group:` or `NAME.rules`, `metadata:`. What is
 * none of them it skips without a word; here it is said.
 */
import { type IdsProblemCode, shown } from './problem.ts'
import { brokenPython } from './python-regex.ts'
import { isReserved, RESERVED_SIDS } from './sids.ts'

export interface Wrong {
  readonly code: IdsProblemCode
  readonly message: string
}

const LONGEST_REGEX = 1000
const ID = /^(?:(\d{1,10})\s*:\s*)?(\d{1,10})(?:\s*:\s*\d{1,10})?$/

/** One matcher. @param changes whether what it matches is turned off or changed, so that it may not name our own rules */
export function judgeMatcher(written: string, changes: boolean): Wrong[] {
  const text = written.trim()
  if (text === '*') return []
  if (/^[\d\s:,]+$/.test(text)) return judgeIds(text, changes)
  if (text.startsWith('re:')) return judgeRegex(text.slice(3).trim())
  const [, kind, rest = ''] = /^(filename|group|metadata):(.*)$/s.exec(text) ?? []
  if (kind === 'metadata')
    return /^\s*\S+\s+\S/.test(rest)
      ? []
      : [{ code: 'BadMatcher', message: `metadata: takes a key and a value, not ${shown(rest.trim())}` }]
  if (kind !== undefined)
    return rest.trim() === '' ? [{ code: 'BadMatcher', message: `${kind}: has no name behind it` }] : []
  if (text.endsWith('.rules') && !/\s/.test(text)) return []
  return [
    {
      code: 'BadMatcher',
      message: `${shown(text)} names no rules: write SID, re:REGEX, group:NAME, filename:NAME or metadata:KEY VALUE`,
    },
  ]
}

function judgeIds(text: string, changes: boolean): Wrong[] {
  const found: Wrong[] = []
  for (const part of text.split(',')) {
    const hit = ID.exec(part.trim())
    if (hit === null) found.push({ code: 'BadMatcher', message: `${shown(part.trim())} is no id: write SID or 1:SID` })
    else if (changes && isReserved(Number(hit[2])))
      found.push({
        code: 'ReservedSid',
        message: `${Number(hit[2])} is one of Sekisho's own rules (${RESERVED_SIDS.first} to ${RESERVED_SIDS.last}): they are not filtered`,
      })
  }
  return found
}

/** A regular expression of a filter. */
export function judgeRegex(pattern: string): Wrong[] {
  if (pattern === '') return [{ code: 'BadRegex', message: 'the regular expression is empty' }]
  if (pattern.length > LONGEST_REGEX)
    return [
      {
        code: 'BadRegex',
        message: `the regular expression has ${pattern.length} characters, ${LONGEST_REGEX} are taken`,
      },
    ]
  const wrong = brokenPython(pattern)
  return wrong === undefined
    ? []
    : [{ code: 'BadRegex', message: `the regular expression ${shown(pattern)} does not compile: ${wrong}` }]
}
