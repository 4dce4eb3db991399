/** An access as an application makes it, before a cloud writes it down: what every generator starts from. */
import type { Random } from './random.ts'

export interface Access {
  readonly id: string
  /** ms since 1970 */
  readonly time: number
  readonly address: string
  /** `app`, `billing`: a service account, a role, a database user. */
  readonly who: string
  readonly store: string
  readonly object: string
  readonly bytes: number
  readonly denied: boolean
  readonly agent: string
}

/** What attackers write where they may: formulas, quotes, commas, line ends, other records, markup. */
export const HOSTILE = [
  '=HYPERLINK("http://203.0.113.66/")',
  '","allowed","',
  "' ; DROP TABLE t; -- ",
  'a\r\n{"logName":"x"}',
  '<script>alert(1)</script>',
  '\u202e\u0007,,,,,,',
  '"} ,{"Records":[',
] as const

export interface Days {
  readonly from: number
  readonly days: number
  readonly perDay: number
}

/** An application's days: two accounts from two addresses that read a few objects of one store, now and then with a hostile agent. */
export const ordinary = (random: Random, { from, days, perDay }: Days): Access[] =>
  Array.from({ length: days * perDay }, (_, index) => {
    const day = Math.floor(index / perDay)
    return {
      id: `r${index}`,
      time: from + day * 86_400_000 + 8 * 3_600_000 + random.below(9 * 3600) * 1000,
      address: random.of(['10.0.0.5', '10.0.0.6']),
      who: random.of(['app', 'billing']),
      store: 'invoices',
      object: `2019/${random.below(50)}.pdf`,
      bytes: 1000 + random.below(100_000),
      denied: false,
      agent: random.below(20) === 0 ? random.of(HOSTILE) : 'app/1.0',
    }
  })

/** Misuse to plant among them: a burst of reads by a known account, from elsewhere. */
export const burst = (time: number, count: number, change: Partial<Access> = {}): Access[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `m${time}-${index}`,
    time: time + index * 1000,
    address: '203.0.113.66',
    who: 'billing',
    store: 'invoices',
    object: `2019/${index}.pdf`,
    bytes: 4_000_000,
    denied: false,
    agent: 'curl/8',
    ...change,
  }))

export interface Delivery {
  /** In a hundred: how many are delivered a second time, how many come late. */
  readonly twice: number
  readonly late: number
}

/** As clouds deliver: unordered within the hour, some twice, some hours late. */
export const delivered = (random: Random, accesses: readonly Access[], { twice, late }: Delivery): Access[] => {
  const sent = accesses.flatMap((access) => (random.below(100) < twice ? [access, access] : [access]))
  const arrival = sent.map((access) => ({
    access,
    at: access.time + random.below(3_600_000) + (random.below(100) < late ? 6 * 3_600_000 : 0),
  }))
  return arrival.sort((a, b) => a.at - b.at).map(({ access }) => access)
}
