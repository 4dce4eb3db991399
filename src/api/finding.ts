/** A finding: something that a person may have to know. Parts write it to their log as `{"finding": {…}}`, one line each; nothing else is needed to collect it. */

export const FINDING_SOURCES = ['waf', 'ids', 'audit', 'guard', 'rules', 'capture', 'webhook', 'certs'] as const
export const FINDING_SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const

export interface Finding {
  /** Stable for what it is about, so that a repetition is no second finding: source, kind and subject are in it. */
  readonly id: string
  /** RFC 3339 */
  readonly time: string
  readonly source: (typeof FINDING_SOURCES)[number]
  /** In CamelCase, from the table of the part that found it: `NodeBlind`. */
  readonly kind: string
  readonly severity: (typeof FINDING_SEVERITIES)[number]
  /** What was done: `blocked`, `detected`, `tainted`, `resolved` … */
  readonly action: string
  readonly subject: {
    readonly namespace?: string
    readonly workload?: string
    readonly pod?: string
    readonly node?: string
    readonly store?: string
  }
  readonly actor?: { readonly address?: string; readonly principal?: string }
  readonly rule?: { readonly id: string; readonly message: string; readonly tags?: readonly string[] }
  readonly evidence: Readonly<Record<string, unknown>>
  /** A sentence for a person. */
  readonly why: string
}
