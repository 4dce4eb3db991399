/**
 * What is allowed although a detector speaks: with a reason, and until a day. What is allowed is not learned, so that on the day after it is
 * told again.
 */
import ipaddr from 'ipaddr.js'
import type { Finding } from '../../api/audit.ts'
import { tiersOf } from './address.ts'

/** Everything given must match; `*` at the end of a text stands for any rest. */
export interface Allowance {
  readonly detector?: string
  readonly store?: string
  readonly principal?: string
  /** An address or CIDR. */
  readonly address?: string
  readonly reason: string
  /** ms since 1970 */
  readonly until: number
}

const CONDITIONS = ['detector', 'store', 'principal', 'address'] as const

/** Says what is wrong with an allowance, or nothing. `detectors` are the names there are. */
export function allowanceProblem(allowance: Allowance, detectors: readonly string[]): string | undefined {
  const { detector, address, reason, until } = allowance
  if (reason.trim().length < 3) return `reason must say why this is allowed: current value is ${JSON.stringify(reason)}`
  if (!Number.isFinite(until)) return `until must be a time: current value is ${until}`
  if (detector !== undefined && !detectors.includes(detector)) {
    return `detector must be one of ${detectors.join(', ')}: current value is ${JSON.stringify(detector)}`
  }
  if (CONDITIONS.slice(1).every((name) => allowance[name] === undefined)) {
    return 'store, principal or address must be given: without one the whole detector would be off'
  }
  if (address !== undefined && range(address) === undefined) {
    return `address must be an IP address or CIDR: current value is ${JSON.stringify(address)}`
  }
  return undefined
}

/** The allowance that covers the finding at its time. */
export const allowedBy = (
  list: readonly Allowance[],
  { detector, store, principal, address, time }: Pick<Finding, 'detector' | 'store' | 'principal' | 'address' | 'time'>,
): Allowance | undefined =>
  list.find(
    (one) =>
      time <= one.until &&
      (one.detector === undefined || one.detector === detector) &&
      matches(one.store, store.name) &&
      matches(one.principal, principal.id) &&
      (one.address === undefined || (address !== undefined && within(address, one.address))),
  )

/** Those that no longer count, for whoever cleans up. */
export const expired = (list: readonly Allowance[], now: number): readonly Allowance[] =>
  list.filter(({ until }) => until < now)

const matches = (pattern: string | undefined, text: string): boolean =>
  pattern === undefined || (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern)

function range(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] | undefined {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  if (!ipaddr.isValid(text)) return undefined
  const address = ipaddr.process(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}
function within(address: string, allowed: string): boolean {
  const exact = tiersOf(address, () => undefined)?.exact
  const wanted = range(allowed)
  if (exact === undefined || wanted === undefined) return false
  const parsed = ipaddr.parse(exact)
  return parsed.kind() === wanted[0].kind() && parsed.match(wanted as [ipaddr.IPv4, number] & [ipaddr.IPv6, number])
}
