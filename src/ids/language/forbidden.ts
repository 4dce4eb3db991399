/**
 * What a rule may not have unless the platform allows it: it would blind the IDS, run a program, or write files. Also for rules that a filter or
 * suricata-update turned into something else: whoever has the text of a rule can ask.
 */
import type { IdsPermit } from '../../config/ids.ts'
import type { Rule } from './parse-rule.ts'
import type { IdsProblemCode } from './problem.ts'
import { ACTIONS } from './tables/header.ts'

export interface Forbidden {
  readonly line: number
  readonly code: IdsProblemCode
  readonly message: string
}

/** `never`: nothing allows it. */
type Needs = IdsPermit | 'never'

const OPTIONS: Readonly<
  Record<string, { readonly needs: Needs; readonly code: IdsProblemCode; readonly why: string }>
> = {
  bypass: { needs: 'bypass', code: 'BypassNotAllowed', why: 'takes the rest of a flow out of sight' },
  noalert: { needs: 'noalert', code: 'NoalertNotAllowed', why: 'makes a rule that nobody is told of' },
  lua: { needs: 'lua', code: 'LuaNotAllowed', why: 'runs a program in the IDS' },
  luaxform: { needs: 'lua', code: 'LuaNotAllowed', why: 'runs a program in the IDS' },
  filestore: { needs: 'filestore', code: 'FilestoreNotAllowed', why: 'writes files to the node' },
  'tls.store': { needs: 'filestore', code: 'FilestoreNotAllowed', why: 'writes files to the node' },
  tls_store: { needs: 'filestore', code: 'FilestoreNotAllowed', why: 'writes files to the node' },
  config: { needs: 'never', code: 'ConfigNotAllowed', why: 'switches logging off' },
  replace: { needs: 'never', code: 'ReplaceNotAllowed', why: 'changes packets' },
}
/** Options of which `noalert` is a value too. */
const BITS = ['flowbits', 'xbits', 'hostbits']
const wayOut = (needs: Needs): string =>
  needs === 'never' ? 'nothing allows it' : `the platform has not allowed ${needs}`

const isFile = (value: string): boolean =>
  value.split(',').some((part) => /^(save|state|load)(\s|$)/i.test(part.trim()))

/** Everything in the rule that is not allowed, at its line. */
export function forbiddenIn(rule: Pick<Rule, 'action' | 'options' | 'line'>, allow: readonly IdsPermit[]): Forbidden[] {
  const found: Forbidden[] = []
  const add = (line: number, code: IdsProblemCode, needs: Needs, what: string): void => {
    if (needs === 'never' || !allow.includes(needs)) found.push({ line, code, message: `${what}: ${wayOut(needs)}` })
  }
  const action = rule.action.toLowerCase()
  const use = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (use === 'passes')
    add(rule.line, 'PassNotAllowed', 'pass', 'a pass rule hides what it matches from all other rules')
  if (use === 'answers')
    add(rule.line, 'RejectNotAllowed', 'never', `${action} answers connections with resets, also from an IDS`)
  if (use === 'configures') add(rule.line, 'ConfigNotAllowed', 'never', 'the action config switches logging off')
  for (const { name, value, line } of rule.options) {
    const small = name.toLowerCase()
    const entry = Object.hasOwn(OPTIONS, small) ? OPTIONS[small] : undefined
    if (entry !== undefined) add(line, entry.code, entry.needs, `${small} ${entry.why}`)
    else if (BITS.includes(small) && /^noalert(,|\s|$)/i.test(value ?? ''))
      add(line, 'NoalertNotAllowed', 'noalert', `${small}:noalert makes a rule that nobody is told of`)
    else if ((small === 'dataset' || small === 'datarep') && isFile(value ?? ''))
      add(line, 'DatasetNotAllowed', 'dataset-write', `${small} reads or writes a file (save, state, load)`)
  }
  return found
}

/** Words that a replacement in modify.conf may not bring into a rule, with what each would need. */
export const forbiddenWords = (text: string, allow: readonly IdsPermit[]): Omit<Forbidden, 'line'>[] => {
  const found: Omit<Forbidden, 'line'>[] = []
  const add = (code: IdsProblemCode, needs: Needs, what: string): void => {
    if (needs === 'never' || !allow.includes(needs)) found.push({ code, message: `${what}: ${wayOut(needs)}` })
  }
  const words = new Set(text.toLowerCase().match(/[a-z_.]+/g) ?? [])
  if (/^\s*pass\b/i.test(text)) add('PassNotAllowed', 'pass', 'it could make pass rules')
  if (/^\s*reject/i.test(text)) add('RejectNotAllowed', 'never', 'it could make reject rules')
  for (const [name, { code, needs, why }] of Object.entries(OPTIONS))
    if (words.has(name)) add(code, needs, `it could bring in ${name}, which ${why}`)
  if ((words.has('dataset') || words.has('datarep')) && /\b(save|state|load)\b/i.test(text))
    add('DatasetNotAllowed', 'dataset-write', 'it could bring in a dataset with a file')
  return found
}
