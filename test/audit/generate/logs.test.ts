/** What is generated is read back as what was meant, however it was delivered and whatever attackers wrote into it. */
import t from 'tap'
import { detectFormat } from '../../../src/audit/formats/index.ts'
import { readText } from '../formats/samples.ts'
import { type Access, burst, delivered, ordinary } from './access.ts'
import { LOGS, truncate } from './logs.ts'
import { randomFrom } from './random.ts'

const FROM = Date.UTC(2026, 0, 1)
const DELIVERY = { twice: 10, late: 5 }
const make = (seed: number): Access[] => {
  const random = randomFrom(seed)
  const month = ordinary(random, { from: FROM, days: 3, perDay: 100 })
  return delivered(random, [...month, ...burst(FROM + 2 * 86_400_000, 20, { denied: true })], DELIVERY)
}

for (const [name, write] of Object.entries(LOGS)) {
  t.test(`${name} reads what was generated, hostile records among them, as what was meant`, async (t) => {
    const accesses = make(7)
    const text = write(accesses)
    t.equal(detectFormat(text, 'x')?.name, name)
    const reads = readText(name, text)
    t.same(
      reads.filter(({ kind }) => kind === 'poison'),
      [],
    )
    const found = reads.flatMap((read) => (read.kind === 'record' ? [read.record] : []))
    t.same(
      found.map(({ time, address, outcome }) => [time, address, outcome]),
      accesses.map(({ time, address, denied }) => [
        time,
        address,
        denied && name !== 'gcp-vpc-flows' ? 'denied' : 'allowed',
      ]),
    )
    if (name !== 'gcp-audit')
      t.same(
        found.map(({ bytes }) => bytes),
        accesses.map(({ bytes }) => bytes),
      )
    if (!name.endsWith('flows')) {
      t.same(
        found.map(({ object }) => object),
        accesses.map(({ object }) => object),
      )
      t.ok(found.every(({ principal }, index) => new RegExp(`\\b${accesses[index]!.who}\\b`).test(principal.id)))
      t.equal(new Set(found.map(({ principal }) => principal.id)).size, 2, 'two accounts, however many sessions')
    }
    // What is delivered twice has one identity, and nothing else has it; two equal flows are one.
    t.equal(new Set(found.map(({ id }) => id)).size, new Set(accesses.map(({ id }) => id)).size)
  })

  t.test(`${name} sets what broke off aside, and that alone`, async (t) => {
    const whole = readText(name, write(make(8)))
    const reads = readText(name, truncate(write(make(8))))
    const records = (all: typeof reads) => all.filter(({ kind }) => kind === 'record').length
    t.equal(records(reads), records(whole) - 1)
    t.ok(reads.some(({ kind }) => kind === 'poison'))
  })
}

t.test('make() gives the same for the same seed, and something else for another', async (t) => {
  t.same(make(3), make(3))
  t.notSame(make(3), make(4))
})
