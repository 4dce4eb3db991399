/** nearest: what a person most likely meant. */
import fc from 'fast-check'
import t from 'tap'
import { distance, nearest } from '../../src/config/nearest.ts'

for (const [a, b, edits] of [
  ['', 'abc', 3],
  ['prt', 'port', 1],
  ['prot', 'port', 1],
  ['image', 'image', 0],
  ['kitten', 'sitting', 3],
] as const) {
  t.test(`distance('${a}', '${b}') is ${edits}`, async (t) => t.equal(distance(a, b), edits))
}

t.test('distance() is a distance', async () => {
  const word = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => distance(a, b) === distance(b, a) && (distance(a, b) === 0) === (a === b)),
  )
})

t.test('nearest() guesses nothing that is far, and does not labour over long words', async (t) => {
  t.equal(nearest('colour', ['directory', 'port']), undefined)
  t.equal(nearest('x'.repeat(100_000), ['port']), undefined)
  t.equal(nearest('PORT', ['address', 'port']), 'port')
})

t.test('nearest() finds what counting the edits to every word would find', async (t) => {
  const slowly = (word: string, known: readonly string[]) => {
    let best: { word: string; far: number } | undefined
    for (const one of known) {
      const far = distance(word.toLowerCase(), one.toLowerCase())
      if (far <= Math.max(2, Math.floor(one.length / 3)) && (!best || far < best.far)) best = { word: one, far }
    }
    return best?.word
  }
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'C', 'é', '検'), maxLength: 9 })
  let found = 0
  fc.assert(
    fc.property(word, fc.array(word, { maxLength: 8 }), (one, known) => {
      const expected = slowly(one, known)
      if (expected !== undefined) found++
      return nearest(one, known) === expected
    }),
  )
  t.ok(found > 0, 'some were near')
})
