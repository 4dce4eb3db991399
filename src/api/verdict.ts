/** What every decision returns: a word to act on, a reason to count, a detail for a person. */
import type { PatchOperation } from './kube.ts'

export interface Allowed {
  readonly verdict: 'allow'
  /** A code of the table in which the room keeps its reasons, e.g. `Injected`. */
  readonly reason: string
  /** One sentence for logs and for `sekisho.dev/status`. */
  readonly detail: string
  /** Lines for kubectl. Each says what, why, and what mends it. */
  readonly warnings: readonly string[]
  /** Codes of what would be refused if the namespace were not in `audit`. */
  readonly wouldRefuse?: readonly string[]
  /** Present only from mutating decisions; already applied once, so it applies. */
  readonly patch?: readonly PatchOperation[]
}

export interface Denied {
  readonly verdict: 'deny'
  readonly reason: string
  /** What was refused, why, and the command or line that mends it: what kubectl prints. */
  readonly detail: string
  readonly warnings: readonly string[]
}

export type Verdict = Allowed | Denied

export const allow = (reason: string, detail: string, warnings: readonly string[] = []): Allowed =>
  Object.freeze({ verdict: 'allow', reason, detail, warnings })

export const deny = (reason: string, detail: string, warnings: readonly string[] = []): Denied =>
  Object.freeze({ verdict: 'deny', reason, detail, warnings })
