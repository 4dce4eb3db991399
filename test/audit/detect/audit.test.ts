/** Audit: what is told does not depend on order, repeats or restarts; memory is bounded; hostile values stay data. */
import fc from 'fast-check'
import t from 'tap'
import type { AccessRecord, Finding } from '../../../src/api/audit.ts'
import { allowanceProblem } from '../../../src/audit/detect/allow.ts'
import { Audit } from '../../../src/audit/detect/audit.ts'
import { DETECTORS } from '../../../src/audit/detect/index.ts'
import { LIMITS } from '../../../src/audit/detect/learned.ts'
import { LEDGER_LIMITS } from '../../../src/audit/detect/ledger.ts'
import { BoundedMemory } from '../../../src/audit/detect/memory.ts'
import { ordinaryMonth, planted } from './month.ts'
import { ANNA, APP, at, auditOf, findingsOf, NOBODY, placeOf, query, record, settings } from './parts.ts'

// A third of the month's ordinary records, so that a run takes moments.
const month = [
  ...ordinaryMonth(4).filter((_, index) => index % 3 === 0),
  ...planted().flatMap(({ records }) => records),
].sort((a, b) => a.time - b.time)
const plain = (findings: readonly Finding[]) =>
  JSON.stringify(
    findings
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ evidence, ...rest }) => ({ ...rest, evidence: evidence.map(({ id }) => id) })),
  )
const expected = plain(findingsOf(month))

t.test('Audit tells the same whatever the order within the window and however often records come', async (t) => {
  t.ok(JSON.parse(expected).length > 10)
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 14 * 60_000 }), { minLength: 97, maxLength: 97 }),
      fc.integer({ min: 2, max: 9 }),
      (delays, every) => {
        const arrivals = month.map((one, index) => ({ one, at: one.time + delays[index % delays.length]! }))
        const twice = arrivals
          .filter((_, index) => index % every === 0)
          .map(({ one, at }, index) => ({ one, at: at + delays[index % delays.length]! * 60 }))
        const records = [...arrivals, ...twice].sort((a, b) => a.at - b.at).map(({ one }) => one)
        return plain(findingsOf(records)) === expected
      },
    ),
    { numRuns: 4 },
  )
})
t.test('Audit tells the same across restarts', async (t) => {
  const options = { settings: settings(), clock: () => at(400) }
  let store = new BoundedMemory()
  let audit = new Audit({ ...options, store })
  const last = new Map<string, Finding>()
  const take = (all: boolean) => {
    for (const finding of audit.take(all)) last.set(finding.id, finding)
  }
  for (const [index, one] of month.entries()) {
    audit.offer(one, placeOf(index + 1))
    if (index % 700 !== 0) continue
    take(false)
    store = BoundedMemory.fromPlain(JSON.parse(JSON.stringify(store.toPlain())))
    audit = new Audit({ ...options, store }, JSON.parse(JSON.stringify(audit.toPlain())))
  }
  audit.flush()
  take(true)
  t.equal(plain([...last.values()]), expected)
})
t.test('Audit asks its memory only for keys that are named before', async (t) => {
  const store = new BoundedMemory()
  const get = store.get.bind(store)
  let allowed = new Set<string>()
  const strict: BoundedMemory = Object.assign(store, {
    get: (key: Parameters<typeof get>[0]) => {
      if (!allowed.has(JSON.stringify(key))) throw new Error(`not named: ${JSON.stringify(key)}`)
      return get(key)
    },
  })
  const audit = auditOf({ store: strict, sequencer: { orderMs: 0 } })
  for (const one of month) {
    allowed = new Set([...audit.needs(one)].map((key) => JSON.stringify(key)))
    audit.offer(one, placeOf(1))
    // The one whose turn has come is the one before: its window of nothing is over with the next.
    audit.flush()
  }
  t.ok(audit.take().length > 5)
})

t.test('Audit is bounded, whoever floods it', async (t) => {
  const store = new BoundedMemory(300)
  const audit = auditOf({ store })
  const old = Array.from({ length: 60 }, (_, nth) => record({ time: at(0, nth), principal: ANNA }))
  for (const one of old) audit.offer(one, placeOf(1))
  for (let nth = 0; nth < 4000; nth++) {
    const time = at(20) + nth * 1000
    audit.offer(
      record({
        time,
        principal: { kind: 'user', id: `flood-${nth}` },
        address: `2001:db8:${nth.toString(16)}::1`,
        object: `${nth}`,
      }),
      placeOf(1),
    )
    audit.offer(
      record({ time, principal: ANNA, address: `2001:db8:${nth.toString(16)}::2`, object: `${nth}` }),
      placeOf(1),
    )
    audit.offer(query(`SELECT c${nth} FROM t${nth}`, { time }), placeOf(1))
  }
  audit.flush()
  t.ok(store.size <= 300)
  t.ok(store.forgotten > 1000)
  t.ok(audit.counts.told <= LEDGER_LIMITS.raised + LEDGER_LIMITS.gatherings + 200)
  t.ok(JSON.stringify(store.toPlain()).length < 300 * LIMITS.values * 100)
  for (const topic of ['address', 'principal', 'sql'])
    for (const [, { values, samples, recent }] of store.entities(topic)) {
      if (values.size > LIMITS.values || samples.length > LIMITS.samples || recent.length > LIMITS.recent)
        t.fail(`${topic} is unbounded`)
    }
  const anna = [...store.entities('address')].find(([entity]) => entity.includes(ANNA.id))
  t.ok(anna?.[1].values.get('a:10.1.2.3')?.held === false, 'what was known before the flood is known')
})

t.test('Audit tells 20 findings of a detector and severity a day, then one of the rest', async (t) => {
  const many = Array.from({ length: 50 }, (_, nth) =>
    record({
      time: at(0, 1, nth),
      principal: NOBODY,
      store: { cloud: 'aws', kind: 'object-storage', name: `b${nth}` },
    }),
  )
  const write = record({ time: at(0, 2), principal: NOBODY, action: 'write' })
  const told = findingsOf([...many, write])
  t.equal(told.length, LEDGER_LIMITS.perDay + 2)
  t.match(told.at(-1), {
    severity: 'high',
    count: 30,
    why: /^30 more findings of `anonymous-access` on 2026-10-01 beyond the 20 told, at `b20`, `b21`, `b22`, `b23`, `b24`; the first: somebody anonymous read 'b20'/,
  })
  t.equal(told.filter(({ severity }) => severity === 'critical').length, 1, 'many small ones hide no large one')
})
t.test('Audit tells again when it came ten times as often, and otherwise only when asked for all', async (t) => {
  const audit = auditOf({ sequencer: { orderMs: 0 } })
  const counts: number[] = []
  for (let nth = 0; nth < 150; nth++) {
    audit.offer(record({ time: at(0, 0, nth), principal: NOBODY }), placeOf(1))
    counts.push(...audit.take().map(({ count }) => count))
  }
  t.same(counts, [1, 10, 100])
  audit.flush()
  t.same(
    audit.take(true).map(({ count }) => count),
    [150],
  )
  t.same(audit.take(true), [])
})
t.test('Audit shows a record that is too old to detectors without memory alone', async (t) => {
  const store = new BoundedMemory()
  const audit = auditOf({ store })
  audit.offer(record({ time: at(50) }), placeOf(1))
  t.equal(audit.offer(record({ time: at(0), principal: NOBODY }), placeOf(2)), 'too-old')
  audit.flush()
  const { size } = store
  audit.offer(record({ time: at(0), principal: ANNA }), placeOf(3))
  audit.flush()
  t.equal(store.size, size, 'nothing is learned of it')
  t.match(audit.take(), [{ detector: 'anonymous-access', time: at(0) }])
})

t.test('Allowance: what is allowed is not told, not learned, and told again after its day', async (t) => {
  const usual = Array.from({ length: 88 }, (_, nth) => record({ time: at(nth >> 2, nth & 3), address: '198.51.100.9' }))
  const allow = [
    {
      detector: 'first-seen-address',
      principal: 'billing@*',
      address: '203.0.113.0/24',
      reason: 'migration',
      until: at(30),
    },
  ]
  const audit = auditOf({ allow })
  const of = (records: AccessRecord[]) =>
    findingsOf(records, audit).filter(({ detector }) => detector === 'first-seen-address')
  t.same(of([...usual, record({ time: at(23), address: '203.0.113.7' })]), [])
  t.equal(of([record({ time: at(24), address: '192.0.2.1' })]).length, 1, 'another address')
  t.equal(of([record({ time: at(31), address: '203.0.113.7' })]).length, 1, 'it is over')
})
for (const [name, allowance, problem] of [
  ['good', { store: 'web-*', reason: 'a public site', until: at(1) }, undefined],
  ['without a reason', { store: 'web', reason: ' ', until: at(1) }, /^reason must say why/],
  ['without an end', { store: 'web', reason: 'public', until: Number.NaN }, /^until must be a time/],
  ['of no detector', { detector: 'x', store: 'web', reason: 'public', until: at(1) }, /^detector must be one of/],
  [
    'of everything',
    { detector: 'silence', reason: 'public', until: at(1) },
    /^store, principal or address must be given/,
  ],
  ['of no address', { address: 'anywhere', reason: 'public', until: at(1) }, /^address must be an IP address or CIDR/],
] as const) {
  t.test(`allowanceProblem() of one that is ${name}`, async (t) => {
    const is = allowanceProblem(
      allowance,
      DETECTORS.map((one) => one.name),
    )
    if (problem === undefined) t.equal(is, undefined)
    else t.match(is, problem)
  })
}

t.test('Audit keeps hostile values data: one line, no tricks, in backticks, short', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.constantFrom(
      '__proto__',
      'constructor',
      'a`b` *bold* <!channel>',
      '\u202Egnp.exe',
      'x\r\nForged: line',
      '\u001b[2J',
      '"],["',
      'e\u0301'.repeat(300),
    ),
  )
  fc.assert(
    fc.property(
      text,
      text,
      text,
      fc.constantFrom('read', 'list', 'query', 'admin' as const),
      (store, who, value, action) => {
        const bad = record({
          store: { cloud: 'aws', kind: 'sql', name: store, owner: value },
          principal: { kind: 'anonymous', id: who, credential: value },
          address: value,
          action,
          operation: value,
          object: value,
          destination: value,
          changes: ['copied-outside', 'made-public', 'backup-deleted'],
          statement: { engine: 'mysql', database: value, text: value, complete: false },
        } as Partial<AccessRecord>)
        const denied = Array.from({ length: 20 }, (_, nth) => ({
          ...bad,
          id: `d${nth}`,
          outcome: 'denied' as const,
          principal: APP,
        }))
        const told = findingsOf([bad, ...denied])
        return (
          told.length > 2 &&
          told.every(
            ({ why, evidence }) =>
              [why, ...evidence.map((one) => one.text)].every(
                (line) => line.length < 900 && !/[\p{C}\p{Zl}\p{Zp}\p{M}]/u.test(line),
              ) && why.split('`').length % 2 === 1,
          )
        )
      },
    ),
    { numRuns: 60 },
  )
})
t.test('BoundedMemory.fromPlain() refuses what it does not know', async (t) => {
  t.throws(
    () => BoundedMemory.fromPlain({ version: 2, entities: [] } as never),
    /Cannot read what was learned: version must be 1/,
  )
  t.throws(() => BoundedMemory.fromPlain(null as never), /Cannot read what was learned/)
})
