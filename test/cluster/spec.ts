/**
 * What the program that asks for a cluster and the keeper that owns it say to each other.
 *
 *   asker ──the spec──────────────────────────▶ keeper     a file in the work folder
 *   asker ──"stop", "release", "join NODE"────▶ keeper     lines on the keeper's stdin; its end means stop
 *   asker ◀──progress, ready, failed, joined──── keeper     lines of JSON on its stdout
 */
export type Size = 'control-plane' | 'node'

export interface ClusterSpec {
  readonly name: string
  readonly size: Size
  /** How many real nodes; 0 for a control plane. */
  readonly nodes: number
  /** The work folder: everything the cluster writes is in it. */
  readonly work: string
  /** Paths of the binaries by their name. */
  readonly binaries: Readonly<Record<string, string>>
  /** Images that every node has from the start. */
  readonly images: readonly string[]
  readonly apiServerArgs: readonly string[]
  /** An audit policy, when an audit log is wanted. */
  readonly auditPolicy?: unknown
  /** Controllers to run beside a control plane, which has none by itself. */
  readonly controllers: readonly string[]
  /** Whether a control plane has kube-scheduler beside it; nodes always do. */
  readonly scheduler: boolean
  /** Of the real nodes the last so many have no kubelet until they are told to join. */
  readonly late: number
  /** The work folder stays after the end. */
  readonly keepWork: boolean
  /** Where to write the state once ready, for clusters that outlive who asked. */
  readonly stateFile?: string
}

export interface NodeState {
  readonly name: string
  readonly address: string
  /** Process id, as the machine sees it, of the node's first process: it holds the namespaces. */
  readonly pid: number
}

/** Everything needed to use a running cluster from another program. */
export interface ClusterState {
  readonly name: string
  readonly size: Size
  readonly keeper: number
  readonly work: string
  readonly server: string
  readonly kubeconfig: string
  readonly binaries: Readonly<Record<string, string>>
  readonly nodes: readonly NodeState[]
}

export type KeeperMessage =
  | { readonly type: 'progress'; readonly text: string }
  | { readonly type: 'ready'; readonly state: ClusterState }
  | { readonly type: 'failed'; readonly part?: string; readonly message: string }
  | { readonly type: 'joined'; readonly node: string }
  | { readonly type: 'left'; readonly what: readonly string[] }

/** What a size's builder gets from the keeper. */
export interface Context {
  readonly spec: ClusterSpec
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
}
