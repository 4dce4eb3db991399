/**
 * The rules of a set by their ids: what exclusions name, what the engine will say it loaded, what a person asks for.
 * A chain is one rule; what its rules say of tags and messages counts for all of it.
 */
import type { Action, ActionNode, Node, Position, RuleFile, RuleNode } from './nodes.ts'
import { PHASES } from './tables/actions.ts'
import { own } from './tables/lookup.ts'
import { actionsOf, isChain } from './values.ts'

export interface CatalogueRule {
  readonly id: number
  readonly at: Position
  /** 1 to 5; 2 where none is given. */
  readonly phase: number
  readonly message: string | undefined
  readonly tags: readonly string[]
  /** The rule that begins the chain, then those chained to it. */
  readonly nodes: readonly (RuleNode | ActionNode)[]
}

export interface Catalogue {
  readonly rules: readonly CatalogueRule[]
  readonly byId: ReadonlyMap<number, CatalogueRule>
  /** Places of a marker, in the order of loading. */
  readonly markers: ReadonlyMap<string, readonly Position[]>
  /** The number that the engine says it loaded: a chain is one, a SecMarker is one in each of 7 phases. */
  readonly loaded: number
}

const MARKER_PHASES = 7

const values = (nodes: readonly { actions: readonly Action[] }[], name: string): string[] =>
  nodes.flatMap((node) => actionsOf(node, name).map(({ value = '' }) => value))

const entry = (nodes: readonly (RuleNode | ActionNode)[]): CatalogueRule => {
  const [first] = values(nodes.slice(0, 1), 'id')
  const phase = values(nodes.slice(0, 1), 'phase').at(-1)?.toLowerCase()
  return {
    id: Number(first ?? 0),
    at: nodes[0]!.at,
    phase: phase === undefined ? 2 : (own(PHASES, phase) ?? 0),
    message: values(nodes, 'msg').at(-1),
    tags: [...new Set(values(nodes, 'tag'))],
    nodes,
  }
}

/** Each rule with those chained to it. */
export function chainsOf(nodes: readonly Node[]): (RuleNode | ActionNode)[][] {
  const chains: (RuleNode | ActionNode)[][] = []
  let open = false
  for (const node of nodes) {
    if (node.kind !== 'rule' && node.kind !== 'action') continue
    if (open && node.kind === 'rule') chains.at(-1)!.push(node)
    else chains.push([node])
    open = isChain(node)
  }
  return chains
}

export function catalogue(files: readonly RuleFile[]): Catalogue {
  const rules = files.flatMap(({ nodes }) => chainsOf(nodes).map(entry))
  const byId = new Map<number, CatalogueRule>()
  for (const rule of rules) if (rule.id !== 0 && !byId.has(rule.id)) byId.set(rule.id, rule)
  const markers = new Map<string, Position[]>()
  for (const { nodes } of files)
    for (const node of nodes)
      if (node.kind === 'marker') markers.set(node.label, [...(markers.get(node.label) ?? []), node.at])
  const marked = [...markers.values()].reduce((sum, places) => sum + places.length, 0)
  return { rules, byId, markers, loaded: rules.length + MARKER_PHASES * marked }
}
