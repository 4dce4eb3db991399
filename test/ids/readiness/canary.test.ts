import t from 'tap'
import {
  afterAlert,
  afterLook,
  afterProblem,
  afterSent,
  type CanaryState,
  canaryDue,
  canaryFault,
  NO_CANARY,
} from '../../../src/ids/readiness/canary.ts'
import { CANARIES_PENDING } from '../../../src/ids/readiness/limits.ts'
import { LIMITS } from './facts.ts'

const UP = afterLook(NO_CANARY, true, 0, LIMITS)
const caught = (state: CanaryState, nonce: string, now: number) => afterAlert(state, nonce, now, LIMITS)
/** Sent and caught at the same moment. */
const ANSWERED = caught(afterSent(UP, 'a', 100), 'a', 101).state

t.test(
  'canaryDue() sends the first at once, tries every 2 s until one is caught, then once in the period',
  async (t) => {
    t.equal(canaryDue(NO_CANARY, 0, LIMITS), false, 'nothing crosses an interface without a carrier')
    t.equal(canaryDue(UP, 0, LIMITS), true)
    const sent = afterSent(UP, 'a', 0)
    t.equal(canaryDue(sent, 1.9, LIMITS), false)
    t.equal(canaryDue(sent, 2, LIMITS), true)
    t.equal(canaryDue(ANSWERED, 159, LIMITS), false)
    t.equal(canaryDue(ANSWERED, 160, LIMITS), true)
  },
)

t.test(
  'canaryDue() gives the first canary after a caught one all its time, and tries every 2 s from then on',
  async (t) => {
    const first = afterSent(ANSWERED, 'b', 160)
    t.equal(canaryDue(first, 164.9, LIMITS), false)
    t.equal(canaryDue(first, 165, LIMITS), true)
    const second = afterSent(first, 'c', 165)
    t.equal(canaryDue(second, 166.9, LIMITS), false)
    t.equal(canaryDue(second, 167, LIMITS), true)
  },
)

t.test('afterAlert() counts a nonce once, in time, and only one that was sent', async (t) => {
  const sent = afterSent(UP, 'a', 100)
  t.equal(caught(sent, 'b', 101).caught, false, 'made up')
  t.equal(caught(sent, 'a', 105.1).caught, false, 'too late')
  const once = caught(sent, 'a', 105)
  t.match(once, { caught: true, state: { caughtAt: 105, missingSince: undefined, pending: [] } })
  t.equal(caught(once.state, 'a', 105).caught, false, 'replayed')
  t.equal(caught(NO_CANARY, 'a', 101).caught, false, 'of another interface')
})

t.test('afterAlert() answers those sent before, not those sent after', async (t) => {
  const three = afterSent(afterSent(afterSent(UP, 'a', 0), 'b', 2), 'c', 4)
  const { state } = caught(three, 'b', 4)
  t.strictSame(
    state.pending.map(({ nonce }) => nonce),
    ['c'],
  )
})

t.test('afterSent() keeps a bounded number of them', async (t) => {
  let state = UP
  for (let n = 0; n < 1000; n++) state = afterSent(state, `${n}`, 1)
  t.equal(state.pending.length, CANARIES_PENDING)
  t.equal(caught(state, '999', 1).caught, true)
})

t.test('canaryFault() is lost after the period and the time of an answer', async (t) => {
  t.equal(canaryFault('eth0', ANSWERED, 101 + 65, LIMITS), undefined)
  t.equal(canaryFault('eth0', ANSWERED, 101 + 65.6, LIMITS), 'no alert for the canary on eth0 for 66 s (limit 65 s)')
  t.equal(canaryFault('eth0', UP, 1, LIMITS), 'no canary was sent on eth0 yet')
  t.equal(
    canaryFault('eth0', afterSent(UP, 'a', 0), 3, LIMITS),
    'no alert for the canary on eth0 yet, 3 s after the first (limit 5 s)',
  )
})

t.test('canaryFault() says why one could not be sent', async (t) => {
  const state = afterProblem(afterSent(UP, 'a', 0), 'a', 'eth0 has no address')
  t.match(canaryFault('eth0', state, 3, LIMITS), /: it could not be sent: eth0 has no address$/)
  t.equal(caught(state, 'a', 1).caught, false, 'what was not sent cannot be caught')
})

t.test('afterLook() asks nothing of an interface without a carrier, and soon of one that has it again', async (t) => {
  const down = afterLook(ANSWERED, false, 110, LIMITS)
  t.equal(canaryFault('eth0', down, 1000, LIMITS), undefined)
  const up = afterLook(down, true, 1000, LIMITS)
  t.equal(canaryDue(up, 1000, LIMITS), true)
  t.equal(canaryFault('eth0', up, 1005, LIMITS), undefined)
  t.match(canaryFault('eth0', up, 1006, LIMITS), /for 905 s \(limit 65 s\)$/)
  const never = afterLook(afterLook(UP, false, 1, LIMITS), true, 5, LIMITS)
  t.match(canaryFault('eth0', never, 5, LIMITS), /no canary was sent/)
})
