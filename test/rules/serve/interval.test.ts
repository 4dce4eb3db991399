/** paceOf: how often Pods ask. */
import t from 'tap'
import { pollSettings } from '../../../src/config/rules.ts'
import { paceOf } from '../../../src/rules/serve/interval.ts'

const settings = pollSettings.parse({})
const cases: [pods: number, replicas: number, interval: number, jitter: number][] = [
  [0, 1, 5, 1],
  [1, 1, 5, 1],
  [500, 1, 5, 1],
  [501, 1, 6, 1],
  [1_000, 2, 5, 1],
  [1_001, 2, 6, 1],
  [10_000, 1, 100, 25],
  [10_000, 2, 50, 12],
  [12_001, 1, 120, 30],
  [1_000_000, 1, 120, 30],
  [10_000, 0, 100, 25],
]
for (const [pods, replicas, interval, jitter] of cases)
  t.test(`paceOf() tells ${pods} Pods of ${replicas} replicas ${interval} s, less up to ${jitter} s`, async (t) => {
    t.same(paceOf(pods, replicas, settings), { interval, jitter })
  })
