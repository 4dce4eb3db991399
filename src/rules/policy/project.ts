/** A `WafPolicy` as the API server gives it → as the rest reads it. */
import type { KubeObject } from '../../api/kube.ts'
import type { WafPolicy, WafPolicySpec, WafPolicyStatus } from '../../api/waf-policy.ts'

/** The schema of the CRD holds for what the API server stores, so the shapes are believed. */
export function projectPolicy(object: KubeObject): WafPolicy {
  const { namespace = '', name = '', uid = '', generation, creationTimestamp } = object.metadata ?? {}
  return {
    namespace,
    name,
    uid,
    generation: Number(generation ?? 0),
    created: Date.parse(String(creationTimestamp ?? '')) || 0,
    spec: (object['spec'] ?? {}) as WafPolicySpec,
    status: (object['status'] ?? {}) as WafPolicyStatus,
  }
}
