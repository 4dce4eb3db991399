/** countDownloads: bounded in all and for one Pod, and what is over counts no more. */
import t from 'tap'
import { countDownloads } from '../../../src/rules/serve/downloads.ts'

t.test('countDownloads() lets one Pod have so many, and all together so many', async (t) => {
  const { begin } = countDownloads({ downloads: 3, downloadsOfOnePod: 2 })
  const [one, two] = [begin('a'), begin('a')]
  t.ok(one && two)
  t.equal(begin('a'), undefined)
  const other = begin('b')
  t.ok(other)
  t.equal(begin('c'), undefined, 'three are under way')
  one!()
  one!()
  t.ok(begin('c'), 'one place is free')
  t.equal(begin('d'), undefined, 'and only one, however often its end is told')
  two!()
  other!()
  t.ok(begin('a') && begin('a'))
})
