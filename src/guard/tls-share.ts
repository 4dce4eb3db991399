/**
 * How much of a namespace's traffic nobody can look into: of the TCP flows that the agents counted by the address of their node's side, how
 * many were TLS. Addresses are mapped to namespaces by the Pods that have them now, so a share is near, not exact.
 */
import type { IdsFlows } from '../api/ids.ts'

export interface TlsShare {
  readonly flows: number
  readonly tls: number
}

/** Sums what all nodes counted. @param namespaceOf by address; undefined: no Pod of interest has it */
export function tlsShares(
  reports: Iterable<IdsFlows>,
  namespaceOf: (address: string) => string | undefined,
): ReadonlyMap<string, TlsShare> {
  const shares = new Map<string, TlsShare>()
  for (const { flows } of reports)
    for (const [address, count, tls] of flows) {
      const namespace = namespaceOf(address)
      if (namespace === undefined) continue
      const before = shares.get(namespace) ?? { flows: 0, tls: 0 }
      shares.set(namespace, { flows: before.flows + count, tls: before.tls + Math.min(tls, count) })
    }
  return shares
}

/** Reads `sekisho.dev/ids-flows`. @returns undefined where it is not what agents write: then nothing is known */
export function parseIdsFlows(text: string | undefined): IdsFlows | undefined {
  let value: unknown
  try {
    value = JSON.parse(text ?? '')
  } catch {
    return undefined
  }
  const { v, minutes, flows } = (typeof value === 'object' && value !== null ? value : {}) as Partial<IdsFlows>
  const count = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one) && one >= 0
  if (v !== 1 || !count(minutes) || !Array.isArray(flows)) return undefined
  const rows = flows.filter(
    (row: unknown): row is [string, number, number] =>
      Array.isArray(row) && typeof row[0] === 'string' && count(row[1]) && count(row[2]),
  )
  return { v, minutes, flows: rows }
}
