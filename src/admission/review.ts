/** The shapes between the AdmissionReview protocol and the reviewers. `parseReview` and `formatReview` stand in protocol.ts. */
import type { KubeObject, UserInfo } from '../api/kube.ts'
import type { Verdict } from '../api/verdict.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

/** One `request` of an `admission.k8s.io/v1` AdmissionReview, checked. */
export interface Review {
  readonly uid: string
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string }
  readonly subResource: string
  readonly name: string
  /** The truth about the namespace: `object.metadata.namespace` can be empty. */
  readonly namespace: string
  readonly operation: Operation
  readonly userInfo: UserInfo
  readonly object: KubeObject | null
  readonly oldObject: KubeObject | null
  readonly dryRun: boolean
}

/**
 * Judges one request. A thrown error means "we could not tell": the server answers 5xx and failurePolicy decides.
 * @param signal aborts when the API server's deadline is nearly over.
 */
export type Reviewer = (review: Review, signal: AbortSignal) => Promise<Verdict>

/** Keyed `path resource[/subresource]`, e.g. `mutate pods`, `validate pods/resize`, `validate namespaces`. */
export type Reviewers = ReadonlyMap<string, Reviewer>
