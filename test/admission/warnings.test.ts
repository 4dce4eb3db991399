/** fitWarnings: nothing is lost without being said. */

import fc from 'fast-check'
import t from 'tap'
import { fitWarnings } from '../../src/admission/warnings.ts'

const runes = (text: string) => [...text].length

t.test('fitWarnings() keeps long warnings whole while all fit together', async (t) => {
  const long = 'x'.repeat(4000)
  t.same(fitWarnings([long, 'short']), { warnings: [long, 'short'], cut: 0 })
})

t.test('fitWarnings() makes spaces of control characters, for which the API server would drop the line', async (t) => {
  t.same(fitWarnings(['a\nb\u0000c\u009bd']).warnings, ['a b c d'])
})

t.test('fitWarnings() mends text that is no Unicode, for which the API server would drop the line too', async (t) => {
  t.same(fitWarnings(['a\ud800b']).warnings, ['a\ufffdb'])
})

t.test('fitWarnings() drops what is empty or said twice', async (t) => {
  t.same(fitWarnings(['a', '', '\n', 'a']).warnings, ['a'])
})

t.test('fitWarnings() cuts each at 256 characters when they do not fit, and says how many', async (t) => {
  const many = Array.from({ length: 30 }, (_, i) => `${i} ${'関'.repeat(300)}`)
  const { warnings, cut } = fitWarnings(many)
  t.equal(runes(warnings[0]!), 256)
  t.match(warnings[0], /…$/)
  t.match(warnings.at(-1), /^15 warnings are shortened and 15 left out/)
  t.equal(cut, 30)
})

t.test('fitWarnings() never hands over what the API server would drop or cut', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 600 }), { maxLength: 60 }), (given) => {
      const { warnings } = fitWarnings(given)
      if (/\p{Cc}/u.test(warnings.join(''))) return false
      if (!warnings.every((text) => text.isWellFormed() && text !== '')) return false
      return warnings.reduce((sum, text) => sum + runes(text), 0) <= 4096
    }),
    { numRuns: 300 },
  )
})
