/**
 * Whether every node that Pods of a namespace can land on is watched.
 *
 *   Reach    the nodes the Pods could land on. Taints exclude nothing: a Pod chooses its tolerations. Cordoned nodes count: Pods run there.
 *   Covered  a Pod of the very DaemonSet (by uid) is on the node, on hostNetwork, Ready, not terminating, and its agent does not say
 *            otherwise on the Lease of the node.
 *   Gated    new Pods are kept off: by our taint, which protected Pods may not tolerate, or because the node is not Ready and tainted so.
 *   Grace    covered until a moment ago, its IDS Pod being replaced by a rollout; at most maxUnavailable such nodes.
 *
 * A namespace is covered if its reach is not empty and each node in it is covered, gated or in grace.
 */
import type { IdsLeaseView } from '../api/ids.ts'
import { TAINT_IDS_NOT_READY } from '../api/names.ts'
import type { IdsDaemonSetView, IdsPodView, NamespaceView, NodeView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { type Blindness, blindness, deniedBy, unsupported } from './blindness.ts'
import { namespaceSelectors, selects } from './node-selector.ts'

export interface CoverageInput {
  readonly nodes: readonly NodeView[]
  readonly idsPods: readonly IdsPodView[]
  readonly daemonSet: IdsDaemonSetView | null
  /** What the agents say, by node; a missing one says nothing. */
  readonly leases?: ReadonlyMap<string, IdsLeaseView>
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

export interface BlindNode extends Blindness {
  readonly name: string
}

export interface Coverage {
  readonly covered: boolean
  /** `NoNodesYet`: no node, and the settings say that this is fine. */
  readonly reason: 'Covered' | 'NoNodesYet' | 'NoNodes' | 'NoNodesSelected' | 'NodesNotCovered'
  /** How many nodes are in reach. */
  readonly reach: number
  /** Those of them that are not covered: new Pods are kept off, or a rollout is passing. */
  readonly gated: readonly string[]
  readonly grace: readonly string[]
  readonly blind: readonly BlindNode[]
}

const NOBODY = { reach: 0, gated: [], grace: [], blind: [] } as const

/** Judges each node in reach, and all of them together. Of thousands of covered nodes none leaves a trace in memory. */
export function coverage(input: CoverageInput): Coverage {
  const { nodes, daemonSet, settings, leases } = input
  const selectors = namespaceSelectors(input.namespace.annotations, settings)
  const byNode = podsByNode(input.idsPods, daemonSet?.uid ?? '')
  let reach = 0
  const open: NodeView[] = []
  for (const node of nodes) {
    if (!selectors.every((selector) => selects(selector, node.labels))) continue
    reach++
    if (!isCovered(node, byNode.get(node.name), daemonSet, leases)) open.push(node)
  }
  if (reach === 0) {
    if (settings.allowNoNodes) return { covered: true, reason: 'NoNodesYet', ...NOBODY }
    return { covered: false, reason: nodes.length === 0 ? 'NoNodes' : 'NoNodesSelected', ...NOBODY }
  }
  const { gated = [], notGated = [] } = Object.groupBy(open, (node) => (isGated(node) ? 'gated' : 'notGated'))
  const passing = notGated.length > 0 ? inGrace(input, byNode) : new Set<string>()
  const grace = notGated.filter((node) => passing.has(node.name))
  const blind = notGated
    .filter((node) => !passing.has(node.name))
    .map((node) => ({ name: node.name, ...whyBlind(input, node, byNode) }))
  return {
    covered: blind.length === 0,
    reason: blind.length === 0 ? 'Covered' : 'NodesNotCovered',
    reach,
    gated: gated.map(({ name }) => name),
    grace: grace.map(({ name }) => name),
    blind,
  }
}

const whyBlind = ({ daemonSet, settings, leases }: CoverageInput, node: NodeView, byNode: ByNode): Blindness =>
  blindness(node, byNode.get(node.name) ?? [], daemonSet, settings, leases?.get(node.name))

export type NodeState =
  | { readonly state: 'covered' }
  | { readonly state: 'grace' }
  | ({ readonly state: 'blind' } & Blindness)

/**
 * What one node is to a Pod that comes to it. A gate keeps Pods off that have no node yet and says nothing of the one that comes: here
 * a node is covered, in the grace of a rollout, or blind.
 */
export function nodeState(input: CoverageInput, node: NodeView): NodeState {
  const byNode = podsByNode(input.idsPods, input.daemonSet?.uid ?? '')
  if (isCovered(node, byNode.get(node.name), input.daemonSet, input.leases)) return { state: 'covered' }
  if (inGrace(input, byNode).has(node.name)) return { state: 'grace' }
  return { state: 'blind', ...whyBlind(input, node, byNode) }
}

/** True for a Pod of this DaemonSet that its kubelet holds for Ready. */
export const watches = (pod: IdsPodView, daemonSet: IdsDaemonSetView): boolean =>
  pod.ownerUid === daemonSet.uid && pod.ownerUid !== '' && pod.ready && pod.hostNetwork && !pod.terminating

function isCovered(
  node: NodeView,
  pods: readonly IdsPodView[] | undefined,
  daemonSet: IdsDaemonSetView | null,
  leases: CoverageInput['leases'],
): boolean {
  if (daemonSet === null || daemonSet.terminating || unsupported(node) !== undefined) return false
  if (pods === undefined) return false
  const lease = leases?.get(node.name)
  return pods.some((pod) => watches(pod, daemonSet) && deniedBy(lease, pod) === undefined)
}

const NOT_READY_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

function isGated(node: NodeView): boolean {
  const keptOff = (key: string) => node.taints.some((t) => t.key === key && t.effect !== 'PreferNoSchedule')
  return keptOff(TAINT_IDS_NOT_READY) || (!node.ready && NOT_READY_TAINTS.some(keptOff))
}

type ByNode = ReadonlyMap<string, readonly IdsPodView[]>
const indexes = new WeakMap<readonly IdsPodView[], { readonly uid: string; readonly byNode: ByNode }>()

/**
 * The DaemonSet's own Pods by node; another's Pod proves nothing. The same list gives the same index, so that it is made when a Pod
 * changes and not for each verdict.
 */
function podsByNode(pods: readonly IdsPodView[], uid: string): ByNode {
  const known = indexes.get(pods)
  if (known?.uid === uid) return known.byNode
  const own = uid === '' ? [] : pods.filter((pod) => pod.ownerUid === uid)
  const byNode = Map.groupBy(own, (pod) => pod.nodeName)
  indexes.set(pods, { uid, byNode })
  return byNode
}

/**
 * The nodes in grace: as many as the rollout may take down at once, those first that have been without IDS for the longest. All nodes
 * of the cluster compete, not only those in reach, since that is what maxUnavailable counts.
 */
function inGrace(input: CoverageInput, byNode: ByNode): Set<string> {
  const { daemonSet, replaced, settings, leases, now } = input
  if (daemonSet === null || daemonSet.terminating || daemonSet.rollingOut !== true) return new Set()
  const candidates = input.nodes
    .filter((node) => {
      const at = replaced.get(node.name)
      if (at === undefined || now - at > settings.graceSeconds * 1000) return false
      return unsupported(node) === undefined && !isCovered(node, byNode.get(node.name), daemonSet, leases)
    })
    .map((node) => node.name)
    .sort((a, b) => (replaced.get(a) ?? 0) - (replaced.get(b) ?? 0) || (a < b ? -1 : 1))
  return new Set(candidates.slice(0, atOnce(daemonSet.maxUnavailable, input.nodes.length)))
}

/** `1` or `10%`, rounded up as the DaemonSet controller does. */
export function atOnce(maxUnavailable: number | string, nodes: number): number {
  if (typeof maxUnavailable === 'number') return maxUnavailable
  const percent = /^(\d{1,3})%$/.exec(maxUnavailable)
  return percent ? Math.ceil((Number(percent[1]) * nodes) / 100) : 1
}
