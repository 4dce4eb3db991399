/** What the guard's loop remembers of the cluster beside what the gate does. */
import type { IdsDaemonSetView, NamespaceView, NodeView } from '../../api/views.ts'

export interface KeptTaint {
  readonly key: string
  readonly value?: string
  readonly effect: string
  readonly timeAdded?: string
}

/** A node with its taints exactly as they stand there, so that a patch can say what it takes the place of. */
export interface KeptNode extends NodeView {
  readonly taints: readonly KeptTaint[]
  readonly uid: string
}

interface Requirement {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}
export interface NodeSelectorTerm {
  readonly matchExpressions?: readonly Requirement[]
  readonly matchFields?: readonly Requirement[]
}

/** The IDS DaemonSet with the terms of its required node affinity; undefined: it asks for none. */
export interface KeptDaemonSet extends IdsDaemonSetView {
  readonly affinity?: readonly NodeSelectorTerm[]
}

/** A namespace with the version that was read, for a patch that fails where another was quicker. */
export interface KeptNamespace extends NamespaceView {
  readonly uid: string
  readonly resourceVersion: string
}

/**
 * Two clocks. Durations that we see ourselves are measured by one that only rises, whatever anybody does to the time of day; what stands
 * in the cluster is compared with, and stamped by, the API server's time, never that of the machine we happen to run on.
 */
export interface Times {
  readonly monotonic: number
  readonly cluster: number
}
