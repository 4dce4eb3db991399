/**
 * The text of a rule file → its nodes and what is wrong with it. Never throws, and goes on behind a mistake.
 *
 * It reads as libmodsecurity's own scanner does: directives stand anywhere, also two on a line; a backslash at the end of a line joins it to
 * the next; a comment ends with its line, unless it begins with SecRule or SecAction and ends in a backslash. It is stricter where the engine
 * is surprising (a part of a rule on the next line without a backslash …): what it reads without a problem, the engine reads in the same way.
 */
import { nearest } from '../../config/nearest.ts'
import type { Node, Position } from './nodes.ts'
import { parseActions } from './parse-actions.ts'
import { parseOperator } from './parse-operator.ts'
import { parseSetting } from './parse-setting.ts'
import { parseVariables } from './parse-variables.ts'
import type { Problem } from './problem.ts'
import { hint, Scanner, shown, Unreadable } from './scanner.ts'
import { DIRECTIVES, directiveName } from './tables/directives.ts'
import { takeComment } from './take-comment.ts'

export interface Parsed {
  readonly nodes: Node[]
  readonly problems: Problem[]
}

/** Between two parts of a directive: spaces, or one line break with a backslash before it. */
const GAP = /[ \t]*\\\r?\n[ \t]*|[ \t]+/y
const SUBJECT = /"[^"|\n\r]+"|[^, \t"\n\r\\]+/y

const gap = (scanner: Scanner, message: string): void => {
  if (scanner.take(GAP) === undefined) scanner.fail('BadSetting', scanner.offset, message)
}

interface Place {
  readonly at: Position
  readonly from: number
}
type Form = (scanner: Scanner, place: Place, name: string) => Node

function subject(scanner: Scanner, name: string): { subject: string; quoted: boolean } {
  gap(scanner, `${name} needs what it is about`)
  const text = scanner.take(SUBJECT)
  if (text === undefined) scanner.fail('BadSetting', scanner.offset, `${name} needs what it is about`)
  const quoted = text.startsWith('"')
  return { subject: quoted ? text.slice(1, -1) : text, quoted }
}

const rule: Form = (scanner: Scanner, place: Place) => {
  if (scanner.take(/[ \t]+/y) === undefined)
    scanner.fail('BadVariables', scanner.offset, 'after SecRule the variables must follow on the same line')
  const variables = parseVariables(scanner)
  if (scanner.take(GAP) === undefined) scanner.fail('BadOperator', scanner.offset, 'the rule has no operator')
  const operator = parseOperator(scanner)
  // A chained rule may do nothing of its own.
  const to = scanner.offset
  if (scanner.take(/[ \t]*(?=[\r\n]|$)/y) !== undefined)
    return { kind: 'rule', ...place, to, variables, operator, actions: [] }
  gap(scanner, 'a space is expected between the operator and the actions')
  const actions = parseActions(scanner)
  return { kind: 'rule', ...place, to: scanner.offset, variables, operator, actions }
}

const withActions =
  (kind: 'action' | 'default-action'): Form =>
  (scanner: Scanner, place: Place, name: string) => {
    gap(scanner, `${name} needs actions in double quotes`)
    if (scanner.next !== '"') scanner.fail('BadActions', scanner.offset, `${name} needs actions in double quotes`)
    const actions = parseActions(scanner)
    return { kind, ...place, to: scanner.offset, actions }
  }

const script: Form = (scanner: Scanner, place: Place, name: string) => {
  gap(scanner, `${name} needs the path of a script`)
  const path = scanner.take(/[0-9A-Za-z_/.\-*:]+/y)
  if (path === undefined) scanner.fail('BadSetting', scanner.offset, `${name} needs the path of a script`)
  gap(scanner, `${name} needs actions in double quotes`)
  const actions = parseActions(scanner)
  return { kind: 'script', ...place, to: scanner.offset, path, actions }
}

const marker: Form = (scanner: Scanner, place: Place, name: string) => {
  scanner.take(/[ \t]+/y)
  const label = scanner.take(/"[^, \t"\n\r]+"|[^, \t"\n\r]+/y)
  if (label === undefined || label.endsWith('\\'))
    scanner.fail('BadSetting', scanner.offset, `${name} needs a name of one word`)
  return { kind: 'marker', ...place, to: scanner.offset, label: label.replaceAll('"', '') }
}

const remove =
  (by: 'Id' | 'Msg' | 'Tag'): Form =>
  (scanner: Scanner, place: Place, name: string) => {
    scanner.take(/[ \t]+/y)
    const text = by === 'Id' ? scanner.take(/[^"|\n\r]+/y) : scanner.take(/"[^"|\n\r]+"|[^"|\n\r]+/y)
    if (text === undefined)
      scanner.fail('BadSetting', scanner.offset, `${name} needs what to remove${by === 'Id' ? ', without quotes' : ''}`)
    if (by === 'Id' && !/^\s*\d+(?:-\d+)?(?:[ ,]+\d+(?:-\d+)?)*\s*$/.test(text))
      scanner.complain('BadSetting', place.from, `${name} takes ids and ranges, not '${shown(text.trim())}'`)
    const quoted = text.startsWith('"')
    return {
      kind: 'remove',
      ...place,
      to: scanner.offset,
      by,
      subject: quoted ? text.slice(1, -1) : text.trim(),
      quoted,
    }
  }

const updateTargets =
  (by: 'Id' | 'Msg' | 'Tag'): Form =>
  (scanner: Scanner, place: Place, name: string) => {
    const about = subject(scanner, name)
    if (by === 'Id' && !/^\d+(?:-\d+)?$/.test(about.subject))
      scanner.complain('BadSetting', place.from, `${name} takes an id or a range, not '${shown(about.subject)}'`)
    gap(scanner, `${name} needs variables`)
    const variables = parseVariables(scanner)
    return { kind: 'update-targets', ...place, to: scanner.offset, by, ...about, variables }
  }

const updateActions: Form = (scanner: Scanner, place: Place, name: string) => {
  const about = subject(scanner, name)
  if (!/^\d+(?::\d+)?$/.test(about.subject))
    scanner.complain('BadSetting', place.from, `${name} takes an id, not '${shown(about.subject)}'`)
  gap(scanner, `${name} needs actions`)
  const actions = parseActions(scanner)
  return { kind: 'update-actions', ...place, to: scanner.offset, ...about, actions }
}

const FORMS: Readonly<Record<string, Form>> = {
  SecRule: rule,
  SecAction: withActions('action'),
  SecDefaultAction: withActions('default-action'),
  SecRuleScript: script,
  SecMarker: marker,
  SecRuleRemoveById: remove('Id'),
  SecRuleRemoveByMsg: remove('Msg'),
  SecRuleRemoveByTag: remove('Tag'),
  SecRuleUpdateTargetById: updateTargets('Id'),
  SecRuleUpdateTargetByMsg: updateTargets('Msg'),
  SecRuleUpdateTargetByTag: updateTargets('Tag'),
  SecRuleUpdateActionById: updateActions,
}

function directive(scanner: Scanner): Node {
  const from = scanner.offset
  const place = { at: scanner.at(), from }
  const word = scanner.take(/[A-Za-z][A-Za-z0-9_]*/y)
  if (word === undefined)
    scanner.fail(
      'UnknownDirective',
      from,
      `a directive is expected, but '${shown(scanner.text.slice(from).split('\n', 1)[0]!)}' stands there`,
    )
  const name = directiveName(word)
  if (name === undefined)
    scanner.fail(
      'UnknownDirective',
      from,
      `unknown directive "${shown(word)}"${hint(nearest(word, Object.keys(DIRECTIVES)))}`,
    )
  if (DIRECTIVES[name]!.v3 === 'no')
    scanner.fail('UnsupportedDirective', from, `directive "${name}" is not supported by ModSecurity v3`)
  const form = FORMS[name]
  return form === undefined ? parseSetting(scanner, place, name) : form(scanner, place, name)
}

/** To the end of the line, of those joined to it, and of those after it that look like the rest of a rule: the mistake is told once. */
function skipLine(scanner: Scanner): void {
  do scanner.take(/(?:[^\\\n]|\\(?!\r?\n)|\\\r?\n)*/y)
  while (scanner.take(/\n(?![ \t]*(?:Sec[A-Z]|Include|#|\r?\n|$))/y) !== undefined)
}

/** Reads a file. `file` is the name that problems and places bear. */
export function parse(text: string, file: string): Parsed {
  const scanner = new Scanner(text, file)
  const nodes: Node[] = []
  for (;;) {
    scanner.take(/(?:[ \t\r\n]|\\\r?\n)*/y)
    if (scanner.ended) return { nodes, problems: scanner.problems }
    const from = scanner.offset
    const at = scanner.at()
    if (scanner.next === '#') {
      nodes.push({ kind: 'comment', at, from, text: takeComment(scanner), to: scanner.offset })
      continue
    }
    const before = scanner.problems.length
    try {
      nodes.push(directive(scanner))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      scanner.problems.length = Math.max(before, scanner.problems.length)
      scanner.complain(error.code, error.offset, error.message)
      scanner.offset = Math.max(scanner.offset, from)
      skipLine(scanner)
      nodes.push({ kind: 'unread', at, from, to: scanner.offset, text: text.slice(from, scanner.offset) })
    }
  }
}
