/**
 * A namespace's own rules, held to the allow-list: nothing in them can switch off or disarm the Core Rule Set.
 *
 * Beside what is used, how it is written counts: only a plain form is taken, in which nobody can be in doubt where the operator and the
 * actions end. So a difference between this parser and the engine's has no place to hide in.
 */
import {
  ALLOWED_ACTIONS,
  ALLOWED_CHAINED_ACTIONS,
  ALLOWED_DIRECTIVES,
  ALLOWED_LOGDATA_MACRO,
  ALLOWED_MARKER,
  ALLOWED_OPERATORS,
  ALLOWED_PHASES,
  ALLOWED_TRANSFORMATIONS,
  ALLOWED_TX,
  ALLOWED_VARIABLES,
  CUSTOM_IDS,
} from './allow.ts'
import { chainsOf } from './catalogue.ts'
import type { CheckedFile, Context } from './checks/context.ts'
import type { Action, ActionNode, Node, RuleNode } from './nodes.ts'
import { type Problem, problem } from './problem.ts'
import { shown } from './scanner.ts'
import { ACTIONS as ACTION_TABLE } from './tables/actions.ts'
import { own } from './tables/lookup.ts'
import { OPERATORS } from './tables/operators.ts'
import { TRANSFORMATIONS } from './tables/transformations.ts'
import { VARIABLES } from './tables/variables.ts'
import { actionsOf, macrosOf, setVarOf } from './values.ts'

const GAP = String.raw`(?:[ \t]*\\\n[ \t]*|[ \t]+)`
const ACTIONS = String.raw`"(?:[ \t]*\\\n[ \t]*)?(?:[^"\\\n]|,[ \t]*\\\n)*"`
const FORMS = {
  rule: new RegExp(String.raw`^SecRule[ \t]+[^\s"'\\,]+${GAP}"(?:[^"\n]*[^"\n\\])"${GAP}${ACTIONS}$`),
  action: new RegExp(`^SecAction${GAP}${ACTIONS}$`),
  marker: /^SecMarker[ \t]+(?:"[^"\s]+"|[^"\s]+)$/,
} as const
const WRITTEN = {
  rule: 'SecRule VARIABLES "OPERATOR" "ACTIONS": both in double quotes, no quote escaped inside (write \\x22), lines continued only after a comma or between the parts',
  action: 'SecAction "ACTIONS": lines continued only after a comma',
  marker: 'SecMarker NAME',
} as const

const allowed = (list: readonly string[], name: string): boolean => list.includes(name)
/** What does not exist is told as that, and not told again as not allowed. */
const forbidden = (list: readonly string[], table: Readonly<Record<string, unknown>>, name: string): boolean =>
  !allowed(list, name) && Object.hasOwn(table, name)

/** Nothing but blanks before it on its first line and behind it on its last. */
function alone(text: string, { from, to }: Node): boolean {
  const begin = text.lastIndexOf('\n', from - 1) + 1
  const end = text.indexOf('\n', to)
  return from === 0 || text.slice(begin, from).trim() === ''
    ? text.slice(to, end === -1 ? undefined : end).trim() === ''
    : false
}

/** Bytes that a person does not see. */
function* judgeBytes({ name, text }: CheckedFile): Generator<Problem> {
  for (const [index, line] of text.split('\n').entries()) {
    const column = line.search(/[\u0000-\u0008\u000b-\u001f\u007f]/)
    if (column === -1) continue
    const at = { file: name, line: index + 1, column: column + 1 }
    yield line[column] === '\r'
      ? problem('Form', at, 'a carriage return: write the file with plain line ends')
      : problem('Form', at, 'a control character: write it as \\xHH inside a pattern')
  }
}

function* judgeNode(file: CheckedFile, node: Node): Generator<Problem> {
  switch (node.kind) {
    case 'comment':
      if (node.text.includes('\n') || node.text.endsWith('\\'))
        yield problem(
          'Form',
          node.at,
          'a comment that ends in a backslash can take the next line with it: take the backslash away',
        )
      return
    case 'unread':
      return
    case 'rule':
    case 'action':
    case 'marker':
      if (!FORMS[node.kind].test(file.text.slice(node.from, node.to)))
        yield problem('Form', node.at, `a rule of your own is written ${WRITTEN[node.kind]}`)
      if (!alone(file.text, node)) yield problem('Form', node.at, 'a rule of your own stands alone on its lines')
      if (node.kind === 'marker' && !ALLOWED_MARKER.test(node.label))
        yield problem(
          'MarkerNotAllowed',
          node.at,
          `SecMarker ${shown(node.label)}: a marker of your own is named CUSTOM-NAME, in capitals`,
        )
      return
    default: {
      const name = /^[A-Za-z]+/.exec(file.text.slice(node.from))?.[0] ?? ''
      yield problem(
        'DirectiveNotAllowed',
        node.at,
        `"${name}" is not allowed here: only ${ALLOWED_DIRECTIVES.join(', ')} are; the rest is set by the platform`,
      )
    }
  }
}

function* judgeRule({ variables, operator }: RuleNode): Generator<Problem> {
  for (const { at, name } of variables)
    if (forbidden(ALLOWED_VARIABLES, VARIABLES, name))
      yield problem('VariableNotAllowed', at, `variable "${shown(name)}" is not allowed here`)
  const { at, name, argument } = operator
  if (forbidden(ALLOWED_OPERATORS, OPERATORS, name))
    yield problem('OperatorNotAllowed', at, `operator "@${shown(name)}" is not allowed here`)
  const kind = own(OPERATORS, name)?.argument
  if ((kind === 'regex' || kind === 'words') && argument.includes('%{'))
    yield problem('MacroNotAllowed', at, `a macro in @${name} is not allowed: use @streq, @contains or @within`)
}

function* judgeCtl({ at, value = '' }: Action): Generator<Problem> {
  const removes = /^ruleRemove/i.test(value)
  yield problem(
    'CtlNotAllowed',
    at,
    `ctl:${shown(value)} is not allowed here: ${removes ? 'rules are excluded by spec.exclusions of a WafPolicy, one parameter on one path' : 'what it sets is the platform’s'}`,
  )
}

function* judgeMacros({ at, name, value = '' }: Action): Generator<Problem> {
  if (!value.includes('%{')) return
  if (name === 'logdata') {
    if (!macrosOf(value).every(({ text }) => ALLOWED_LOGDATA_MACRO.test(text ?? '')))
      yield problem(
        'MacroNotAllowed',
        at,
        'logdata may hold %{MATCHED_VAR}, %{MATCHED_VAR_NAME} and %{TX.0} to %{TX.9}',
      )
  } else if (name !== 'setvar')
    yield problem('MacroNotAllowed', at, `a macro in ${name} could put a secret into the log: use logdata`)
}

function* judgeAction(action: Action, chained: boolean): Generator<Problem> {
  const { at, name, value = '' } = action
  if (name === 'block') {
    yield problem(
      'ActionNotAllowed',
      at,
      "'block' does nothing here, since the Core Rule Set decides by score: write deny,status:403",
    )
    return
  }
  if (name === 'ctl') {
    yield* judgeCtl(action)
    return
  }
  if (!allowed(ALLOWED_ACTIONS, name)) {
    if (!Object.hasOwn(ACTION_TABLE, name)) return
    yield problem('ActionNotAllowed', at, `action "${shown(name)}" is not allowed here`)
    return
  }
  if (chained && !allowed(ALLOWED_CHAINED_ACTIONS, name)) {
    yield problem('ChainedAction', at, `action "${name}" belongs in the rule that begins the chain`)
    return
  }
  yield* judgeMacros(action)
  if (name === 't' && forbidden(ALLOWED_TRANSFORMATIONS, TRANSFORMATIONS, value))
    yield problem('TransformationNotAllowed', at, `transformation "${shown(value)}" is not allowed here`)
  if (name === 'setvar') {
    const { collection, name: variable } = setVarOf(action)
    if (!/^!?tx\./.test(value) || collection !== 'tx' || !ALLOWED_TX.test(variable))
      yield problem(
        'TxNotAllowed',
        at,
        `setvar:${shown(value)}: only tx.custom_NAME may be set; scores and limits are the platform's`,
      )
  }
  if (name === 'phase' && !allowed(ALLOWED_PHASES, value))
    yield problem('BadPhase', at, `phase '${shown(value)}' must be ${ALLOWED_PHASES.join(', ')}`)
  if (name === 'status' && !/^[45]\d\d$/.test(value))
    yield problem('BadValue', at, `status ${shown(value)} must be from 400 to 599`)
  if (name === 'id' && (Number(value) < CUSTOM_IDS.first || Number(value) > CUSTOM_IDS.last))
    yield problem('ForeignId', at, `id ${shown(value)} must be from ${CUSTOM_IDS.first} to ${CUSTOM_IDS.last}`)
}

function* judgeChain(chain: readonly (RuleNode | ActionNode)[]): Generator<Problem> {
  const first = chain[0]!
  for (const [index, node] of chain.entries()) {
    if (node.kind === 'rule') yield* judgeRule(node)
    for (const action of node.actions) yield* judgeAction(action, index > 0)
  }
  const phase = actionsOf(first, 'phase').at(-1)?.value
  if (phase === undefined)
    yield problem('NoPhase', first.at, 'the rule has no phase: say phase:1 (headers) or phase:2 (body)')
  for (const { at } of phase === '5' ? actionsOf(first, 'deny') : [])
    yield problem('BadPhase', at, 'in phase 5 it is too late to deny')
}

/** `skipAfter` only to a marker of the same file, so that no other file changes where it lands. */
function* judgeSkips({ nodes }: CheckedFile): Generator<Problem> {
  const last = new Map<string, number>()
  for (const [index, node] of nodes.entries()) if (node.kind === 'marker') last.set(node.label, index)
  for (const [index, node] of nodes.entries())
    for (const { at, value = '' } of 'actions' in node ? actionsOf(node, 'skipAfter') : []) {
      if (!ALLOWED_MARKER.test(value))
        yield problem('MarkerNotAllowed', at, `skipAfter:${shown(value)}: only to a marker of your own, CUSTOM-NAME`)
      else if ((last.get(value) ?? -1) < index)
        yield problem(
          'MarkerNotAllowed',
          at,
          `skipAfter:${shown(value)}: no SecMarker of that name follows in the file`,
        )
    }
}

export function judgeCustom({ files }: Context): Problem[] {
  return files.flatMap((file) => [
    ...judgeBytes(file),
    ...file.nodes.flatMap((node) => [...judgeNode(file, node)]),
    ...chainsOf(file.nodes).flatMap((chain) => [...judgeChain(chain)]),
    ...judgeSkips(file),
  ])
}
