/** Records and an audit for tests. */
import { createHash } from 'node:crypto'
import type { AccessRecord, Finding, Place, Principal, Statement, StoreRef } from '../../../src/api/audit.ts'
import type { Allowance } from '../../../src/audit/detect/allow.ts'
import { Audit, type AuditOptions } from '../../../src/audit/detect/audit.ts'
import { BoundedMemory } from '../../../src/audit/detect/memory.ts'
import { DAY, DEFAULTS, HOUR, type Settings } from '../../../src/audit/detect/settings.ts'

export const START = Date.UTC(2026, 9, 1)
export const at = (day: number, hour = 0, minute = 0): number => START + day * DAY + hour * HOUR + minute * 60_000

export const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
export const settings = (over: Partial<Settings> = {}): Settings => ({ ...DEFAULTS, hash, ...over })

export const BUCKET: StoreRef = { cloud: 'gcp', kind: 'object-storage', name: 'invoices', owner: 'shop' }
export const DATABASE: StoreRef = { cloud: 'gcp', kind: 'sql', name: 'orders-db', owner: 'shop' }
export const CACHE: StoreRef = { cloud: 'gcp', kind: 'cache', name: 'sessions' }
export const BILLING: Principal = { kind: 'service-account', id: 'billing@shop.example' }
export const ANNA: Principal = { kind: 'user', id: 'anna@shop.example' }
export const APP: Principal = { kind: 'database-user', id: 'app' }
export const NOBODY: Principal = { kind: 'anonymous', id: '' }

let made = 0
export const record = (over: Partial<AccessRecord> = {}): AccessRecord => ({
  format: 'test',
  id: `record-${made++}`,
  time: at(0),
  store: BUCKET,
  principal: BILLING,
  address: '10.1.2.3',
  action: 'read',
  operation: 'storage.objects.get',
  outcome: 'allowed',
  ...over,
})
export const query = (
  text: string,
  over: Partial<AccessRecord> = {},
  engine: Statement['engine'] = 'postgresql',
): AccessRecord =>
  record({
    store: DATABASE,
    principal: APP,
    action: 'query',
    operation: 'query',
    statement: { engine, database: 'shop', text, complete: true },
    ...over,
  })
export const flow = (from: string, over: Partial<AccessRecord> = {}): AccessRecord =>
  record({
    store: CACHE,
    principal: { kind: 'peer', id: from },
    address: from,
    action: 'flow',
    operation: 'ACCEPT',
    flow: { from, to: '10.9.9.9', port: 6379, packets: 10 },
    ...over,
  })

export const placeOf = (line: number): Place => ({ object: 'test.json', line })
export const auditOf = (
  over: Partial<AuditOptions> & { set?: Partial<Settings>; allow?: readonly Allowance[] } = {},
): Audit => {
  const { set, ...rest } = over
  return new Audit({ settings: settings(set), store: new BoundedMemory(), clock: () => at(400), ...rest })
}
/** What is told of all these records. */
export const findingsOf = (records: readonly AccessRecord[], audit = auditOf()): readonly Finding[] => {
  for (const [line, one] of records.entries()) audit.offer(one, placeOf(line + 1))
  audit.flush()
  return audit.take(true)
}

/** Numbers in [0, 1) that are the same each time (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
