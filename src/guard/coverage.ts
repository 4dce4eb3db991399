/**
 * Whether every node that Pods of a namespace can land on is watched.
 *
 *   Reach    the nodes the Pods could land on. Taints exclude nothing: a Pod chooses its tolerations. Cordoned nodes count: Pods run there.
 *   Covered  a Pod of the very DaemonSet (by uid) is on the node, on hostNetwork, Ready, not terminating.
 *   Gated    new Pods are kept off: by our taint, which protected Pods may not tolerate, or because the node is not Ready and tainted so.
 *   Grace    covered until a moment ago, its IDS Pod being replaced by a rollout; at most maxUnavailable such nodes.
 *
 * A namespace is covered if its reach is not empty and each node in it is covered, gated or in grace.
 */
import { TAINT_IDS_NOT_READY } from '../api/names.ts'
import type { IdsDaemonSetView, IdsPodView, NamespaceView, NodeView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { type Blindness, blindness, unsupported } from './blindness.ts'
import { namespaceSelectors, selects } from './node-selector.ts'

export interface CoverageInput {
  readonly nodes: readonly NodeView[]
  readonly idsPods: readonly IdsPodView[]
  readonly daemonSet: IdsDaemonSetView | null
  /** Its annotations hold its Pods to nodes. */
  readonly namespace: Pick<NamespaceView, 'annotations'>
  /** When the IDS Pod of a node was last Ready before it was taken away to be replaced, ms since the epoch. */
  readonly replaced: ReadonlyMap<string, number>
  readonly settings: Pick<
    GuardSettings,
    'idsNamespace' | 'idsDaemonSet' | 'graceSeconds' | 'allowNoNodes' | 'podNodeSelector'
  >
  readonly now: number
}

export type NodeCoverage =
  | { readonly name: string; readonly state: 'covered' | 'gated' | 'grace' }
  | ({ readonly name: string; readonly state: 'blind' } & Blindness)
export type BlindNode = Extract<NodeCoverage, { state: 'blind' }>

export interface Coverage {
  readonly covered: boolean
  /** `NoNodesYet`: no node, and the settings say that this is fine. */
  readonly reason: 'Covered' | 'NoNodesYet' | 'NoNodes' | 'NoNodesSelected' | 'NodesNotCovered'
  /** The reach, node by node. */
  readonly nodes: readonly NodeCoverage[]
  readonly blind: readonly BlindNode[]
}

/** Judges each node in reach, and all of them together. */
export function coverage(input: CoverageInput): Coverage {
  const { nodes, daemonSet, settings } = input
  const selectors = namespaceSelectors(input.namespace.annotations, settings)
  const reach = nodes.filter((node) => selectors.every((selector) => selects(selector, node.labels)))
  if (reach.length === 0) {
    if (settings.allowNoNodes) return { covered: true, reason: 'NoNodesYet', nodes: [], blind: [] }
    return { covered: false, reason: nodes.length === 0 ? 'NoNodes' : 'NoNodesSelected', nodes: [], blind: [] }
  }
  const byNode = podsByNode(input.idsPods, daemonSet)
  const grace = inGrace(input, byNode)
  const judged = reach.map((node): NodeCoverage => {
    const { name } = node
    const pods = byNode.get(name) ?? []
    if (isCovered(node, pods, daemonSet)) return { name, state: 'covered' }
    if (isGated(node)) return { name, state: 'gated' }
    if (grace.has(name)) return { name, state: 'grace' }
    return { name, state: 'blind', ...blindness(node, pods, daemonSet, settings) }
  })
  const blind = judged.filter((node) => node.state === 'blind')
  return {
    covered: blind.length === 0,
    reason: blind.length === 0 ? 'Covered' : 'NodesNotCovered',
    nodes: judged,
    blind,
  }
}

/** True for a Pod of this DaemonSet that proves to see its node. */
export const watches = (pod: IdsPodView, daemonSet: IdsDaemonSetView): boolean =>
  pod.ownerUid === daemonSet.uid && pod.ownerUid !== '' && pod.ready && pod.hostNetwork && !pod.terminating

function isCovered(node: NodeView, pods: readonly IdsPodView[], daemonSet: IdsDaemonSetView | null): boolean {
  if (daemonSet === null || daemonSet.terminating || unsupported(node) !== undefined) return false
  return pods.some((pod) => watches(pod, daemonSet))
}

const NOT_READY_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

function isGated(node: NodeView): boolean {
  const keptOff = (key: string) => node.taints.some((t) => t.key === key && t.effect !== 'PreferNoSchedule')
  return keptOff(TAINT_IDS_NOT_READY) || (!node.ready && NOT_READY_TAINTS.some(keptOff))
}

/** The DaemonSet's own Pods; another's Pod proves nothing. */
function podsByNode(pods: readonly IdsPodView[], daemonSet: IdsDaemonSetView | null): Map<string, IdsPodView[]> {
  const byNode = new Map<string, IdsPodView[]>()
  if (daemonSet === null) return byNode
  for (const pod of pods) {
    if (pod.ownerUid !== daemonSet.uid || pod.ownerUid === '') continue
    const there = byNode.get(pod.nodeName)
    if (there === undefined) byNode.set(pod.nodeName, [pod])
    else there.push(pod)
  }
  return byNode
}

/**
 * The nodes in grace: as many as the rollout may take down at once, those first that have been without IDS for the longest. All nodes
 * of the cluster compete, not only those in reach, since that is what maxUnavailable counts.
 */
function inGrace(input: CoverageInput, byNode: ReadonlyMap<string, readonly IdsPodView[]>): Set<string> {
  const { daemonSet, replaced, settings, now } = input
  if (daemonSet === null || daemonSet.terminating || daemonSet.rollingOut !== true) return new Set()
  const candidates = input.nodes
    .filter((node) => {
      const at = replaced.get(node.name)
      if (at === undefined || now - at > settings.graceSeconds * 1000) return false
      return unsupported(node) === undefined && !isCovered(node, byNode.get(node.name) ?? [], daemonSet)
    })
    .map((node) => node.name)
    .sort((a, b) => (replaced.get(a) ?? 0) - (replaced.get(b) ?? 0) || (a < b ? -1 : 1))
  return new Set(candidates.slice(0, atOnce(daemonSet.maxUnavailable, input.nodes.length)))
}

/** `1` or `10%`, rounded up as the DaemonSet controller does. */
function atOnce(maxUnavailable: number | string, nodes: number): number {
  if (typeof maxUnavailable === 'number') return maxUnavailable
  const percent = /^(\d{1,3})%$/.exec(maxUnavailable)
  return percent ? Math.ceil((Number(percent[1]) * nodes) / 100) : 1
}
