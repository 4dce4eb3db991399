/** What the Pod, workload, Service and NetworkPolicy reviewers share, and how they find the namespace a request is about. */

import type { KubeObject } from '../../api/kube.ts'
import { LABEL } from '../../api/names.ts'
import type { NamespaceView } from '../../api/views.ts'
import type { InjectSettings } from '../../config/webhook.ts'
import type { InjectReader } from '../../inject/reader.ts'
import type { Review } from '../review.ts'
import type { RulesTrustSource } from '../rules-trust.ts'

export interface InjectContext {
  readonly reader: InjectReader
  readonly settings: InjectSettings
  /** Asked once for each request, so that one request sees one state of it. Absent: Pods are told nothing of `sekisho rules`. */
  readonly rulesTrust?: RulesTrustSource
  /** Of Sekisho. */
  readonly version: string
}

const KEYS = [LABEL.waf, LABEL.protected]
const asks = (labels: Readonly<Record<string, unknown>> | null | undefined): boolean =>
  KEYS.some((key) => labels?.[key] !== undefined)

/**
 * The namespace of a request. The API server sends us only what a label of the namespace or of the object selects: where neither is seen,
 * or the namespace is not known at all, the watch is behind, and the API server is asked.
 * @throws where there is no such namespace.
 */
export async function namespaceOf(
  { namespace: name }: Pick<Review, 'namespace'>,
  object: KubeObject,
  reader: Pick<InjectReader, 'namespace' | 'liveNamespace'>,
  signal: AbortSignal,
): Promise<NamespaceView> {
  const seen = reader.namespace(name)
  if (seen !== null && (asks(seen.labels) || asks(object.metadata?.labels))) return seen
  const live = await reader.liveNamespace(name, signal)
  if (live === null) throw new Error(`Cannot judge an object in namespace '${name}' as there is no such namespace`)
  return live
}

/** The object of a CREATE or UPDATE. */
export function objectOf({ object, kind }: Review): KubeObject {
  if (object === null) throw new Error(`Cannot judge a ${kind.kind} without its object`)
  return object
}
