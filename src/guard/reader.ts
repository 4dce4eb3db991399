/** What the guard needs to know of the cluster. src/cluster implements it; a method that does not know throws, and never guesses. */

import type { IdsLeaseView } from '../api/ids.ts'
import type { UserInfo } from '../api/kube.ts'
import type { IdsDaemonSetView, IdsPodView, NodeView } from '../api/views.ts'

export interface GuardReader {
  /** From the watches. */
  nodes(): readonly NodeView[]
  idsPods(): readonly IdsPodView[]
  idsDaemonSet(): IdsDaemonSetView | null
  /** What the agents say, by node. */
  idsLeases(): ReadonlyMap<string, IdsLeaseView>
  /** When the Ready IDS Pod of a node was taken away to be replaced: for the grace of a rollout. */
  replaced(): ReadonlyMap<string, number>
  /** Names of the namespaces with `sekisho.dev/protected: "true"`. */
  protectedNamespaces(): readonly string[]

  /** Live: these nodes (missing ones left out), the IDS Pods on them with what their agents say, and the DaemonSet. */
  look(nodes: readonly string[], signal: AbortSignal): Promise<Look>
  /** Live: names of Pods on hostNetwork, at most a few hundred. */
  hostNetworkPods(namespace: string, signal: AbortSignal): Promise<readonly string[]>
  /** Live: whether the user may `open` `wafpolicies.sekisho.dev`; an empty namespace means in all of them. */
  mayOpen(user: UserInfo, namespace: string, signal: AbortSignal): Promise<boolean>
}

export interface Look {
  readonly nodes: readonly NodeView[]
  readonly idsPods: readonly IdsPodView[]
  readonly daemonSet: IdsDaemonSetView | null
  readonly leases: ReadonlyMap<string, IdsLeaseView>
}
