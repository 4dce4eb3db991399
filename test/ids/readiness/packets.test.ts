import t from 'tap'
import { afterDrops, type DropsSample, dropsFault } from '../../../src/ids/readiness/drops.ts'
import { afterPackets, packetsFault } from '../../../src/ids/readiness/packets.ts'

t.test('packetsFault() finds no fault with an idle interface, nor with one whose packets are seen', async (t) => {
  const state = { at: 0, carried: 1000, seen: 50 }
  t.equal(
    packetsFault('eth0', state, { at: 9999, carried: 1099, seen: 50 }),
    undefined,
    '99 packets may be none of ours',
  )
  t.equal(packetsFault('eth0', state, { at: 29, carried: 99_999, seen: 50 }), undefined, 'not long enough')
  t.match(packetsFault('eth0', state, { at: 30, carried: 1100, seen: 50 }), /carried 100 packets in the last 30 s/)
  t.equal(packetsFault('eth0', state, { at: 9999, carried: 99_999, seen: 51 }), undefined)
})

t.test('packetsFault() waits for ten packets where Suricata has seen none at all', async (t) => {
  const state = { at: 0, carried: 1000, seen: 0 }
  t.equal(packetsFault('eth0', state, { at: 1, carried: 1009, seen: 0 }), undefined)
  t.equal(
    packetsFault('eth0', state, { at: 4, carried: 1010, seen: 0 }),
    'eth0 carried 10 packets in 4 s since the start and Suricata has seen none of them (limit 10)',
  )
})

t.test('afterPackets() begins anew when Suricata saw more, or the interface is another one', async (t) => {
  const state = { at: 0, carried: 1000, seen: 50 }
  t.equal(afterPackets(state, { at: 5, carried: 1100, seen: 50 }), state)
  t.strictSame(afterPackets(state, { at: 5, carried: 1100, seen: 51 }), { at: 5, carried: 1100, seen: 51 })
  t.strictSame(afterPackets(state, { at: 5, carried: 3, seen: 50 }), { at: 5, carried: 3, seen: 50 })
  t.strictSame(afterPackets(undefined, { at: 5, carried: 3, seen: 0 }), { at: 5, carried: 3, seen: 0 })
})

/** A sample every 2 s, `packets` and `drops` in each. */
const course = (seconds: number, packets: number, drops: number): readonly DropsSample[] => {
  let samples: readonly DropsSample[] = []
  for (let n = 0; n * 2 <= seconds; n++)
    samples = afterDrops(samples, { at: n * 2, packets: packets * n, drops: drops * n })
  return samples
}

t.test('dropsFault() judges a whole minute, and more than the budget', async (t) => {
  t.equal(dropsFault('eth0', course(58, 1000, 1000), 25), undefined, 'not a minute yet')
  t.match(dropsFault('eth0', course(60, 1000, 251), 25), /dropped 7530 of 30000 packets .* 25\.1 % \(limit 25 %\)$/)
  t.equal(dropsFault('eth0', course(60, 1000, 250), 25), undefined, 'the budget itself may be used')
  t.equal(dropsFault('eth0', course(600, 1000, 1000), 100), undefined, '100 means never')
  t.equal(dropsFault('eth0', course(60, 3, 3), 25), undefined, 'a few packets tell nothing')
})

t.test('afterDrops() keeps a minute, and begins anew when counts fall', async (t) => {
  t.ok(course(3600, 1, 0).length <= 32)
  t.strictSame(afterDrops(course(60, 1000, 10), { at: 62, packets: 5, drops: 0 }), [{ at: 62, packets: 5, drops: 0 }])
  const early = course(600, 1000, 1000)
  let later = early
  for (let n = 1; n <= 31; n++)
    later = afterDrops(later, { ...early.at(-1)!, at: 600 + n * 2, packets: early.at(-1)!.packets + n * 1000 })
  t.equal(dropsFault('eth0', later, 25), undefined, 'what was dropped before the minute is forgotten')
})
