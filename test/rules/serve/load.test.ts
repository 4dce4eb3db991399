/** measureLoad: an event loop that is held up is seen while it is, and forgotten afterwards. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { measureLoad } from '../../../src/rules/serve/load.ts'

t.test('measureLoad() sees a loop that is held up, within the same turn, and when it is free again', async (t) => {
  let at = 0
  const load = measureLoad({ clock: () => at, everyMs: 10, latestMs: 1000 })
  t.teardown(() => load.close())
  t.equal(load.overloaded(), false)
  at += 1010
  t.equal(load.overloaded(), false, 'not later than allowed')
  at += 1
  t.equal(load.overloaded(), true, 'the timer has not fired yet')
  while (load.overloaded()) {
    await sleep(10)
    at += 10
  }
  t.pass('free again')
})

t.test('measureLoad() by the real clock: a second of work in one turn is too much', async (t) => {
  const load = measureLoad({ everyMs: 20, latestMs: 300 })
  t.teardown(() => load.close())
  const until = performance.now() + 500
  while (performance.now() < until);
  t.equal(load.overloaded(), true)
})
