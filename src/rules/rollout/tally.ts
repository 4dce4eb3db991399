/**
 * Requests of one Pod since a stage began, from counters that begin at 0 whenever its container starts. What was counted before the first
 * poll in a stage belongs to the time before it.
 */
export interface Tally {
  readonly requests: number
  readonly blocked: number
  /** As last told. */
  readonly last: { readonly requests: number; readonly blocked: number }
}
type Told = Tally['last']

const count = (value: number): number => (Number.isSafeInteger(value) && value > 0 ? value : 0)

export function tally(before: Tally | undefined, told: Told): Tally {
  const last = { requests: count(told.requests), blocked: count(told.blocked) }
  if (before === undefined) return { requests: 0, blocked: 0, last }
  const restarted = last.requests < before.last.requests || last.blocked < before.last.blocked
  const since = restarted ? { requests: 0, blocked: 0 } : before.last
  const requests = last.requests - since.requests
  // More blocked than asked is no count of anything; it must not make a share above 1.
  const blocked = Math.min(last.blocked - since.blocked, requests)
  return { requests: before.requests + requests, blocked: before.blocked + blocked, last }
}
