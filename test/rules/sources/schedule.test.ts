/** When upstream is asked again. */
import t from 'tap'
import { REFUSALS, type RefusalCode } from '../../../src/rules/sources/refusals.ts'
import { firstFetch, nextFetch } from '../../../src/rules/sources/schedule.ts'
import type { Fetched } from '../../../src/rules/sources/source.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const refused = (reason: RefusalCode, retryAfterMs?: number): Fetched => ({
  status: 'refused',
  reason,
  detail: '',
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})
const unchanged: Fetched = {
  status: 'unchanged',
  reason: 'NotModified',
  detail: '',
  known: { version: '4.25.0', sha256: '', content: '', rules: 1 },
}

const CASES: [what: string, last: Fetched, failures: number, random: number, ms: number][] = [
  ['after an answer, a tenth sooner at the earliest', unchanged, 0, 0, 0.9 * HOUR],
  ['after an answer, in the middle', unchanged, 0, 0.5, HOUR],
  ['after the first failure, half a minute at the earliest', refused('Unreachable'), 1, 0, MINUTE / 2],
  ['after the first failure, a minute at the latest', refused('Unreachable'), 1, 1, MINUTE],
  ['after the fourth, eight times as long', refused('TimedOut'), 4, 1, 8 * MINUTE],
  ['after very many, the interval', refused('UpstreamFault'), 1000, 0.5, HOUR],
  ['after what stays, the interval at once', refused('BadSignature'), 1, 0.5, HOUR],
  ['told to wait two hours, two hours', refused('RateLimited', 2 * HOUR), 1, 0.5, 2 * HOUR],
  ['told to wait a second, not sooner than the backoff', refused('RateLimited', 1000), 3, 1, 4 * MINUTE],
  ['told to wait a year, a day', refused('RateLimited', 365 * 24 * HOUR), 1, 0.5, 24 * HOUR],
]

t.test('nextFetch() spreads, backs off and waits as it is told', (t) => {
  for (const [what, last, failures, random, ms] of CASES)
    t.equal(nextFetch(last, { everyMs: HOUR, failures, random }), ms, what)
  t.end()
})

t.test('nextFetch() looks for a key soon while there is no release, and only then', (t) => {
  const soon = (reason: RefusalCode, random: number, nothingYet: boolean) =>
    nextFetch(refused(reason), { everyMs: HOUR, failures: 9, random, nothingYet })
  t.same([soon('NoKey', 0, true), soon('NoKey', 1, true)], [2.5 * MINUTE, 5 * MINUTE])
  t.equal(soon('NoKey', 0.5, false), HOUR)
  t.equal(soon('BadSignature', 0.5, true), HOUR)
  t.equal(nextFetch(refused('NoKey'), { everyMs: MINUTE, failures: 1, random: 0.5, nothingYet: true }), MINUTE)
  t.end()
})

t.test('nextFetch() never asks sooner than after half a minute, for any reason and any chance', (t) => {
  for (const reason of Object.keys(REFUSALS) as RefusalCode[])
    for (const random of [0, 0.3, 0.999]) {
      const ms = nextFetch(refused(reason), { everyMs: 5 * MINUTE, failures: 1, random })
      if (ms < MINUTE / 2 || ms > 1.1 * 5 * MINUTE) t.fail(`${reason} ${random}: ${ms}`)
    }
  t.pass('all reasons')
  t.end()
})

t.test('firstFetch() spreads over a minute', (t) => {
  t.same([firstFetch(0), firstFetch(0.5), firstFetch(1)], [0, MINUTE / 2, MINUTE])
  t.end()
})
