/** The deadline of `?timeout=`. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { budgetMs, parseTimeout, withDeadline } from '../../src/admission/deadline.ts'

for (const [text, ms] of [
  ['10s', 10_000],
  ['1m0s', 60_000],
  ['500ms', 500],
  ['1.5s', 1500],
  [undefined, 10_000],
] as const) {
  t.test(`parseTimeout(${text}) is ${ms} ms`, async (t) => t.equal(parseTimeout(text), ms))
}
for (const text of ['', '10', 's', '-1s', '1s ', '١s', '1'.repeat(40), ['1s', '2s'], 'Infinity']) {
  t.test(`parseTimeout(${JSON.stringify(text)}) is refused`, async (t) => {
    t.throws(() => parseTimeout(text), { code: 'BadTimeout' })
  })
}

for (const [timeout, budget] of [
  [1000, 900],
  [2000, 1800],
  [10_000, 9500],
  [30_000, 29_500],
  [600_000, 29_500],
  [100, 50],
  [0, 1],
] as const) {
  t.test(`budgetMs(${timeout}) leaves ${timeout - budget} ms for the way back`, async (t) =>
    t.equal(budgetMs(timeout), budget),
  )
}

t.test('withDeadline() ends work that does not listen, and aborts its signal', async (t) => {
  let seen: AbortSignal | undefined
  await t.rejects(
    withDeadline(20, async (signal) => {
      seen = signal
      await sleep(5000, undefined, { ref: false })
    }),
    { code: 'DeadlineOver', status: 504 },
  )
  t.equal(seen?.aborted, true)
})

t.test('withDeadline() gives what work gives', async (t) => {
  t.equal(await withDeadline(5000, async () => 'answer'), 'answer')
})
