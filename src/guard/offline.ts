/**
 * A verdict about a namespace without a cluster: what is refused whatever the cluster looks like is refused, what is accepted whatever it
 * looks like is accepted, and the rest cannot be told.
 */
import type { Verdict } from '../api/verdict.ts'
import { judgeNamespace, namespaceNeeds } from './namespace.ts'
import { type NamespaceRequest, namespaceChange } from './namespace-change.ts'

export interface Unknown {
  readonly verdict: 'unknown'
  readonly reason: 'NotLookedUp'
  readonly detail: string
  readonly warnings: readonly string[]
}

const BEST = {
  coverage: { covered: true, reason: 'Covered', reach: 0, gated: [], grace: [], blind: [] },
  hostNetworkPods: [],
  mayOpen: true,
} as const

/** Judges as far as the object alone tells. */
export function judgeNamespaceOffline(request: NamespaceRequest): Verdict | Unknown {
  const best = judgeNamespace(request, BEST)
  if (best.verdict === 'deny') return best
  const needs = namespaceNeeds(namespaceChange(request))
  const unknown = [
    ...(needs.coverage ? ['whether every node its Pods can run on is covered'] : []),
    ...(needs.hostNetworkPods ? ['whether Pods on hostNetwork run there'] : []),
    ...(needs.mayOpen ? ['whether you may open'] : []),
  ]
  if (unknown.length === 0) return best
  return {
    verdict: 'unknown',
    reason: 'NotLookedUp',
    detail: `nothing in it would be refused, but a cluster has to say ${unknown.join(', and ')}`,
    warnings: best.warnings,
  }
}
