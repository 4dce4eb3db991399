/** When namespaces are looked at, with a clock that the test moves. */
import t from 'tap'
import type { Settled } from '../../../src/rules/publish/publisher.ts'
import { createScheduler } from '../../../src/rules/publish/scheduler.ts'
import { linesLog } from '../../cluster-cache/lab.ts'

function setUp() {
  let time = 0
  const timers = new Set<{ at: number; call: () => void }>()
  const runs: { namespace: string; at: number; signal: AbortSignal; end: PromiseWithResolvers<Settled> }[] = []
  let faults = 0
  const scheduler = createScheduler({
    settle: (namespace, signal) => {
      const end = Promise.withResolvers<Settled>()
      signal.addEventListener('abort', () => end.reject(signal.reason))
      runs.push({ namespace, at: time, signal, end })
      return end.promise
    },
    now: () => time,
    after: (ms, call) => {
      const timer = { at: time + ms, call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    log: linesLog().log,
    failed: () => faults++,
  })
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  scheduler.start()
  return {
    scheduler,
    runs,
    faults: () => faults,
    settle,
    pass: async (ms: number) => {
      const until = time + ms
      for (;;) {
        const due = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        time = due.at
        due.call()
        await settle()
      }
      time = until
    },
  }
}
const calm: Settled = { wakeAt: Number.POSITIVE_INFINITY, unfinished: false }

t.test('many changes in a moment are one look', async (t) => {
  const { scheduler, runs, pass, settle } = setUp()
  for (let i = 0; i < 50; i++) scheduler.wake('shop', true)
  await pass(1000)
  t.equal(runs.length, 1)
  t.ok(runs[0]!.at <= 500, `after ${runs[0]!.at} ms`)
  runs[0]!.end.resolve(calm)
  await settle()
  await pass(3_600_000)
  t.equal(runs.length, 1)
  t.equal(scheduler.busy, 0)
})

t.test('one that waits for its trial holds up no other', async (t) => {
  const { scheduler, runs, pass } = setUp()
  scheduler.wake('slow')
  await pass(1000)
  scheduler.wake('shop')
  await pass(1000)
  t.same(
    runs.map(({ namespace }) => namespace),
    ['slow', 'shop'],
  )
})

t.test(
  'changed inputs end what is under way; Pods that come and go do not, and are looked at afterwards',
  async (t) => {
    const { scheduler, runs, pass, settle } = setUp()
    scheduler.wake('shop')
    await pass(1000)
    scheduler.wake('shop')
    await pass(1000)
    t.equal(runs.length, 1)
    t.notOk(runs[0]!.signal.aborted)
    scheduler.wake('shop', true)
    await settle()
    t.ok(runs[0]!.signal.aborted)
    await pass(1000)
    t.equal(runs.length, 2)
    scheduler.wake('shop')
    runs[1]!.end.resolve(calm)
    await settle()
    await pass(1000)
    t.equal(runs.length, 3)
  },
)

t.test(
  'it wakes when an exclusion ends, soon when something is unfinished, and later each time after a fault',
  async (t) => {
    const { scheduler, runs, pass, settle, faults } = setUp()
    scheduler.wake('shop')
    await pass(250)
    runs[0]!.end.resolve({ wakeAt: 60_000, unfinished: false })
    await settle()
    await pass(59_000)
    t.equal(runs.length, 1)
    await pass(2_000)
    t.equal(runs.length, 2)
    t.ok(runs[1]!.at >= 60_000, 'not a moment before')
    runs[1]!.end.resolve({ wakeAt: Number.POSITIVE_INFINITY, unfinished: true })
    await settle()
    await pass(2_000)
    t.equal(runs.length, 3)
    const waits: number[] = []
    for (let i = 2; i < 8; i++) {
      const before = runs[i]!.at
      runs[i]!.end.reject(new Error('409'))
      await settle()
      for (let n = 0; n < 100 && runs.length === i + 1; n++) await pass(1000)
      waits.push(runs[i + 1]!.at - before)
    }
    t.equal(faults(), 6)
    t.ok(
      waits.every((wait, i) => i === 0 || wait >= waits[i - 1]!),
      waits.join(', '),
    )
    t.ok(waits.at(-1)! >= 10 * waits[0]! && waits.at(-1)! <= 31_000, waits.join(', '))
  },
)

t.test('who does not lead any more looks at nothing, and ends what is under way', async (t) => {
  const { scheduler, runs, pass, settle } = setUp()
  scheduler.wake('shop')
  scheduler.wake('lab')
  await pass(300)
  scheduler.stop()
  await settle()
  t.ok(runs.every(({ signal }) => signal.aborted))
  scheduler.wake('shop')
  await pass(60_000)
  t.equal(runs.length, 2)
  scheduler.start()
  scheduler.wake('shop')
  await pass(300)
  t.equal(runs.length, 3)
})
