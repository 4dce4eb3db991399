/** Sequencer: in order of time, exactly once, in bounded memory. */
import fc from 'fast-check'
import t from 'tap'
import { type Placed, Sequencer, type SequencerOptions } from '../../../src/audit/detect/sequencer.ts'
import { at } from './parts.ts'

const MINUTE = 60_000
const clock = () => at(100)
const made = (options: Partial<SequencerOptions> = {}) => new Sequencer<Placed>(clock, options)
const one = (minute: number, id = `${minute}`): Placed => ({ time: at(0, 0, minute), id })
const ids = (records: Iterable<Placed>) => [...records].map(({ id }) => id)

t.test('Sequencer holds records until their window is over, then gives them in order', async (t) => {
  const sequencer = made({ orderMs: 10 * MINUTE })
  for (const minute of [5, 3, 9, 4]) t.equal(sequencer.offer(one(minute)), 'new')
  t.same(ids(sequencer.due()), [])
  sequencer.offer(one(15))
  t.same(ids(sequencer.due()), ['3', '4'])
  t.equal(sequencer.offer(one(1)), 'new', 'late, and judged')
  t.same(ids(sequencer.due()), ['1'])
  t.same(ids(sequencer.flush()), ['5', '9', '15'])
})
t.test('Sequencer answers for what it will not judge', async (t) => {
  const sequencer = made({ onceMs: 60 * MINUTE })
  t.equal(sequencer.offer(one(100)), 'new')
  t.equal(sequencer.offer(one(100)), 'duplicate')
  t.equal(sequencer.offer(one(100, 'other')), 'new')
  t.equal(sequencer.offer(one(39)), 'too-old')
  t.equal(sequencer.offer(one(40)), 'new')
  t.equal(sequencer.offer({ time: at(101), id: 'x' }), 'from-the-future')
  t.equal(sequencer.offer({ time: Number.NaN, id: 'x' }), 'too-old')
  t.equal(sequencer.exactSince, at(0, 0, 40), 'a record from the future makes no other old')
})
t.test('Sequencer is bounded, and says what it gave up', async (t) => {
  const sequencer = made({ orderMs: 10 * MINUTE, mostHeld: 50, mostIds: 200 })
  const seen: Placed[] = []
  for (let minute = 0; minute < 2000; minute++) {
    for (let nth = 0; nth < 20; nth++) {
      sequencer.offer(one(minute, `${minute}/${nth}`))
      seen.push(...sequencer.due())
    }
    t.ok(sequencer.held <= 50 && sequencer.ids <= 201) || t.bailout('unbounded')
  }
  seen.push(...sequencer.flush())
  t.equal(seen.length, 40_000, 'none is lost')
  t.ok(sequencer.counts.early > 0 && sequencer.counts.idsForgotten > 0)
  t.equal(sequencer.offer(one(1000)), 'too-old', 'of what is forgotten nobody knows')
})
t.test(
  'Sequencer gives the same whatever order and however often, within its window, across a restart too',
  async () => {
    const records = fc.uniqueArray(
      fc.record({
        time: fc.integer({ min: 0, max: 59 }).map((minute) => at(0, 0, minute)),
        id: fc.string({ minLength: 1, maxLength: 3 }),
      }),
      {
        selector: ({ id }) => id,
        maxLength: 40,
      },
    )
    fc.assert(
      fc.property(
        records.chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 }),
            fc.nat(list.length * 2),
          ),
        ),
        ([list, shuffled, restart]) => {
          const given: Placed[] = []
          let sequencer = made({ orderMs: 60 * MINUTE })
          for (const [index, record] of shuffled.entries()) {
            if (index === restart)
              sequencer = Sequencer.fromPlain(JSON.parse(JSON.stringify(sequencer.toPlain())), clock, {
                orderMs: 60 * MINUTE,
              })
            sequencer.offer(record)
            given.push(...sequencer.due())
          }
          given.push(...sequencer.flush())
          const sorted = list.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
          return JSON.stringify(given) === JSON.stringify(sorted)
        },
      ),
    )
  },
)
