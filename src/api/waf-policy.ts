/** `WafPolicy` as the API server stores it: the one object through which a team steers and sees its WAF. The CRD is manifests/base/waf-policy.yaml. */
import type { LabelSelector } from './views.ts'

export const WAF_POLICY = {
  group: 'sekisho.dev',
  version: 'v1alpha1',
  kind: 'WafPolicy',
  plural: 'wafpolicies',
} as const

export interface WafPolicyExclusion {
  /** One of `rule` and `tag`. */
  readonly rule?: number
  readonly tag?: string
  /** `/api/notes`, or `/api/*` for everything below it. */
  readonly path: string
  /** At most one of these; none takes the whole rule out on the path, where that is permitted. */
  readonly parameter?: string
  readonly cookie?: string
  readonly header?: string
  readonly reason: string
  /** RFC 3339, with its zone. */
  readonly expires?: string
}

export interface WafPolicySpec {
  /** Which Pods of the namespace; absent: all. */
  readonly selector?: LabelSelector
  readonly mode?: 'block' | 'detect'
  readonly paranoiaLevel?: number
  readonly allowedMethods?: readonly string[]
  readonly limits?: {
    readonly bodyBytes?: number
    readonly fieldsBytes?: number
    readonly arguments?: number
    readonly argumentNameBytes?: number
    readonly argumentValueBytes?: number
    readonly argumentsTotalBytes?: number
  }
  readonly languages?: readonly string[]
  readonly exclusions?: readonly WafPolicyExclusion[]
  /** Names of ConfigMaps of the namespace; each key that ends in `.conf` is a file of rules. */
  readonly rules?: { readonly before?: readonly string[]; readonly after?: readonly string[] }
  /** Peers that may connect at all: the CDN's addresses. */
  readonly onlyFrom?: readonly string[]
  /** Detect only until then. `by` is written by the webhook, never believed from the request. */
  readonly breakGlass?: { readonly until: string; readonly reason: string; readonly by?: string }
}

/** As in metav1.Condition. */
export interface Condition {
  readonly type: 'Accepted' | 'Enforced' | 'Conflicted'
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
  readonly lastTransitionTime: string
}

export interface WafPolicyStatus {
  readonly observedGeneration?: number
  readonly conditions?: readonly Condition[]
  /** Effective: the strictest of the platform's floor and what the policy says; `detect (break-glass until …)` while open. */
  readonly mode?: string
  /** `crs-4.25.0+3 custom`. */
  readonly rules?: string
  /** `12/12`. */
  readonly enforced?: string
  /** The CRS release. */
  readonly release?: string
  readonly generation?: string
  readonly pods?: {
    readonly total: number
    readonly enforcing: number
    readonly pending: number
    readonly failed: number
    readonly outdatedEngine: number
  }
}

export interface WafPolicy {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly generation: number
  /** Milliseconds since 1970. */
  readonly created: number
  readonly spec: WafPolicySpec
  readonly status: WafPolicyStatus
}
