/**
 * Whether a Pod may come to one node: asked at each binding, and at the creation of a Pod that names its node itself and so passes no
 * scheduler. A node is not asked about before: what it is now, it is when the Pod starts.
 */
import type { NamespaceView, NodeView } from '../api/views.ts'
import { type CoverageInput, nodeState } from './coverage.ts'
import { namespaceSelectors, selects } from './node-selector.ts'
import type { ReasonCode } from './reasons.ts'

/** Shorter than other refusals: it stands in an Event of the scheduler, which Kubernetes cuts after 1024 characters. */
export interface PlacementFault {
  readonly code: ReasonCode
  /** `node n1 is blind: its IDS Pod …`. */
  readonly why: string
  readonly mend: string
}

export interface Placement {
  /** Whether the scheduler (or the Pod) named it; it may be gone. */
  readonly nodeName: string
  readonly node: NodeView | undefined
  readonly namespace: Pick<NamespaceView, 'name' | 'annotations'>
  readonly facts: Omit<CoverageInput, 'namespace' | 'settings' | 'now'>
  readonly settings: CoverageInput['settings']
  readonly now: number
}

/** What stands against it; empty: the Pod may come. */
export function placementFaults({ nodeName, node, namespace, facts, settings, now }: Placement): PlacementFault[] {
  if (node === undefined)
    return [{ code: 'NodeUnknown', why: `node ${nodeName} does not exist`, mend: 'kubectl get nodes' }]
  const faults: PlacementFault[] = []
  const missed = namespaceSelectors(namespace.annotations, settings)
    .flatMap((selector) => Object.entries(selector))
    .find(([key, value]) => !selects({ [key]: value }, node.labels))
  if (missed !== undefined) {
    const pair = missed.join('=')
    faults.push({
      code: 'NodeNotSelected',
      why: `node ${nodeName} has no label ${pair}, to which namespace ${namespace.name} is held (sekisho.dev/node-selector)`,
      mend: `kubectl label node ${nodeName} ${pair}`,
    })
  }
  const found = nodeState({ ...facts, namespace, settings, now }, node)
  if (found.state === 'blind')
    faults.push({
      code: 'NodeBlind',
      why: `node ${nodeName} is blind: ${found.why}`,
      mend: found.mend.replaceAll('NAMESPACE', namespace.name),
    })
  return faults
}
