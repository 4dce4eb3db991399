/** createHeard: the newest words of each Pod, whoever heard them, and nothing of Pods that are not there. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Heard } from '../../../src/rules/model.ts'
import { type Change, createHeard, type HeardOptions } from '../../../src/rules/serve/heard.ts'
import { parseReport, type Said } from '../../../src/rules/serve/report.ts'
import { BANK, factOf, shelfOf, WEB } from './support.ts'

const said = (more: Partial<Said> = {}): Said => ({ ...parseReport(undefined), ...more })
const INSTANCE = '0123456789abcdef'
const start = (given: Partial<HeardOptions> = {}) => {
  const shelf = shelfOf(WEB, BANK)
  const clock = { now: 1_000_000 }
  const heard = createHeard({ shelf, now: () => clock.now, instance: INSTANCE, debounceMs: 10, ...given })
  return { shelf, clock, heard }
}
const [web, bank] = [factOf(WEB), factOf(BANK)]
const from = (pod: typeof WEB, at: number, more: Partial<Said> = {}): Heard => ({ ...said(more), ...pod, at })

t.test('createHeard() keeps what a Pod said last, by Pod, namespace and target', async (t) => {
  const { heard, clock } = start({ policyOf: ({ namespace }) => (namespace === 'shop' ? 'strict' : '') })
  heard.record(web, said({ requests: 1 }), 5)
  clock.now += 5000
  heard.record(web, said({ requests: 2 }), 5)
  heard.record(bank, said({ requests: 3 }), 5)
  t.match(heard.all(), [
    { ...WEB, requests: 2, at: 1_005_000 },
    { ...BANK, requests: 3 },
  ])
  t.equal(heard.all().length, 2)
  t.equal(heard.of(WEB.uid)?.requests, 2)
  t.match(heard.ofNamespace('shop'), [WEB])
  t.match(heard.ofTarget({ namespace: 'shop', policy: 'strict' }), [WEB])
  t.same(heard.ofTarget({ namespace: 'shop', policy: '' }), [])
  t.match(heard.ofTarget({ namespace: 'bank', policy: '' }), [BANK])
  t.same(heard.ofNamespace('other'), [])
})

t.test('createHeard() forgets a Pod that is gone, and one that is silent for four intervals and a while', async (t) => {
  const { heard, clock, shelf } = start()
  heard.record(web, said(), 100)
  heard.record(bank, said(), 5)
  clock.now += 50_000
  heard.sweep()
  t.equal(heard.size, 2, 'four times 5 s and half a minute are not over')
  clock.now += 1
  heard.sweep()
  t.match(heard.all(), [WEB])
  clock.now += 379_999
  heard.sweep()
  t.equal(heard.size, 1)
  shelf.facts.delete(WEB.uid)
  heard.sweep()
  t.equal(heard.size, 0)
  t.same(heard.ofNamespace('shop'), [])
})

t.test('createHeard() merges the newer words by Pod, of Pods that are there', async (t) => {
  const { heard, clock } = start()
  heard.record(web, said({ requests: 10 }), 5)
  heard.merge(
    [
      from(WEB, 999_999, { requests: 9 }),
      from({ ...WEB, uid: 'gone' }, 1_000_500),
      from({ ...BANK, namespace: 'shop' }, 1_000_500),
    ],
    5,
  )
  t.match(heard.all(), [{ ...WEB, requests: 10 }])
  t.equal(heard.size, 1)
  clock.now += 1000
  heard.merge([from(WEB, 1_000_500, { requests: 11 }), from(BANK, 1_000_500, { requests: 1 })], 5)
  t.equal(heard.of(WEB.uid)?.requests, 11)
  t.equal(heard.of(BANK.uid)?.requests, 1)
})

t.test('createHeard() does not let a clock ahead of ours hold a Pod’s older words', async (t) => {
  const { heard, clock } = start()
  heard.merge([from(WEB, 9_000_000, { requests: 1 })], 5)
  t.equal(heard.of(WEB.uid)?.at, 1_000_000)
  clock.now += 1000
  heard.merge([from(WEB, 1_000_500, { requests: 2 })], 5)
  t.equal(heard.of(WEB.uid)?.requests, 2)
  clock.now += 60_000
  heard.sweep()
  t.equal(heard.size, 0, 'nor keep it for ever')
})

t.test('createHeard() tells the other replica what was said to us since, once, in pages', async (t) => {
  const { heard, clock } = start()
  heard.record(web, said({ requests: 1 }), 5)
  heard.record(bank, said({ requests: 1 }), 5)
  const first = heard.since(undefined, 1)
  t.match(first, { instance: INSTANCE, more: true, heard: [WEB] })
  t.equal(first.heard.length, 1)
  const second = heard.since(first.cursor, 1)
  t.match(second, { more: false, heard: [BANK] })
  t.same(heard.since(second.cursor).heard, [])
  t.equal(heard.since(second.cursor).cursor, second.cursor)
  heard.record(web, said({ requests: 2 }), 5)
  const third = heard.since(second.cursor)
  t.match(third.heard, [{ ...WEB, requests: 2 }])
  t.equal(third.heard.length, 1)
  clock.now += 1000
  heard.merge([from(WEB, 1_000_500)], 5)
  t.same(heard.since(third.cursor).heard, [], 'what others told us is not told on')
  for (const cursor of [undefined, 'x', `${INSTANCE}.`, `fedcba9876543210.999`, `${INSTANCE}.${'9'.repeat(16)}`, ''])
    t.match(heard.since(cursor).heard, [BANK], `${cursor} begins anew`)
  t.same(heard.since(`${INSTANCE}.999999`).heard, [])
  t.equal(heard.since(`${INSTANCE}.999999`).cursor, third.cursor, 'a cursor ahead of us does not hide what comes')
})

t.test('createHeard() tells listeners what changed, collected, and not what only counts further', async (t) => {
  const { heard, shelf } = start()
  const told: Change[] = []
  const stop = heard.onChange((change) => told.push(change))
  heard.record(web, said({ requests: 1 }), 5)
  heard.record(bank, said(), 5)
  heard.record(web, said({ requests: 2, state: 'active' }), 5)
  t.same(told, [])
  await sleep(50)
  t.equal(told.length, 1)
  t.match(told[0]!.changed.map(({ name, state }) => [name, state]).sort(), [
    ['api-1', 'waiting'],
    ['web-1', 'active'],
  ])
  heard.record(web, said({ requests: 99, blocked: 5, state: 'active' }), 5)
  await sleep(50)
  t.equal(told.length, 1, 'a heartbeat is no change')
  shelf.facts.delete(WEB.uid)
  heard.sweep()
  await sleep(50)
  t.equal(told.length, 2)
  t.same(told[1]!.changed, [])
  t.match(told[1]!.gone, [WEB])
  stop()
  heard.record(bank, said({ state: 'failed' }), 5)
  await sleep(50)
  t.equal(told.length, 2)
})

t.test('createHeard() tells listeners in time although changes never stop', async (t) => {
  const { heard } = start({ debounceMs: 30 })
  let told = 0
  heard.onChange(() => told++)
  for (let i = 0; i < 30; i++) {
    heard.record(web, said({ rules: i }), 5)
    await sleep(10)
  }
  t.ok(told >= 2, `${told} times in 300 ms`)
  heard.close()
})
