/** Actions that the parser could read: transformations, `ctl` options, phases and macros that do not exist. */
import { nearest } from '../../../config/nearest.ts'
import type { Action, Node } from '../nodes.ts'
import { actionName } from '../parse-actions.ts'
import { type Problem, problem } from '../problem.ts'
import { hint, shown } from '../scanner.ts'
import { ACTIONS, PHASES } from '../tables/actions.ts'
import { CTL } from '../tables/ctl.ts'
import { canonical, own } from '../tables/lookup.ts'
import { TRANSFORMATIONS } from '../tables/transformations.ts'
import { ctlOf } from '../values.ts'
import type { Check } from './context.ts'
import { judgeMacros } from './macros.ts'
import { variableName } from './variables.ts'

const transformationName = canonical(TRANSFORMATIONS)
const ctlName = canonical(CTL)

function* judgeTransformation({ at, value = '' }: Action): Generator<Problem> {
  const support = own(TRANSFORMATIONS, value)
  if (support === undefined)
    yield problem(
      'UnknownTransformation',
      at,
      `unknown transformation "${shown(value)}"${hint(transformationName(value) ?? nearest(value, Object.keys(TRANSFORMATIONS)))}`,
    )
  else if (support === 'no')
    yield problem('UnknownTransformation', at, `transformation "${value}" is not supported by ModSecurity v3`)
}

function* judgeCtl(action: Action): Generator<Problem> {
  const { option, value } = ctlOf(action)
  const known = own(CTL, option)
  if (known === undefined)
    yield problem(
      'UnknownCtl',
      action.at,
      `unknown ctl option "${shown(option)}"${hint(ctlName(option) ?? nearest(option, Object.keys(CTL)))}`,
    )
  else if (known.v3 === 'no')
    yield problem('UnknownCtl', action.at, `ctl option "${option}" is not supported by ModSecurity v3`)
  else if (!known.value.test(value))
    yield problem(
      'BadCtl',
      action.at,
      `ctl:${option} cannot be '${shown(value)}': it is like ${EXAMPLES[option] ?? 'On or Off'}`,
    )
  else yield* judgeTarget(action, option, value)
}

const EXAMPLES: Readonly<Record<string, string>> = {
  auditEngine: 'On, Off or RelevantOnly',
  auditLogParts: '+E or -E',
  parseXmlIntoArgs: 'On, Off or OnlyArgs',
  requestBodyProcessor: 'JSON, XML or URLENCODED',
  ruleEngine: 'On, Off or DetectionOnly',
  ruleRemoveById: '942100 or 942100-942199',
  ruleRemoveByTag: 'attack-sqli',
  ruleRemoveTargetById: '942100;ARGS:name',
  ruleRemoveTargetByTag: 'attack-sqli;ARGS:name',
}

/** `ctl:ruleRemoveTargetById=942100;AGRS:q`: loaded, and without effect. */
function* judgeTarget({ at }: Action, option: string, value: string): Generator<Problem> {
  if (!option.startsWith('ruleRemoveTarget')) return
  const target = value.slice(value.indexOf(';') + 1)
  const name = target.split(/[:.]/, 1)[0]!
  if (variableName(name) !== undefined) return
  yield problem('UnknownVariable', at, `unknown variable "${shown(name)}" in ctl:${option}`)
}

function* judgePhase(phases: readonly Action[]): Generator<Problem> {
  const [first, second] = phases
  if (second) yield problem('BadPhase', second.at, 'a second phase')
  if (first === undefined) return
  if (own(PHASES, (first.value ?? '').toLowerCase()) === undefined)
    yield problem('BadPhase', first.at, `phase '${shown(first.value ?? '')}' must be 1 to 5`)
}

/** Names are told in their one spelling, though the engine ignores case: other engines do not. */
function* judgeSpelling({ at, name }: Action): Generator<Problem> {
  if (own(ACTIONS, name) === undefined)
    yield problem('UnknownAction', at, `unknown action "${shown(name)}"${hint(actionName(name))}`)
}

export function* judgeActions(actions: readonly Action[]): Generator<Problem> {
  for (const action of actions) {
    yield* judgeSpelling(action)
    const name = actionName(action.name)
    if (name === 't') yield* judgeTransformation(action)
    else if (name === 'ctl') yield* judgeCtl(action)
    else if (name === 'severity' && /^\d+$/.test(action.value ?? '') && Number(action.value) > 7)
      yield problem('BadValue', action.at, `severity ${action.value} must be from 0 to 7`)
    else if (name === 'status' && !/^[1-5]\d\d$/.test(action.value ?? ''))
      yield problem('BadValue', action.at, `status ${action.value} must be from 100 to 599`)
    else if (action.value !== undefined) yield* judgeMacros(action.value, action.at)
  }
  yield* judgePhase(actions.filter(({ name }) => actionName(name) === 'phase'))
}

export const actionsIn = (node: Node): readonly Action[] => ('actions' in node ? node.actions : [])

export const checkActions: Check = ({ files }) =>
  files.flatMap(({ nodes }) => nodes.flatMap((node) => [...judgeActions(actionsIn(node))]))
