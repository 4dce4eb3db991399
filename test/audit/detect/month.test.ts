/** A month of an ordinary shop: what people would have been told, and what they had to be told. */
import t from 'tap'
import { ordinaryMonth, planted } from './month.ts'
import { findingsOf } from './parts.ts'

for (const seed of [1, 2, 3]) {
  t.test(`Audit tells at most three things of an ordinary month, none above low (shop ${seed})`, async (t) => {
    const told = findingsOf(ordinaryMonth(seed))
    t.ok(told.length <= 3, told.map(({ why }) => why).join('\n'))
    t.same(
      told.filter(({ severity }) => severity !== 'low' && severity !== 'info'),
      [],
    )
  })
}

t.test('Audit finds all that is planted into the month, and besides at most three things', async (t) => {
  const parts = planted()
  const records = [...ordinaryMonth(1), ...parts.flatMap((part) => part.records)].sort((a, b) => a.time - b.time)
  const told = findingsOf(records)
  const shown = (ids: ReadonlySet<string>) => told.filter(({ evidence }) => evidence.some(({ id }) => ids.has(id)))
  for (const { detector, records } of parts) {
    const found = shown(new Set(records.map(({ id }) => id)))
    t.equal(found.filter((one) => one.detector === detector).length, 1, `${detector}: ${found.map(({ why }) => why)}`)
  }
  const all = new Set(parts.flatMap((part) => part.records.map(({ id }) => id)))
  const besides = told.filter((one) => !shown(all).includes(one))
  t.ok(besides.length <= 3, besides.map(({ why }) => why).join('\n'))
})
