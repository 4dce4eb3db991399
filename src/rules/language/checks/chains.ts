/**
 * Chains. The engine takes `chain` on the last rule in silence, so that the rule decides without its second condition, and lets whatever
 * SecRule comes next join, past markers and settings.
 */
import type { Action, ActionNode, Node, RuleNode } from '../nodes.ts'
import { actionName } from '../parse-actions.ts'
import { type Problem, problem } from '../problem.ts'
import { ACTIONS } from '../tables/actions.ts'
import { actionsOf, isChain } from '../values.ts'
import type { Check } from './context.ts'

function* endings(nodes: readonly Node[]): Generator<Problem> {
  let open: RuleNode | undefined
  const broken = (): Problem[] => {
    const at = open?.at
    open = undefined
    return at === undefined
      ? []
      : [problem('ChainOpen', at, "the chain has no next rule: a SecRule must follow, or take 'chain' away")]
  }
  for (const node of nodes) {
    if (node.kind === 'comment') continue
    if (node.kind === 'rule') open = isChain(node) ? node : undefined
    else yield* broken()
    if (node.kind === 'action')
      for (const { at } of actionsOf(node, 'chain'))
        yield problem('ChainOpen', at, 'a SecAction cannot begin a chain: use SecRule')
  }
  yield* broken()
}

const STARTER = new Set(['id', 'skip', 'skipAfter', 'phase'])
const belongsInStarter = ({ name }: Action): boolean => {
  const known = actionName(name)!
  return ACTIONS[known]!.disruptive || STARTER.has(known)
}

function* chained(chain: readonly (RuleNode | ActionNode)[]): Generator<Problem> {
  // The engine takes `block` in silence there, and it does nothing.
  for (const { actions } of chain.slice(1))
    for (const action of actions)
      if (belongsInStarter(action))
        yield problem('ChainedAction', action.at, `action "${action.name}" belongs in the rule that begins the chain`)
}

/** Chains of one file, broken where something else stands between. */
function* runs(nodes: readonly Node[]): Generator<(RuleNode | ActionNode)[]> {
  let run: (RuleNode | ActionNode)[] = []
  for (const node of nodes) {
    if (node.kind === 'comment') continue
    if (node.kind === 'rule' || node.kind === 'action') run.push(node)
    if (!isChain(node)) {
      if (run.length > 0) yield run
      run = []
    }
  }
  if (run.length > 0) yield run
}

export const checkChains: Check = ({ files }) =>
  files.flatMap(({ nodes }) => [...endings(nodes), ...[...runs(nodes)].flatMap((run) => [...chained(run)])])
