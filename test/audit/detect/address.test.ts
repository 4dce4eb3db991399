/** tiersOf, words, statistics: the small parts. */
import t from 'tap'
import { tiersOf } from '../../../src/audit/detect/address.ts'
import { median, usualLimit } from '../../../src/audit/detect/statistics.ts'
import { plain, size, span } from '../../../src/audit/detect/words.ts'

for (const [address, exact, network, isPrivate] of [
  ['203.0.113.7', '203.0.113.7', '203.0.113.0/24', false],
  ['10.8.3.4', '10.8.3.4', '10.8.0.0/16', true],
  ['100.64.1.1', '100.64.1.1', '100.64.0.0/16', true],
  ['::ffff:203.0.113.7', '203.0.113.7', '203.0.113.0/24', false],
  ['2001:DB8:1:2::3', '2001:db8:1:2::3', '2001:db8:1::/48', false],
  ['fd00:1:2:3::4', 'fd00:1:2:3::4', 'fd00:1:2::/48', true],
] as const) {
  t.test(`tiersOf(${address})`, async (t) => {
    t.match(
      tiersOf(address, () => undefined),
      { exact, network, private: isPrivate },
    )
  })
}
for (const address of [
  'private',
  'gce-internal-ip',
  '',
  '127.1',
  '0x7f.0.0.1',
  '1.2.3.256',
  'fe80::1%eth0',
  '1:2',
  'x'.repeat(1000),
]) {
  t.test(`tiersOf(${address.slice(0, 20) || 'nothing'}) is none`, async (t) =>
    t.equal(
      tiersOf(address, () => undefined),
      undefined,
    ),
  )
}
t.test('tiersOf() asks where a public address is, never a private one', async (t) => {
  const asked: string[] = []
  const ask = (address: string) => {
    asked.push(address)
    return { country: 'JP', asn: 'AS2516' }
  }
  t.equal(tiersOf('203.0.113.7', ask)?.where, 'JP AS2516')
  t.equal(tiersOf('10.1.1.1', ask)?.where, 'private')
  t.equal(tiersOf('203.0.113.7', () => ({}))?.where, undefined)
  t.same(asked, ['203.0.113.7'])
})
t.test('plain() takes away what moves, hides and turns', async (t) => {
  t.equal(plain('a\r\nb\u202ec`d\u200b'), "a?b?c'd?")
  t.equal(plain('x'.repeat(1e6), 10), 'xxxxxxxxx…')
  t.equal(plain('日本', 2), '日本')
})
for (const [bytes, said] of [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [9_400_000, '9.4 MB'],
  [412_000_000, '412 MB'],
  [999_900_000, '1 GB'],
  [2e18, '2000 PB'],
] as const) {
  t.test(`size(${bytes}) is ${said}`, async (t) => t.equal(size(bytes), said))
}
for (const [ms, said] of [
  [0, '1 minute'],
  [61_000, '2 minutes'],
  [3_600_000, '1 hour'],
  [47 * 3_600_000, '47 hours'],
  [31 * 86_400_000, '31 days'],
] as const) {
  t.test(`span(${ms}) is ${said}`, async (t) => t.equal(span(ms), said))
}
t.test('usualLimit() needs 20 samples, follows no single strange day, and is at least the floor', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  const days = (count: number, amount: number) => Array<number>(count).fill(amount)
  t.equal(usualLimit(days(19, 1e6), 0), undefined)
  const plainLimit = usualLimit(days(20, 1e6), 0)!
  t.ok(plainLimit > 2e6 && plainLimit < 5e6)
  t.equal(usualLimit([...days(20, 1e6), 5e6], 0), 7.5e6, 'only never below what was')
  t.equal(usualLimit(days(20, 1e6), 1e7), 1e7)
  t.ok(usualLimit(days(20, 0), 0)! >= 0)
})
