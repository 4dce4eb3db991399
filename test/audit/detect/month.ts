/**
 * 31 days of an ordinary shop: a service account that reads invoices from Pods that come and go, people in office hours from home and
 * office, an application's SQL with two deploys, a nightly backup, a cache, a batch at the end of the month; and what is planted into it.
 */
import type { AccessRecord, Principal } from '../../../src/api/audit.ts'
import { at, dice, flow, NOBODY, query, record } from './parts.ts'

const DAYS = 31
const person = (name: string): Principal => ({ kind: 'user', id: `${name}@shop.example` })
const BACKUP: Principal = { kind: 'service-account', id: 'backup@shop.example' }

export function ordinaryMonth(seed: number): AccessRecord[] {
  const random = dice(seed)
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1))
  const records: AccessRecord[] = []
  const forms = Array.from(
    { length: 12 },
    (_, form) => `SELECT c${form}, total FROM ${['orders', 'customers', 'items'][form % 3]} WHERE id = `,
  )
  const people = [
    { principal: person('anna'), home: '198.51.100.7' },
    { principal: person('ben'), home: '203.0.113.80' },
    { principal: person('chris'), home: '192.0.2.33' },
  ]
  for (let day = 0; day < DAYS; day++) {
    const weekend = day % 7 >= 5
    // Pods: two new addresses a day within the cluster's range.
    const pods = [1, 2, 3].map((pod) => `10.8.${between(0, 40)}.${10 + pod}`)
    for (let hour = 0; hour < 24; hour++) {
      const busy = hour >= 6 && hour <= 20 ? 5 : 2
      for (let count = 0; count < busy; count++) {
        const address = pods[between(0, 2)]!
        const minute = between(0, 59)
        records.push(
          record({
            time: at(day, hour, minute),
            address,
            object: `2026/${day}/${between(1, 5000)}.pdf`,
            bytes: between(20_000, 150_000),
          }),
        )
        const form = forms[between(0, day < 18 ? 9 : 11)]!
        records.push(query(form + between(1, 99_999), { time: at(day, hour, minute), address, rows: between(0, 40) }))
        if (random() < 0.3) {
          records.push(
            query(`INSERT INTO orders (id, total) VALUES (${between(1, 1e6)}, 12.5)`, {
              time: at(day, hour, minute),
              address,
              rows: 1,
            }),
          )
        }
        records.push(flow(pods[between(0, 2)]!, { time: at(day, hour, minute), bytes: between(1000, 90_000) }))
      }
    }
    // Nightly backup: lists and reads 60 objects, much and always about the same.
    records.push(
      record({
        time: at(day, 2),
        principal: BACKUP,
        action: 'list',
        operation: 'storage.objects.list',
        address: '10.8.200.5',
      }),
    )
    for (let part = 0; part < 60; part++) {
      records.push(
        record({
          time: at(day, 2, 1 + (part >> 1)),
          principal: BACKUP,
          object: `part-${part}`,
          bytes: between(4_000_000, 6_000_000),
          address: '10.8.200.5',
        }),
      )
    }
    if (weekend) continue
    for (const { principal, home } of people) {
      for (let count = 0; count < between(4, 9); count++) {
        const address = random() < 0.5 ? home : `192.0.2.${between(10, 14)}`
        records.push(
          record({
            time: at(day, between(7, 16), between(0, 59)),
            principal,
            address,
            object: `${between(1, 5000)}.pdf`,
            bytes: between(20_000, 400_000),
          }),
        )
      }
      // A wrong password now and then.
      if (random() < 0.2) records.push(record({ time: at(day, 8), principal, outcome: 'denied', address: home }))
    }
  }
  // A deploy on day 22: eight new forms on the tables there are.
  for (let form = 0; form < 8; form++) {
    records.push(
      query(`SELECT v2_${form} FROM orders WHERE id = 7`, { time: at(22, 10, form), address: '10.8.3.11', rows: 2 }),
    )
  }
  return records.sort((a, b) => a.time - b.time)
}

export interface Planted {
  readonly detector: string
  readonly records: readonly AccessRecord[]
}
export const planted = (): readonly Planted[] => [
  {
    detector: 'first-seen-address',
    records: [record({ time: at(23, 11), address: '185.220.101.4', object: 'a.pdf', bytes: 50_000 })],
  },
  {
    detector: 'unusual-volume',
    records: Array.from({ length: 80 }, (_, part) =>
      record({ time: at(26, 14, part >> 1), address: '10.8.3.12', object: `dump-${part}`, bytes: 5_000_000 }),
    ),
  },
  {
    detector: 'first-seen-principal',
    records: [record({ time: at(24, 9), principal: person('mallory'), address: '192.0.2.10' })],
  },
  {
    detector: 'made-public',
    records: [
      record({
        time: at(25, 12),
        principal: person('ben'),
        address: '203.0.113.80',
        action: 'admin',
        changes: ['made-public'],
      }),
    ],
  },
  {
    detector: 'anonymous-access',
    records: [record({ time: at(25, 13), principal: NOBODY, address: '185.220.101.9' })],
  },
  {
    detector: 'unusual-sql',
    records: [query('SELECT number, cvc FROM cards', { time: at(27, 3), address: '10.8.3.12', rows: 900 })],
  },
  {
    detector: 'unusual-rows',
    records: [
      query('SELECT c0, total FROM orders WHERE id = 1 OR 1=1', {
        time: at(28, 4),
        address: '10.8.3.12',
        rows: 250_000,
      }),
    ],
  },
  { detector: 'sql-program', records: [query("COPY t FROM PROGRAM 'id'", { time: at(28, 5), address: '10.8.3.12' })] },
  { detector: 'first-seen-peer', records: [flow('10.66.6.6', { time: at(29, 1), bytes: 100 })] },
  {
    detector: 'denials',
    records: Array.from({ length: 25 }, (_, tried) =>
      query('', {
        time: at(29, 2, tried >> 3),
        address: '185.220.101.7',
        action: 'connect',
        outcome: 'denied',
        principal: { kind: 'database-user', id: `try${tried}` },
      }),
    ),
  },
  {
    detector: 'unusual-hour',
    records: [record({ time: at(29, 1, 20), principal: person('anna'), address: '198.51.100.7' })],
  },
]
