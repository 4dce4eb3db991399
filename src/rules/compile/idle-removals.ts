/**
 * Removals and changes of rules that are not loaded: without effect, and left out. Upstream writes them for all levels
 * (`SecRuleUpdateTargetById 942421 "!ARGS:…"`), and may write them for rules that it no longer has.
 */
import { type Catalogue, catalogue } from '../language/catalogue.ts'
import type { Action, Node, RuleFile } from '../language/nodes.ts'
import { actionName } from '../language/parse-actions.ts'
import { ctlOf, idRanges } from '../language/values.ts'

type By = 'Id' | 'Msg' | 'Tag'

const isIdle = ({ rules }: Catalogue, by: By, subject: string): boolean => {
  if (by === 'Tag') return !rules.some(({ tags }) => tags.includes(subject))
  if (by === 'Msg') return !rules.some(({ message }) => message === subject)
  const ranges = idRanges(by === 'Id' ? subject.split(':', 1)[0]! : subject)
  return !ranges.some(({ first, last }) => rules.some(({ id }) => id >= first && id <= last))
}

const isIdleNode = (known: Catalogue, node: Node): boolean => {
  if (node.kind === 'update-actions') return isIdle(known, 'Id', node.subject)
  return (node.kind === 'remove' || node.kind === 'update-targets') && isIdle(known, node.by, node.subject)
}

/** `ctl:ruleRemoveById=1`, `ctl:ruleRemoveTargetByTag=x;ARGS`. */
const isIdleAction = (known: Catalogue, action: Action): boolean => {
  if (actionName(action.name) !== 'ctl') return false
  const { option, value } = ctlOf(action)
  const by = /^ruleRemove(?:Target)?By(Id|Tag)$/.exec(option)?.[1]
  return by !== undefined && isIdle(known, by as By, value.split(';', 1)[0]!)
}

/** The same files without them, and the nodes that are new. */
export function withoutIdleRemovals(files: readonly RuleFile[]): { files: RuleFile[]; changed: ReadonlySet<Node> } {
  const known = catalogue(files)
  const changed = new Set<Node>()
  const trim = (node: Node): Node => {
    if (node.kind !== 'rule' && node.kind !== 'action') return node
    const actions = node.actions.filter((action) => !isIdleAction(known, action))
    if (actions.length === node.actions.length) return node
    const next = { ...node, actions }
    changed.add(next)
    return next
  }
  const trimmed = files.map(({ name, nodes }) => ({
    name,
    nodes: nodes.filter((node) => !isIdleNode(known, node)).map(trim),
  }))
  return { files: trimmed.filter(({ nodes }) => nodes.length > 0), changed }
}
