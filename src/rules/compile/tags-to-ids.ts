/**
 * `ctl:ruleRemoveTargetByTag=TAG;TARGET` → `ctl:ruleRemoveTargetById=ID;TARGET` for each rule with the tag that looks at the target.
 *
 * By tag the engine expands and compares all tags of every rule for every value, a quarter of all CPU on a normal request (941010 does it on
 * each plain path); by id it costs next to nothing and takes out the same.
 */
import { type CatalogueRule, catalogue } from '../language/catalogue.ts'
import type { Action, Node, RuleFile } from '../language/nodes.ts'
import { actionName } from '../language/parse-actions.ts'
import { actionsOf, ctlOf } from '../language/values.ts'

const tagsOf = (node: CatalogueRule['nodes'][number]): string[] => actionsOf(node, 'tag').map(({ value = '' }) => value)

/** The engine compares the tags of each rule of a chain by itself; by id only the first can be meant. */
const looksIn = (node: CatalogueRule['nodes'][number], tag: string, collection: string): boolean =>
  node.kind === 'rule' &&
  tagsOf(node).includes(tag) &&
  node.variables.some(({ prefix, name }) => prefix !== '!' && name.toUpperCase() === collection)

function replaced(action: Action, rules: readonly CatalogueRule[]): Action[] {
  if (actionName(action.name) !== 'ctl') return [action]
  const { option, value } = ctlOf(action)
  const [, tag, target] = /^([^;]+);(.+)$/.exec(value) ?? []
  if (option !== 'ruleRemoveTargetByTag' || tag === undefined || target === undefined) return [action]
  const collection = target.split(/[:.]/, 1)[0]!.toUpperCase()
  // A tag with a macro is not known before the request.
  if (rules.some(({ nodes }) => nodes.some((node) => tagsOf(node).some((one) => one.includes('%{'))))) return [action]
  if (rules.some(({ nodes }) => nodes.slice(1).some((node) => looksIn(node, tag, collection)))) return [action]
  return rules
    .filter(({ nodes: [first] }) => looksIn(first!, tag, collection))
    .map(({ id }) => ({ ...action, value: `ruleRemoveTargetById=${id};${target}` }))
}

/** The same files with the tags replaced, and the nodes that are new. */
export function tagsToIds(files: readonly RuleFile[]): { files: RuleFile[]; changed: ReadonlySet<Node> } {
  const { rules } = catalogue(files)
  const changed = new Set<Node>()
  const replace = (node: Node): Node => {
    if (node.kind !== 'rule' && node.kind !== 'action') return node
    const actions = node.actions.flatMap((action) => replaced(action, rules))
    if (actions.length === node.actions.length && actions.every((action, i) => action === node.actions[i])) return node
    const next = { ...node, actions }
    changed.add(next)
    return next
  }
  return { files: files.map(({ name, nodes }) => ({ name, nodes: nodes.map(replace) })), changed }
}
