/**
 * The canary of one interface.
 *
 *     send (a new nonce) ─▶ its alert, by this interface, in time ─▶ caught ─▶ the next after the period
 *                       └─▶ none ─▶ another one, every 2 s, until one is caught
 *
 * A nonce counts once, on the interface it was sent on, and only while it may still be on its way: so another node's canary, an old one and
 * one that was made up say nothing.
 */
import { CANARIES_PENDING, CANARY_AGAIN, type IdsLimits } from './limits.ts'

export interface CanaryState {
  /** Sent and not yet caught, oldest first. */
  readonly pending: readonly { readonly nonce: string; readonly at: number }[]
  /** When the last one was caught (told, not sent); undefined: never since Suricata started. */
  readonly caughtAt: number | undefined
  readonly sentAt: number | undefined
  /** When the first of those was sent that were not caught since the last that was. */
  readonly missingSince: number | undefined
  /** Packets can cross the interface, since when; undefined: it has no carrier, so that no canary can leave. */
  readonly carrierSince: number | undefined
  /** Why the last one could not be sent, where it could not. */
  readonly problem: string | undefined
}

type CanaryLimits = Pick<IdsLimits, 'canaryPeriod' | 'canaryAnswer'>

export const NO_CANARY: CanaryState = {
  pending: [],
  caughtAt: undefined,
  sentAt: undefined,
  missingSince: undefined,
  carrierSince: undefined,
  problem: undefined,
}

/** Whether another one should be sent now. */
export function canaryDue(state: CanaryState, now: number, limits: CanaryLimits): boolean {
  const { sentAt, caughtAt, missingSince } = state
  if (state.carrierSince === undefined) return false
  if (sentAt === undefined) return true
  if (missingSince === undefined) return now >= sentAt + limits.canaryPeriod
  // The first after a caught one has all its time; whoever was never caught, or missed already, tries again soon.
  const first = caughtAt !== undefined && missingSince === sentAt
  return now >= sentAt + (first ? limits.canaryAnswer : CANARY_AGAIN)
}

/** When one is about to be sent: its alert may be here before the kernel has told that it took it. */
export function afterSent(state: CanaryState, nonce: string, now: number): CanaryState {
  const pending = [...state.pending, { nonce, at: now }].slice(-CANARIES_PENDING)
  return { ...state, pending, sentAt: now, missingSince: state.missingSince ?? now, problem: undefined }
}

/** When the kernel did not take it. */
export const afterProblem = (state: CanaryState, nonce: string, problem: string): CanaryState => ({
  ...state,
  pending: state.pending.filter((one) => one.nonce !== nonce),
  problem,
})

/** After an alert named this interface: caught if the nonce is one of those on their way. */
export function afterAlert(
  state: CanaryState,
  nonce: string,
  now: number,
  limits: CanaryLimits,
): { readonly state: CanaryState; readonly caught: boolean } {
  const one = state.pending.find((pending) => pending.nonce === nonce)
  if (one === undefined || now - one.at > limits.canaryAnswer) return { state, caught: false }
  // Those sent before it are answered by it; those after it still count, once.
  const pending = state.pending.filter(({ at }) => at > one.at)
  return { state: { ...state, pending, caughtAt: now, missingSince: undefined, problem: undefined }, caught: true }
}

/** After a look at the interface: forgets what came too late, notes whether packets can cross. */
export function afterLook(state: CanaryState, carrier: boolean, now: number, limits: CanaryLimits): CanaryState {
  const pending = state.pending.filter(({ at }) => now - at <= limits.canaryAnswer)
  if (!carrier) return { ...state, pending: [], carrierSince: undefined, sentAt: undefined, missingSince: undefined }
  return { ...state, pending, carrierSince: state.carrierSince ?? now }
}

/** What is wrong, with its numbers; undefined while nothing is. */
export function canaryFault(name: string, state: CanaryState, now: number, limits: CanaryLimits): string | undefined {
  const { carrierSince, caughtAt, missingSince, problem } = state
  if (carrierSince === undefined) return undefined
  const why = problem === undefined ? '' : `: it could not be sent: ${problem}`
  const seconds = (from: number) => Math.round(now - from)
  if (caughtAt === undefined)
    return missingSince === undefined
      ? `no canary was sent on ${name} yet`
      : `no alert for the canary on ${name} yet, ${seconds(missingSince)} s after the first (limit ${limits.canaryAnswer} s)${why}`
  const limit = limits.canaryPeriod + limits.canaryAnswer
  // An interface that had no carrier meanwhile owes its canary from when it came back.
  const from = Math.max(caughtAt, carrierSince - limits.canaryPeriod)
  if (now - from <= limit) return undefined
  return `no alert for the canary on ${name} for ${Math.ceil(now - caughtAt)} s (limit ${limit} s)${why}`
}
