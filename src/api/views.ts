/** What is known of the cluster, cut down to what decisions use. The cluster room fills these; inject and guard read them. */

export interface NamespaceView {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface ServiceView {
  readonly namespace: string
  readonly name: string
  /** Empty for a Service without a selector. */
  readonly selector: Readonly<Record<string, string>>
  /** `targetPort` is what the object says, or the port's own number where it says nothing. */
  readonly ports: readonly {
    readonly name?: string
    readonly port: number
    readonly targetPort: number | string
    readonly protocol: string
  }[]
}

export interface NetworkPolicyView {
  readonly namespace: string
  readonly name: string
  readonly podSelector: LabelSelector
  /** Numbers and names in `ingress[].ports[].port`; a range is given by its two ends. */
  readonly ingressPorts: readonly {
    readonly port: number | string
    readonly endPort?: number
    readonly protocol: string
  }[]
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

export interface NodeView {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  readonly ready: boolean
  readonly unschedulable: boolean
  /** `linux`, `windows` … from `status.nodeInfo.operatingSystem`. */
  readonly operatingSystem: string
}

/** A Pod of the IDS namespace that may be an IDS Pod. */
export interface IdsPodView {
  readonly name: string
  readonly nodeName: string
  /** The uid of the DaemonSet that controls it; empty where none does. */
  readonly ownerUid: string
  readonly hostNetwork: boolean
  readonly terminating: boolean
  readonly ready: boolean
  /** When `ready` last changed, ms since the epoch; 0 where unknown. */
  readonly readyChanged: number
  /** Why it is not ready, from its conditions and container states, e.g. `ImagePullBackOff`. Empty when ready. */
  readonly notReadyReason: string
}

export interface IdsDaemonSetView {
  readonly uid: string
  readonly name: string
  readonly terminating: boolean
  readonly nodeSelector: Readonly<Record<string, string>>
  readonly tolerations: readonly {
    readonly key?: string
    readonly operator?: string
    readonly value?: string
    readonly effect?: string
  }[]
  /** `maxUnavailable` of the rolling update as the object gives it (`1`, `10%`). */
  readonly maxUnavailable: number | string
  /** Whether a rollout is under way, by the measure of `kubectl rollout status`: not every Pod is updated and available. */
  readonly rollingOut?: boolean
}
