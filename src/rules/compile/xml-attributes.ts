/**
 * Rules on the text of an XML document (`XML:/*`) are given its attributes too (`XML://@*`): of most rules upstream compares the text alone, so
 * that an attack in an attribute would pass. waf/build/prepare-crs.awk does the same to the image's own rules.
 */
import type { Node, RuleFile, RuleNode, Variable } from '../language/nodes.ts'

const selects = ({ prefix, name, selector }: Variable, text: string): boolean =>
  prefix === '' && name.toUpperCase() === 'XML' && selector?.kind === 'text' && selector.text === text

const withAttributes = (node: RuleNode): RuleNode => {
  const mentioned = node.variables.some(
    ({ name, selector }) => name.toUpperCase() === 'XML' && selector?.text === '//@*',
  )
  if (mentioned || !node.variables.some((one) => selects(one, '/*'))) return node
  const variables = node.variables.flatMap((one) =>
    selects(one, '/*') ? [one, { ...one, selector: { kind: 'text' as const, text: '//@*' } }] : [one],
  )
  return { ...node, variables }
}

/** The same files with the attributes added, and the nodes that are new. */
export function xmlAttributes(files: readonly RuleFile[]): { files: RuleFile[]; changed: ReadonlySet<Node> } {
  const changed = new Set<Node>()
  const add = (node: Node): Node => {
    const next = node.kind === 'rule' ? withAttributes(node) : node
    if (next !== node) changed.add(next)
    return next
  }
  return { files: files.map(({ name, nodes }) => ({ name, nodes: nodes.map(add) })), changed }
}
