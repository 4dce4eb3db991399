/**
 * What the WAF does with a request that the rules refuse: the strictest of the platform's floor and what the policy says, and while its
 * break-glass is open, detect.
 */
import type { WafPolicySpec } from '../../api/waf-policy.ts'
import type { PolicySettings } from '../../config/rules.ts'
import type { Orders } from '../model.ts'

type Floor = Pick<PolicySettings, 'lowestMode'>
type Limits = Pick<PolicySettings, 'lowestMode' | 'breakGlassHours'>
interface Policy {
  readonly spec: Pick<WafPolicySpec, 'mode' | 'breakGlass'>
}

/** `own`: what each Pod was injected with. Break-glass is apart. */
export function effectiveMode(policy: Policy | undefined, { lowestMode }: Floor): Orders['mode'] {
  const asked = policy?.spec.mode
  return lowestMode === 'block' || asked === 'block' ? 'block' : (asked ?? 'own')
}

export type BreakGlass =
  | { readonly status: 'closed' }
  /** `until` in milliseconds since 1970. */
  | { readonly status: 'open'; readonly until: number; readonly by: string; readonly reason: string }
  | { readonly status: 'over'; readonly until: number }
  | { readonly status: 'not-honoured'; readonly why: string }

const HOUR = 3_600_000
/** Clocks of two machines differ; what was admitted for the longest time must not be too long a moment later. */
const SKEW = 300_000

/** What is left to honour of `spec.breakGlass`, whoever let it in: nothing that is longer than the platform allows, nothing that names nobody. */
export function breakGlassOf(policy: Policy | undefined, { breakGlassHours }: Limits, now: number): BreakGlass {
  const said = policy?.spec.breakGlass
  if (said === undefined) return { status: 'closed' }
  const until = Date.parse(said.until)
  if (Number.isNaN(until)) return { status: 'not-honoured', why: '`until` is no time' }
  if (until <= now) return { status: 'over', until }
  if (breakGlassHours === 0) return { status: 'not-honoured', why: 'the platform allows none' }
  if (until > now + breakGlassHours * HOUR + SKEW)
    return { status: 'not-honoured', why: `it is more than ${breakGlassHours} h ahead` }
  if (said.by === undefined || said.by === '') return { status: 'not-honoured', why: 'it does not say who opened it' }
  return { status: 'open', until, by: said.by, reason: said.reason }
}

/** The orders for the Pods that follow the policy, without the namespace and its sequence. */
export function ordersOf(
  policy: Policy | undefined,
  settings: Limits,
  now: number,
): Pick<Orders, 'mode' | 'breakGlassUntil'> {
  const glass = breakGlassOf(policy, settings, now)
  return {
    mode: effectiveMode(policy, settings),
    breakGlassUntil: glass.status === 'open' ? Math.floor(glass.until / 1000) : 0,
  }
}
