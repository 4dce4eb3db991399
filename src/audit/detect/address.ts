/**
 * The tiers of an address: exact, its network, where it is. A network is a /24 or a /48; of private IPv4 a /16, since each node of a
 * cluster has a /24 of its own and a cluster that grows is no news.
 */
import ipaddr from 'ipaddr.js'
import type { Whereabouts } from './settings.ts'

export interface Tiers {
  /** In its one spelling: `::ffff:10.0.0.1` is `10.0.0.1`. */
  readonly exact: string
  readonly network: string
  readonly private: boolean
  /** `JP AS2516`, `private`; undefined where nothing is known. */
  readonly where: string | undefined
}

const PRIVATE = new Set(['private', 'loopback', 'linkLocal', 'uniqueLocal', 'carrierGradeNat'])

const first = (bytes: readonly number[], bits: number): number[] => bytes.map((byte, at) => (at * 8 < bits ? byte : 0))

/** Undefined for what is no address, as `private` in Cloud Audit Logs. */
export function tiersOf(
  address: string,
  whereabouts: (address: string) => Whereabouts | undefined,
  privateBits: 16 | 24 = 16,
): Tiers | undefined {
  // A zone (`fe80::1%eth0`) is of the machine that wrote it; short forms of IPv4 (`127.1`, `0x7f.1`) are no log's.
  if (address.length > 45 || !/^(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f:]*:[\da-f:.]*)$/i.test(address)) return undefined
  if (!ipaddr.isValid(address)) return undefined
  const parsed = ipaddr.process(address)
  const exact = parsed.toString()
  const isPrivate = PRIVATE.has(parsed.range())
  const bits = parsed.kind() === 'ipv6' ? 48 : isPrivate ? privateBits : 24
  const network = `${ipaddr.fromByteArray(first(parsed.toByteArray(), bits)).toString()}/${bits}`
  const found = isPrivate ? undefined : whereabouts(exact)
  const where = isPrivate ? 'private' : [found?.country, found?.asn].filter(Boolean).join(' ') || undefined
  return { exact, network, private: isPrivate, where }
}
