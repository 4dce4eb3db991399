/** SecDefaultAction: once a phase, with a phase and one action that decides, and none that belongs in a rule. */
import type { DefaultActionNode } from '../nodes.ts'
import { actionName } from '../parse-actions.ts'
import { type Problem, problem } from '../problem.ts'
import { ACTIONS } from '../tables/actions.ts'
import { actionsOf } from '../values.ts'
import type { Check, Context } from './context.ts'

const RULES_ONLY = new Set([
  'accuracy',
  'chain',
  'id',
  'maturity',
  'rev',
  'ver',
  'skip',
  'skipAfter',
  'ctl',
  'setvar',
  'msg',
])

function* judgeOne(node: DefaultActionNode): Generator<Problem> {
  if (actionsOf(node, 'phase').length === 0) yield problem('BadDefault', node.at, 'SecDefaultAction needs a phase')
  if (!node.actions.some(({ name }) => ACTIONS[actionName(name)!]!.disruptive))
    yield problem('BadDefault', node.at, 'SecDefaultAction needs one of pass, deny, block, drop')
  for (const { at, name, value } of node.actions)
    if (RULES_ONLY.has(actionName(name)!) || (actionName(name) === 't' && value?.toLowerCase() === 'none'))
      yield problem(
        'BadDefault',
        at,
        `action "${name}${value === undefined ? '' : `:${value}`}" belongs in a rule, not in SecDefaultAction`,
      )
}

function* judgeAll({ files }: Context): Generator<Problem> {
  const seen = new Map<string, string>()
  for (const { nodes } of files)
    for (const node of nodes) {
      if (node.kind !== 'default-action') continue
      yield* judgeOne(node)
      const phase = actionsOf(node, 'phase').at(-1)?.value ?? ''
      const by = seen.get(phase)
      if (by !== undefined)
        yield problem('DuplicateDefault', node.at, `phase ${phase} has a SecDefaultAction already, at ${by}`)
      else seen.set(phase, `${node.at.file}:${node.at.line}`)
    }
}

export const checkDefaults: Check = (context) => [...judgeAll(context)]
