/** What the taint of one node should be, as a table, and the patch that brings it about. */
import t from 'tap'
import { guardConfig } from '../../../src/config/guard.ts'
import { type DecideInput, decide } from '../../../src/guard/keep/decide.ts'
import { NO_HISTORY, remember, settleMs } from '../../../src/guard/keep/history.ts'
import type { Sight } from '../../../src/guard/keep/sight.ts'
import { taintForm, taintPatch } from '../../../src/guard/keep/taint.ts'

const MINUTE = 60_000
const BLIND: Sight = { kind: 'blind', reason: 'IdsNotReady', why: 'its IDS Pod x is not Ready', mend: 'look' }
const settings = (policy: 'remove' | 'keep' = 'remove', enabled = true) =>
  guardConfig.parse({ loss: { policy }, taint: { enabled } })
const NOW = 100 * MINUTE

const CASES: readonly [what: string, input: Partial<DecideInput>, is: string][] = [
  ['blind', {}, 'on IdsNotReady'],
  ['blind and tainted', { is: 'on' }, 'on IdsNotReady'],
  ['settings without taints', { is: 'on', settings: settings('keep', false) }, 'none TaintsOff'],
  ['not reached any more', { is: 'on', reached: false }, 'none NotReached'],
  ['not meant for it', { is: 'on', meant: false }, 'none NotMeant'],
  ['no DaemonSet, free', { meant: 'unknown' }, 'none '],
  ['no DaemonSet, tainted', { meant: 'unknown', is: 'on' }, 'on IdsNotReady'],
  ['not Ready for 9 min', { is: 'on', history: lost(9) }, 'on IdsNotReady'],
  ['not Ready for 10 min', { is: 'on', history: lost(10) }, 'waived Lost'],
  ['the same, to be kept', { is: 'on', history: lost(10), settings: settings('keep') }, 'kept Lost'],
  ['no Pod for 5 min', { is: 'on', history: lost(5), hasPod: false }, 'waived Lost'],
  ['no Pod for 4 min', { is: 'on', history: lost(4), hasPod: false }, 'on IdsNotReady'],
  ['lost, then another Pod that does not start', { is: 'waived', history: lost(1) }, 'waived Lost'],
  ['lost, and the policy became keep', { is: 'waived', history: lost(1), settings: settings('keep') }, 'kept Lost'],
  ['in grace', { sight: { kind: 'grace' } }, 'none '],
  ['in grace and tainted', { sight: { kind: 'grace' }, is: 'on' }, 'on '],
  ['covered for 9 s', { sight: { kind: 'covered' }, is: 'on', history: covered(9) }, 'on '],
  ['covered for 10 s', { sight: { kind: 'covered' }, is: 'on', history: covered(10) }, 'none Settled'],
  ['covered for 10 s after lost', { sight: { kind: 'covered' }, is: 'kept', history: covered(10) }, 'none Settled'],
  ['covered for 39 s after five losses', { sight: { kind: 'covered' }, is: 'on', history: covered(39, 5) }, 'on '],
  [
    'covered for 40 s after five losses',
    { sight: { kind: 'covered' }, is: 'on', history: covered(40, 5) },
    'none Settled',
  ],
  [
    'covered, and our key in a form that is none of ours',
    { sight: { kind: 'covered' }, is: 'other', history: covered(1) },
    'on ',
  ],
]
function lost(minutes: number) {
  return { ...NO_HISTORY, lostSince: NOW - minutes * MINUTE }
}
function covered(seconds: number, losses = 0) {
  return { ...NO_HISTORY, coveredSince: NOW - seconds * 1000, losses: Array.from({ length: losses }, () => NOW) }
}

for (const [what, more, is] of CASES)
  t.test(`decide() of a node that is ${what}: ${is}`, async (t) => {
    const input = { sight: BLIND, history: lost(0), reached: true, meant: true, is: 'none', hasPod: true } as const
    const { form, reason } = decide({ ...input, monotonic: NOW, settings: settings(), ...more })
    t.equal(`${form} ${reason}`, is)
  })

t.test(
  'remember() takes the age of what was before us from the taint, and never from a clock that runs ahead',
  async (t) => {
    const seen = { sight: BLIND, concerned: true, monotonic: NOW, flapMs: MINUTE }
    t.equal(remember(NO_HISTORY, { ...seen, taintedMs: 7 * MINUTE }).lostSince, NOW - 7 * MINUTE)
    t.equal(remember(NO_HISTORY, { ...seen, taintedMs: -7 * MINUTE }).lostSince, NOW, 'a taint of the future is new')
    t.equal(remember(NO_HISTORY, { ...seen, taintedMs: undefined }).lostSince, NOW)
    const watched = remember(NO_HISTORY, { ...seen, taintedMs: undefined })
    const later = { ...seen, monotonic: NOW + 1000 }
    t.equal(
      remember(watched, { ...later, taintedMs: 365 * 24 * 60 * MINUTE }).lostSince,
      NOW,
      'what we saw ourselves counts',
    )
    t.equal(remember(watched, { ...later, concerned: false, taintedMs: undefined }).lostSince, undefined)
  },
)

t.test('settleMs() doubles beyond the number of flaps, up to its limit', async (t) => {
  const settling = { settleSeconds: 10, flaps: 3, settleLimitSeconds: 300 }
  t.same(
    [0, 3, 4, 5, 8, 9, 1000].map((losses) => settleMs(losses, settling) / 1000),
    [10, 10, 20, 40, 300, 300, 300],
  )
  t.equal(settleMs(4, { ...settling, settleSeconds: 0 }), 2000)
})

t.test('taintPatch() changes our key alone, and says what it takes the place of', async (t) => {
  const theirs = { key: 'theirs', value: 'x', effect: 'NoSchedule' }
  const ours = { key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule', timeAdded: '2030-01-01T00:00:00Z' }
  const now = Date.parse('2031-01-01T00:00:00.500Z')
  t.same(taintPatch([], 'on', now), [
    { op: 'test', path: '/spec/taints', value: null },
    { op: 'add', path: '/spec/taints', value: [{ ...ours, timeAdded: '2031-01-01T00:00:00Z' }] },
  ])
  t.same(taintPatch([ours, theirs], 'waived', now), [
    { op: 'test', path: '/spec/taints', value: [ours, theirs] },
    { op: 'add', path: '/spec/taints', value: [theirs, { ...ours, value: 'lost', effect: 'PreferNoSchedule' }] },
  ])
  t.same(taintPatch([ours], 'none', now), [
    { op: 'test', path: '/spec/taints', value: [ours] },
    { op: 'remove', path: '/spec/taints' },
  ])
  t.equal(taintPatch([theirs, ours], 'on', now), undefined)
  t.equal(taintForm([ours, { ...ours, effect: 'NoExecute' }]), 'other')
})
