/**
 * The look at a node before a Pod comes to it. It is live for each answer, yes or no: a watch may be a moment behind, and that moment is
 * the one in which a sensor was lost. What cannot be looked at is an error, and the API server follows failurePolicy.
 */
import type { NamespaceView } from '../../api/views.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import type { CoverageInput } from '../../guard/coverage.ts'
import { type PlacementFault, placementFaults } from '../../guard/placement.ts'
import type { GuardReader, Look } from '../../guard/reader.ts'

export interface PlacementContext {
  readonly reader: Pick<GuardReader, 'look' | 'nodes' | 'idsPods' | 'idsLeases' | 'replaced'>
  readonly settings: GuardSettings
  /** ms since the epoch. */
  readonly now: () => number
}

/** What stands against the node of a Pod to come, by a look at it. */
export function nodeFaults(
  nodeName: string,
  { nodes, idsPods, daemonSet, leases }: Look,
  namespace: NamespaceView,
  { reader, settings, now }: PlacementContext,
): readonly PlacementFault[] {
  // The grace of a rollout is for some nodes of all: only where one could be in it the watches are asked for the others.
  const rest = daemonSet?.rollingOut === true && reader.replaced().has(nodeName)
  const facts: Omit<CoverageInput, 'namespace' | 'settings' | 'now'> = {
    nodes: rest ? [...reader.nodes().filter(({ name }) => name !== nodeName), ...nodes] : nodes,
    idsPods: rest ? [...reader.idsPods().filter((pod) => pod.nodeName !== nodeName), ...idsPods] : idsPods,
    daemonSet,
    leases: rest ? new Map([...[...reader.idsLeases()].filter(([name]) => name !== nodeName), ...leases]) : leases,
    replaced: reader.replaced(),
  }
  return placementFaults({ nodeName, node: nodes[0], namespace, facts, settings, now: now() })
}
