/** Blind nodes in words: alike ones together, no more than three kinds, so that 5,000 nodes still make a short message. */
import type { BlindNode, Coverage } from './coverage.ts'
import { some } from './wording.ts'

const KINDS = 3

/** `node a (and 3 more): why; node b: why`. */
export function blindText(blind: readonly BlindNode[]): string {
  const kinds = Map.groupBy(blind, (node) => node.reason)
  const told = [...kinds.values()].slice(0, KINDS).map((alike) => `node ${names(alike)}: ${alike[0]?.why ?? ''}`)
  return kinds.size > KINDS ? `${told.join('; ')}; and ${kinds.size - KINDS} more reasons` : told.join('; ')
}

// The reason that follows is the first node's own (it may name a Pod), so two are never named side by side.
const names = (alike: readonly BlindNode[]): string => {
  const all = alike.map((node) => node.name)
  return all.length === 2 ? `${all[0]} (and 1 more)` : some(all)
}

/** Why a namespace is not covered, with the command that mends the first of the blind nodes. */
export function uncovered(of: Coverage, namespace: string): { readonly why: string; readonly mend: string } {
  if (of.reason === 'NoNodes')
    return {
      why: 'the cluster has no node, so nothing can be covered',
      mend: 'add a node; for a cluster that scales from zero set guard.allowNoNodes: true in the webhook configuration',
    }
  if (of.reason === 'NoNodesSelected')
    return {
      why: 'its node selector matches no node',
      mend: `kubectl annotate namespace ${namespace} --overwrite sekisho.dev/node-selector=KEY=VALUE, or label nodes so that it matches`,
    }
  const [first] = of.blind
  return { why: blindText(of.blind), mend: (first?.mend ?? '').replaceAll('NAMESPACE', namespace) }
}
