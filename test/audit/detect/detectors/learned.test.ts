/** Detectors that learn: three weeks of the usual, then something else. */
import t from 'tap'
import type { AccessRecord } from '../../../../src/api/audit.ts'
import { ANNA, at, auditOf, BILLING, BUCKET, findingsOf, flow, placeOf, query, record } from '../parts.ts'

/** `per` of what `make` gives for each of `days`. */
const usual = (make: (time: number, day: number) => AccessRecord, days = 22, per = 4): AccessRecord[] =>
  Array.from({ length: days * per }, (_, index) =>
    make(at(Math.floor(index / per), 9, (index % per) * 10), Math.floor(index / per)),
  )
const LATER = at(23, 9, 5)
// The days between are silent, and what was learned is reported: both have tests of their own.
const say = (records: readonly AccessRecord[], audit = auditOf(), beside = ['learned', 'silence']): string[] =>
  findingsOf(records, audit)
    .filter(({ detector }) => !beside.includes(detector))
    .map(({ severity, detector, why }) => `${severity} ${detector}: ${why}`)
const JAPAN = { whereabouts: (address: string) => ({ country: address.startsWith('203.') ? 'JP' : 'DE', asn: 'AS1' }) }
const billing = usual((time) => record({ time, address: '198.51.100.9' }))
const who = 'service account `billing@shop.example`'

t.test('first-seen-address tells the widest tier that is new', async (t) => {
  const next = (address: string, over: Partial<AccessRecord> = {}) => [
    ...billing,
    record({ time: LATER, address, ...over }),
  ]
  const tail = 'never seen with this account; usually from 198.51.100.0/24; 88 accesses over 23 days'
  t.same(say(next('203.0.113.7')), [`high first-seen-address: ${who} read \`invoices\` from 203.0.113.7, ${tail}`])
  t.same(say(next('203.0.113.7'), auditOf({ set: JAPAN })), [
    `high first-seen-address: ${who} read \`invoices\` from 203.0.113.7 (JP AS1), ${tail}`,
  ])
  t.same(
    say(next('192.0.2.1'), auditOf({ set: JAPAN })),
    [`medium first-seen-address: ${who} read \`invoices\` from 192.0.2.1, ${tail}`],
    'a known country',
  )
  t.same(
    say(next('198.51.100.77')),
    [`low first-seen-address: ${who} read \`invoices\` from 198.51.100.77, ${tail}`],
    'a neighbour, where one address is known',
  )
  t.same(say(next('198.51.100.9')), [], 'the same')
  t.same(say(next('203.0.113.7', { outcome: 'denied' })), [], 'let in it was not')
  t.same(say(next('private')), [], 'no address')
})
t.test('first-seen-address is looser with people, and does not speak of Pods that come and go', async (t) => {
  const people = usual((time) => record({ time, principal: ANNA, address: '198.51.100.9' }))
  t.match(say([...people, record({ time: LATER, principal: ANNA, address: '203.0.113.7' })]), [
    /^medium first-seen-address: user/,
  ])
  const pods = usual((time, day) => record({ time, address: `10.8.${day}.${day + 3}` }))
  t.same(say([...pods, record({ time: LATER, address: '10.8.99.1' })]), [])
  t.match(say([...pods, record({ time: LATER, address: '10.77.99.1' })]), [/^medium first-seen-address/])
})
t.test(
  'first-seen-address learns by itself only while learning; what alerts is learned when acknowledged',
  async (t) => {
    const young = billing.slice(0, 40)
    t.same(
      say([
        ...young,
        record({ time: at(11), address: '203.0.113.7' }),
        record({ time: at(12), address: '203.0.113.8' }),
      ]),
      [],
    )
    const audit = auditOf()
    const stranger = (minute: number) => record({ time: LATER + minute * 60_000, address: '203.0.113.7' })
    const [first] = findingsOf([...billing, stranger(0), stranger(1), stranger(2)], audit).filter(
      ({ detector }) => detector === 'first-seen-address',
    )
    t.equal(first?.count, 3, 'one finding, however often')
    t.match(findingsOf([stranger(3)], audit), [{ id: first!.id, count: 4 }], 'still not usual')
    t.ok(audit.acknowledge(first!.id))
    t.same(findingsOf([stranger(4)], audit), [])
    t.notOk(audit.acknowledge('first-seen-address-nothing'))
  },
)
t.test('first-seen-address forgets what was not seen for 90 days', async (t) => {
  const then = usual((time, day) => record({ time: time + day * 6 * 86_400_000, address: '198.51.100.9' }), 22)
  t.match(
    say([
      record({ time: at(0), address: '203.0.113.7' }),
      ...then,
      record({ time: at(22 * 7 + 1), address: '203.0.113.7' }),
    ]),
    [/^high first-seen-address/],
  )
})

t.test('first-seen-principal tells who is new to a store', async (t) => {
  const eve = { kind: 'user', id: 'eve' } as const
  t.match(say([...billing, record({ time: LATER, principal: eve })]), [
    'medium first-seen-principal: user `eve` is new to `invoices`, used by 1 other over 23 days; from 10.1.2.3',
  ])
  t.same(say([...billing, record({ time: LATER, principal: eve, outcome: 'denied' })]), [])
  t.same(say([...billing.slice(0, 12), record({ time: LATER, principal: eve })]), [], 'too few events')
  const team = Array.from({ length: 9 }, (_, nth) =>
    record({ time: LATER + nth, principal: { kind: 'user', id: `new-${nth}` } }),
  )
  t.match(say([...billing, ...team]), [
    /^medium first-seen-principal: 9 principals are new to `invoices` within 1 minute/,
  ])
})
t.test('first-seen-credential tells of a new lasting key, not of a session', async (t) => {
  const with_ = (credential: string) => ({ ...BILLING, credential })
  const known = usual((time) => record({ time, principal: with_('AKIAIOSFODNN7EXAMPLE') }))
  t.match(say([...known, record({ time: LATER, principal: with_('AKIAI44QH8DHBEXAMPLE') })]), [
    /used the key `AKIAI44QH8DHBEXAMPLE` for `invoices` for the first time/,
  ])
  t.same(say([...known, record({ time: LATER, principal: with_('ASIAI44QH8DHBEXAMPLE') })]), [])
})

const app = usual((time, day) => query(`SELECT a${day % 3} FROM orders WHERE id = ${day}`, { time, rows: 20 + day }))
t.test('unusual-sql tells of a new class and table at once, of forms later', async (t) => {
  const next = (...texts: string[]) => [
    ...app,
    ...texts.map((text, nth) => query(text, { time: LATER + nth * 60_000 })),
  ]
  t.match(say(next('SELECT * FROM cards')), [
    'medium unusual-sql: database user `app` used the table `cards` in `orders-db` for the first time in 23 days: `select * from cards`, from 10.1.2.3',
  ])
  t.match(say(next('DELETE FROM orders')), [/^medium unusual-sql: database user `app` writes in `orders-db`/])
  t.match(say(next('GRANT ALL ON orders TO eve')), [/^high unusual-sql: database user `app` changes rights/])
  t.match(say(next('SELECT z FROM orders')), [/^low unusual-sql: database user `app` ran a new form of statement/])
  t.match(say(next(...'bcdefgh'.split('').map((name) => `SELECT ${name} FROM orders`))), [
    /^low unusual-sql: 7 new forms of statement of database user `app` in `orders-db` within 6 minutes: .*`select b from orders`, `select c from orders`, `select d from orders`$/,
  ])
  t.same(say(next('SELECT a1 FROM orders WHERE id = 4711', 'BEGIN', 'SET x = 1')), [])
})
t.test('unusual-sql tells a digest once, though its forms come again', async (t) => {
  const audit = auditOf()
  const forms = (minute: number) =>
    'bcdef'.split('').map((name) => query(`SELECT ${name} FROM orders`, { time: LATER + minute * 60_000 }))
  t.equal(say([...app, ...forms(0)], audit).length, 1)
  t.same(say(forms(120), audit), [])
})
t.test('unusual-sql uses the parser that is handed in', async (t) => {
  const parse = () => ({ fingerprint: 'always the same', class: 'read' as const, tables: [] })
  t.same(say([...app, query('SELECT * FROM cards', { time: LATER })], auditOf({ set: { parse } })), [])
})
t.test('unusual-rows tells of one statement that got many', async (t) => {
  t.match(
    say([
      ...app,
      query('SELECT a1 FROM orders WHERE id = 1', { time: LATER, rows: 250_000 }),
      query('SELECT a1 FROM orders WHERE id = 1', { time: LATER + 1, rows: 3 }),
    ]),
    [
      'medium unusual-rows: database user `app` got 250,000 rows by one statement from `orders-db`; usually at most 41 over 22 days; from 10.1.2.3',
    ],
  )
  t.same(say([...app, query('SELECT a1 FROM orders WHERE id = 1', { time: LATER, rows: 900 })]), [], 'below the floor')
})

const daily = usual((time, day) => record({ time, bytes: 1_000_000 + (day % 5) * 312_500, object: 'a' }), 31)
const much = (day: number, parts = 103) =>
  Array.from({ length: parts }, (_, part) =>
    record({ time: at(day, 9, 5) + part * 1000, bytes: 4_000_000, object: `o${part}` }),
  )
t.test('unusual-volume tells how much, what is usual, and from where', async (t) => {
  t.match(say([...daily, ...much(31)]), [
    `high unusual-volume: ${who} read 412 MB from \`invoices\`; usually at most 9 MB a day over 31 days; from 10.1.2.3`,
  ])
  const away = much(31).map((one) => ({ ...one, address: '203.0.113.7' }))
  t.ok(
    say([...daily, ...away]).includes(
      `high unusual-volume: ${who} read 412 MB from \`invoices\`; usually at most 9 MB a day over 31 days; from 203.0.113.7, never seen with this account`,
    ),
  )
})
t.test('unusual-volume does not speak below the floor, before 20 days, or of a day that is only busy', async (t) => {
  t.same(say([...daily, ...much(31, 2)]), [])
  t.same(say([...daily.slice(0, 19 * 4), ...much(19)]), [])
  const large = usual((time, day) => record({ time, bytes: 40_000_000 + (day % 5) * 30_000_000, object: 'a' }), 31)
  t.same(say([...large, ...much(31, 150)]), [])
})
t.test('unusual-volume does not learn from a day that alerted until it is acknowledged', async (t) => {
  const audit = auditOf()
  const [first] = findingsOf([...daily, ...much(31)], audit).filter(({ detector }) => detector === 'unusual-volume')
  const [second] = findingsOf(much(32), audit).filter(({ detector }) => detector === 'unusual-volume')
  t.match(second?.why, 'usually at most 9 MB a day over 31 days')
  t.ok(audit.acknowledge(first!.id))
  t.ok(audit.acknowledge(second!.id))
  t.same(findingsOf(much(33), audit), [])
})

t.test('unusual-hour tells of work at night, not of an hour more', async (t) => {
  const office = usual((time, day) => record({ time: time + (day % 6) * 3_600_000, principal: ANNA }), 22, 5)
  t.match(say([...office, record({ time: at(23, 3), principal: ANNA })]), [
    'low unusual-hour: user `anna@shop.example` used `invoices` at 03 h UTC; usually at 09, 10, 11, 12, 13, 14 h over 22 days; from 10.1.2.3',
  ])
  t.same(
    say([...office, record({ time: at(23, 8), principal: ANNA }), record({ time: at(23, 15), principal: ANNA })]),
    [],
  )
  const always = usual((time, day) => record({ time: time + (day % 20) * 3_600_000, principal: ANNA }), 22, 5)
  t.same(say([...always, record({ time: at(23, 7), principal: ANNA })]), [])
})

t.test('first-seen-peer tells who is new to a cache', async (t) => {
  const two = usual((time, day) => flow(`10.1.2.${3 + (day % 2)}`, { time }))
  t.match(say([...two, flow('10.1.9.77', { time: LATER })]), [
    'high first-seen-peer: 10.1.9.77 talked to the cache `sessions` on port 6379 for the first time; 2 peers are known over 23 days',
  ])
  t.match(say([...two, flow('10.1.2.9', { time: LATER })]), [/^medium first-seen-peer/])
  t.same(say([...two, flow('10.1.2.3', { time: LATER })]), [])
  const pods = usual((time, day) => flow(`10.1.${day}.3`, { time }))
  t.same(say([...pods, flow('10.1.99.3', { time: LATER })]), [], 'Pods come and go')
  const clouds = usual((time, day) => flow(`10.${day}.1.3`, { time }))
  t.match(say([...clouds, flow('10.99.1.3', { time: LATER })]), [/^high first-seen-peer/], 'a wide network always')
  t.match(say([...pods, flow('10.2.99.3', { time: LATER })]), [/^high first-seen-peer/])
})

t.test('silence tells of a source that stopped, by others or by a clock', async (t) => {
  const hourly = Array.from({ length: 22 * 24 }, (_, hour) => record({ time: at(0, hour) }))
  const other = (hour: number) => record({ time: at(22, hour), store: { ...BUCKET, name: 'other' } })
  t.match(say([...hourly, other(12)], auditOf(), ['learned']), [
    'high silence: the log `test` of `invoices` has been silent for 13 hours; its longest gap in 21 days was 1 hour',
  ])
  t.same(say([...hourly, other(4)], auditOf(), ['learned']), [], 'shorter than the floor')
  const audit = auditOf()
  findingsOf(hourly, audit)
  audit.tick(at(22, 20))
  audit.tick(at(22, 21))
  t.match(audit.take(true), [{ detector: 'silence', store: { name: 'invoices' } }])
  const daily = usual((time) => record({ time }), 35, 1)
  t.same(
    say([...daily, record({ time: at(36, 8), store: { ...BUCKET, name: 'other' } })], auditOf(), ['learned']),
    [],
    'a day is its usual gap',
  )
})
t.test('Audit reports what it learned in silence as one digest', async (t) => {
  const audit = auditOf()
  const told = findingsOf(billing, audit)
  t.match(told, [
    {
      detector: 'learned',
      severity: 'info',
      why: /the learning period of 3 entities is over; .* values were taken for usual without asking/,
    },
  ])
  t.same(findingsOf([record({ time: at(22, 9), address: '198.51.100.9' })], audit), [])
  audit.offer(record({ time: at(22, 10), address: '198.51.100.9' }), placeOf(1))
  t.same(audit.take(true), [])
})
