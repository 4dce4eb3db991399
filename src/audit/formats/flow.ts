/** A flow of packets, of either cloud, as an access to a store: which end is the store is told by its address and port. */
import type { FormatOptions, StoreRef } from '../../api/audit.ts'

export interface Ends {
  readonly source: string
  readonly sourcePort: number
  readonly target: string
  readonly targetPort: number
}
export interface Towards {
  readonly store: StoreRef
  readonly from: string
  readonly to: string
  readonly port: number
  /** Whether the bytes are what the store sent. */
  readonly answer: boolean
}

export const towardsStore = (ends: Ends, stores: FormatOptions['stores']): Towards | undefined => {
  const asked = storeAt(ends.target, ends.targetPort, stores)
  if (asked) return { store: asked, from: ends.source, to: ends.target, port: ends.targetPort, answer: false }
  const answered = storeAt(ends.source, ends.sourcePort, stores)
  return answered && { store: answered, from: ends.target, to: ends.source, port: ends.sourcePort, answer: true }
}

/** By `ADDRESS:PORT`, or by the address alone where every port of it is the store's. */
const storeAt = (address: string, port: number, stores: FormatOptions['stores']): StoreRef | undefined =>
  stores.get(`${address}:${port}`) ?? stores.get(`[${address}]:${port}`) ?? stores.get(address)

const PROTOCOLS: Readonly<Record<string, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6' }
export const flowOperation = (protocol: string, answer: boolean): string =>
  `${PROTOCOLS[protocol] ?? `protocol ${protocol.slice(0, 20)}`} ${answer ? 'from' : 'to'} store`
