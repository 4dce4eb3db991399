import fc from 'fast-check'
import t from 'tap'
import type { TrialKind } from '../../../src/rules/model.ts'
import { FairQueue } from '../../../src/rules/trial/fair-queue.ts'

const waiting = (namespace: string, policy: string, kind: TrialKind = 'delta') => ({
  namespace,
  policy,
  kind,
  item: `${kind} ${namespace}/${policy}`,
})
const drain = (queue: FairQueue<string>): string[] => {
  const items: string[] = []
  for (let one = queue.next(); one; one = queue.next()) items.push(one.item)
  return items
}

t.test('FairQueue goes round between namespaces, however many candidates one has', (t) => {
  const queue = new FairQueue<string>(100)
  for (const policy of ['1', '2', '3']) queue.add(waiting('busy', policy))
  queue.add(waiting('shop', '1'))
  queue.add(waiting('bank', '1'))
  t.strictSame(drain(queue), ['delta busy/1', 'delta shop/1', 'delta bank/1', 'delta busy/2', 'delta busy/3'])
  t.end()
})

t.test('FairQueue takes deltas before releases of the same turn, and releases all the same', (t) => {
  const queue = new FairQueue<string>(100)
  queue.add(waiting('system', '', 'release'))
  queue.add(waiting('shop', 'a'))
  queue.add(waiting('shop', 'b'))
  queue.add(waiting('bank', 'a'))
  t.strictSame(drain(queue), ['delta shop/a', 'delta bank/a', 'release system/', 'delta shop/b'])
  t.end()
})

t.test('FairQueue: who comes later does not go before whoever waits for the same turn', (t) => {
  const queue = new FairQueue<string>(100)
  queue.add(waiting('shop', 'a'))
  queue.add(waiting('shop', 'b'))
  t.equal(queue.next()?.item, 'delta shop/a')
  queue.add(waiting('bank', 'a'))
  t.strictSame(drain(queue), ['delta shop/b', 'delta bank/a'])
  t.end()
})

t.test('FairQueue.add() puts a newer candidate in the place of the older one of its lane', (t) => {
  const queue = new FairQueue<string>(100)
  queue.add({ ...waiting('shop', 'a'), item: 'old' })
  queue.add(waiting('bank', 'a'))
  t.strictSame(queue.add({ ...waiting('shop', 'a'), item: 'new' }), ['old'])
  t.strictSame(queue.add(waiting('shop', 'a', 'release')), [])
  t.strictSame(drain(queue), ['new', 'delta bank/a', 'release shop/a'])
  t.end()
})

t.test('FairQueue.add() keeps so many of one namespace and drops its oldest', (t) => {
  const queue = new FairQueue<string>(2)
  t.strictSame(queue.add(waiting('shop', '1')), [])
  t.strictSame(queue.add(waiting('bank', '1')), [])
  t.strictSame(queue.add(waiting('shop', '2')), [])
  t.strictSame(queue.add(waiting('shop', '3')), ['delta shop/1'])
  t.strictSame(drain(queue), ['delta bank/1', 'delta shop/2', 'delta shop/3'])
  t.end()
})

t.test('FairQueue.at() tells what waits in a lane', (t) => {
  const queue = new FairQueue<string>(2)
  queue.add(waiting('shop', 'a'))
  t.equal(queue.at({ ...waiting('shop', 'a'), item: 'other' }), 'delta shop/a')
  for (const other of [waiting('shop', 'b'), waiting('bank', 'a'), waiting('shop', 'a', 'release')])
    t.equal(queue.at(other), undefined)
  t.end()
})

t.test('FairQueue: whoever waits sees at most two of each other namespace go before, whatever comes meanwhile', (t) => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        namespace: fc.constantFrom('a', 'b', 'c'),
        policy: fc.nat(50).map(String),
        kind: fc.constantFrom<TrialKind>('delta', 'release'),
      }),
    },
    { weight: 1, arbitrary: fc.constant('next' as const) },
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom<TrialKind>('delta', 'release'),
      (first, later, kind) => {
        const queue = new FairQueue<string>(1000)
        const seen = new Map<string, number>()
        let served = false
        const play = (one: (typeof first)[number], counts: boolean) => {
          if (one !== 'next') return void queue.add({ ...one, item: one.namespace })
          const next = queue.next()
          if (next?.item === 'me') served = true
          if (counts && !served && next) seen.set(next.item, (seen.get(next.item) ?? 0) + 1)
        }
        for (const one of first) play(one, false)
        queue.add({ namespace: 'me', policy: '', kind, item: 'me' })
        for (const one of later) play(one, true)
        while (queue.size > 0) play('next', true)
        return served && [...seen.values()].every((times) => times <= 2)
      },
    ),
  )
  t.end()
})
