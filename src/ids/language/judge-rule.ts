/** One rule file of a ConfigMap: what is wrong with each rule in it, as far as it can be seen without the engine. */

import type { IdsPermit } from '../../config/ids.ts'
import { nearest } from '../../config/nearest.ts'
import { forbiddenIn } from './forbidden.ts'
import { logicalLines } from './lines.ts'
import { type Fault, type Option, parseRule, type Rule } from './parse-rule.ts'
import { type IdsProblemCode, MOST_PROBLEMS, shown } from './problem.ts'
import { isLocal, isReserved, LOCAL_RANGE } from './sids.ts'
import { ACTIONS, PROTOCOLS, VARIABLES } from './tables/header.ts'
import { KEYWORD_LIST, KEYWORDS } from './tables/keywords.ts'

/** A rule's own id, and where it stands. */
export interface SidAt {
  readonly sid: number
  readonly line: number
}
export interface RuleFile {
  readonly problems: readonly Fault[]
  readonly warnings: readonly Fault[]
  readonly sids: readonly SidAt[]
  /** Active rules: not commented out. */
  readonly rules: number
}

/** More than this is cut by the engine. */
const LONGEST_RULE = 8191
const QUOTED = ['msg', 'content', 'uricontent', 'pcre']
const MOST_SID = 4_294_967_295

const guess = (word: string, known: readonly string[]): string => {
  const found = nearest(word, known)
  return found === undefined ? '' : ` (nearest: ${found})`
}

/** @param allow what the platform allows */
export function judgeRuleFile(text: string, allow: readonly IdsPermit[]): RuleFile {
  const problems: Fault[] = []
  const warnings: Fault[] = []
  const sids: SidAt[] = []
  let rules = 0
  const tell = (found: readonly Fault[]): void => {
    for (const one of found) problems.push(one)
  }
  for (const line of logicalLines(text)) {
    const from = line.text.length - line.text.trimStart().length
    if (from === line.text.length) continue
    if (problems.length >= MOST_PROBLEMS) {
      if (line.text[from] !== '#') rules++
      continue
    }
    if (line.text.length > LONGEST_RULE) {
      if (line.text[from] === '#') continue
      rules++
      const message = `the rule has ${line.text.length} characters, ${LONGEST_RULE} at most are read`
      problems.push({ line: line.lineAt(from), code: 'BadValue', message })
      continue
    }
    if (line.text[from] === '#') {
      const off = /^[\s#]*/.exec(line.text)![0].length
      const { rule, faults } = parseRule(line, off)
      // A comment is a rule that is off only where suricata-update would read it as one; then a filter, or a flowbit, turns it on.
      if (rule === undefined || faults.length > 0 || !Object.hasOwn(ACTIONS, rule.action)) continue
      const found = [...forbiddenIn(rule, allow), ...judgeSid(rule, sids)]
      tell(found.map((one) => ({ ...one, message: `${one.message} (commented out, but a filter can turn it on)` })))
      continue
    }
    const { rule, faults } = parseRule(line, from)
    tell(faults)
    if (rule === undefined) continue
    rules++
    tell([...judgeHeader(rule), ...judgeOptions(rule), ...forbiddenIn(rule, allow)])
    // What follows an open quote was not read: the sid may stand there.
    if (!faults.some(({ code }) => code === 'UnbalancedQuotes')) tell(judgeSid(rule, sids))
    if (ACTIONS[rule.action] === 'same-as-alert' && warnings.length < MOST_PROBLEMS)
      warnings.push({
        line: rule.line,
        code: 'ActsAsAlert',
        message: 'drop only alerts: an IDS listens, and drops nothing',
      })
  }
  return { problems, warnings, sids, rules }
}

function judgeHeader({ line, action, protocol, addresses, ports, direction }: Rule): Fault[] {
  const found: Fault[] = []
  const add = (code: IdsProblemCode, message: string) => found.push({ line, code, message })
  if (!Object.hasOwn(ACTIONS, action))
    add('UnknownAction', `unknown action ${shown(action)}${guess(action, Object.keys(ACTIONS))}`)
  const [base = '', ...hook] = protocol.split(':')
  if (!PROTOCOLS.includes(base)) add('UnknownProtocol', `unknown protocol ${shown(base)}${guess(base, PROTOCOLS)}`)
  if (hook.length > 1 || hook[0] === '') add('UnknownProtocol', `${shown(protocol)} is not PROTOCOL or PROTOCOL:HOOK`)
  if (!['->', '<>', '=>'].includes(direction)) add('BadHeader', `the direction is ${shown(direction)}: write -> or <>`)
  for (const part of [...addresses, ...ports]) {
    const opened = part.split('[').length - part.split(']').length
    if (opened !== 0) add('UnbalancedBrackets', `the brackets of ${shown(part)} are not closed`)
    for (const [, name = ''] of part.matchAll(/\$([A-Za-z0-9_-]*)/g))
      if (!VARIABLES.includes(name))
        add('UnknownVariable', `unknown variable ${shown(`$${name}`)}${guess(name, VARIABLES).replace(': ', ': $')}`)
  }
  return found
}

function judgeOptions({ options }: Rule): Fault[] {
  const found: Fault[] = []
  for (const { name, value, line } of options) {
    if (!KEYWORDS.has(name)) {
      const quote = name.startsWith('"') ? ': is a ; inside quotes without \\ before it?' : guess(name, KEYWORD_LIST)
      found.push({ line, code: 'UnknownKeyword', message: `unknown option ${shown(name)}${quote}` })
    } else if (QUOTED.includes(name) && !/^(!\s*)?"/.test(value ?? ''))
      found.push({
        line,
        code: 'BadValue',
        message: `${name} takes its value in double quotes, not ${shown(value ?? '')}`,
      })
    else if (name === 'rev' && !/^\d{1,9}$/.test(value ?? ''))
      found.push({ line, code: 'BadValue', message: `rev must be a number, not ${shown(value ?? '')}` })
    else if (name === 'gid' && value !== '1')
      found.push({ line, code: 'SidNotAllowed', message: `gid must be left out, or 1: it is ${shown(value ?? '')}` })
  }
  return found
}

function judgeSid({ line, options }: Rule, sids: SidAt[]): Fault[] {
  const given = options.filter(({ name }) => name.toLowerCase() === 'sid')
  const [first, second] = given as [Option?, Option?]
  if (first === undefined)
    return [{ line, code: 'MissingSid', message: `the rule has no sid: give it one from ${LOCAL_RANGE}` }]
  if (second !== undefined)
    return [{ line: second.line, code: 'DoubledSid', message: 'the rule has more than one sid' }]
  const text = first.value ?? ''
  const sid = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(sid >= 1 && sid <= MOST_SID))
    return [
      { line: first.line, code: 'BadValue', message: `sid must be a number from ${LOCAL_RANGE}, not ${shown(text)}` },
    ]
  sids.push({ sid, line: first.line })
  if (isLocal(sid)) return []
  const why = isReserved(sid) ? "is one of Sekisho's own" : 'is not for local rules'
  return [{ line: first.line, code: 'SidNotAllowed', message: `sid ${sid} ${why}: use one from ${LOCAL_RANGE}` }]
}
