/** What the injector needs to know of the cluster. src/cluster implements it; a method that does not know throws, and never guesses. */
import type { LabelSelector, NamespaceView, NetworkPolicyView, ServiceView } from '../api/views.ts'

export interface InjectReader {
  /** From the watch; null where there is no such namespace. */
  namespace(name: string): NamespaceView | null
  /** From the watches. */
  services(namespace: string): readonly ServiceView[]
  networkPolicies(namespace: string): readonly NetworkPolicyView[]

  /** Live: a watch can be a moment behind the selector by which a request came to us. */
  liveNamespace(name: string, signal: AbortSignal): Promise<NamespaceView | null>
  /** Live, metadata only: Pods of a namespace whose labels match and that carry `sekisho.dev/status`; all pages. */
  protectedPods(namespace: string, selector: LabelSelector, signal: AbortSignal): Promise<readonly ProtectedPodView[]>
  /** Live, metadata only: one Pod; null where it is gone or carries no `sekisho.dev/status`. */
  protectedPod(namespace: string, name: string, signal: AbortSignal): Promise<ProtectedPodView | null>
}

export interface ProtectedPodView {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** The annotation `sekisho.dev/status` as it stands there. */
  readonly status: string
}
