/** What becomes of releases, told as stories. */
import t from 'tap'
import { given, isCurrent, MINUTE, podsOf, release, START, world } from './lab.ts'

const did = (actions: readonly { do: string; reason: string }[]) => actions.map((one) => `${one.do} ${one.reason}`)

/** A world in which 4.25.0 is current and 4.25.1 was just offered and tried. */
const rolling = (options: Parameters<typeof world>[0] = {}) => {
  const one = world(options)
  one.offer('4.25.0')
  one.settle()
  one.offer('4.25.1')
  one.settle()
  return one
}
/** The same with 4.25.1 current. */
const finished = (options: Parameters<typeof world>[0] = {}) => {
  const one = rolling(options)
  for (let i = 0; i < 4; i++) one.step(61)
  return one
}

t.test('decideRollout() gives the first release to all at once, after its trial', async (t) => {
  const one = world()
  one.offer('4.25.0')
  const first = one.step()
  t.same(did(first.actions), ['try NotTried'])
  t.equal(one.running('4.25.0'), 0)
  t.same(did(one.step().actions), ['adopt FirstRelease'])
  t.equal(one.running('4.25.0'), 1)
})

t.test('decideRollout() rolls a newer release out in stages, a soak time each, and keeps the one before', async (t) => {
  const one = rolling()
  t.match(one.state.next, { stage: 0, stages: 3, share: 5 })
  t.ok(one.running('4.25.1') > 0 && one.running('4.25.1') < 0.12)
  t.same(did(one.step(59).actions), [])
  t.match(one.state.progress?.waiting, { reason: 'Soaking' })
  t.same(did(one.step(1).actions), ['stage StageStood'])
  t.match(one.state.next, { stage: 1, share: 25 })
  t.same(did(one.step(60).actions), ['stage StageStood'])
  t.equal(one.running('4.25.1'), 1)
  t.ok(isCurrent(one.state, '4.25.0'), 'the last stage is watched too')
  t.same(did(one.step(60).actions), ['finish Finished'])
  t.ok(isCurrent(one.state, '4.25.1'))
  t.same(one.state.previous, release('4.25.0'))
  t.equal(one.state.next, null)
})

t.test('decideRollout() begins with the canary namespaces, whole', async (t) => {
  const one = rolling({ settings: { canaryNamespaces: ['pay'] } })
  t.match(one.state.next, { stage: 0, stages: 4, share: 0, canaries: ['pay'] })
  t.equal(one.running('4.25.1'), 1 / 3)
  one.step(60)
  t.match(one.state.next, { stage: 1, share: 5 })
  t.ok(one.running('4.25.1') > 1 / 3 && one.running('4.25.1') < 0.45)
})

t.test('decideRollout() passes a stage that holds no Pod, and no other, without a soak time', async (t) => {
  const one = rolling({ pods: podsOf('shop', 1) })
  t.match(one.state.next, { share: 100 }, '5 % and 25 % of one Pod are none')
  t.equal(one.running('4.25.1'), 1)
  t.same(did(one.step(59).actions), [])
  t.same(did(one.step(2).actions), ['finish Finished'])
})

t.test(
  'decideRollout() waits for those who did not poll, but not for ever, and not before all had time to',
  async (t) => {
    const one = rolling()
    one.behave = (pod, { version }) => (pod.namespace !== 'shop' && version === '4.25.1' ? 'pending' : 'active')
    one.settled = false
    one.step(61)
    t.match(one.state.progress?.waiting, { reason: 'Listening' })
    one.settled = true
    one.step()
    t.match(one.state.progress?.waiting, { reason: 'StageBehind' })
    t.match(did(one.step(180).actions), ['stage StageLate'])
  },
)

t.test('decideRollout() does not take silence for consent', async (t) => {
  const one = rolling()
  one.behave = (_, { version }) => (version === '4.25.1' ? 'pending' : 'active')
  for (let i = 0; i < 20; i++) t.same(one.step(60).actions, [])
  t.match(one.state.next, { share: 5 })
})

t.test(
  'decideRollout() takes a release back when the engines of two namespaces refuse it, and not again',
  async (t) => {
    const one = rolling()
    one.behave = (pod, { version }) => (version === '4.25.1' && pod.namespace !== 'web' ? 'failed' : 'active')
    const { actions, urgent } = one.step(1)
    t.same(did(actions), ['rollback EnginesFailing'])
    t.ok(urgent)
    t.match(actions[0]?.detail, /refuse 4\.25\.1, in pay, shop: ConfigRefused \d+\.$/)
    t.equal(one.running('4.25.0'), 1)
    t.match(one.state.held, [{ release: { version: '4.25.1' }, by: 'engines' }])
    t.match(one.state.wentBack, { from: { version: '4.25.1' }, to: { version: '4.25.0' }, by: 'automatic' })
    t.equal(one.state.sealAfter, one.now, 'its bundles must be sealed anew')
    one.behave = () => 'active'
    one.offer('4.25.1')
    for (let i = 0; i < 10; i++) t.same(one.step(600).actions, [])
    one.offer('4.25.2')
    t.same(did(one.settle()), ['try NotTried', 'begin NewRelease'], 'a newer one is taken')
  },
)

t.test('decideRollout() lets one namespace stay behind alone, and goes on with the others', async (t) => {
  const one = rolling()
  one.behave = (pod, { version }) => (version === '4.25.1' && pod.namespace === 'shop' ? 'failed' : 'active')
  t.same(did(one.step(1).actions), ['setAside NamespaceFailing'])
  t.match(one.state.setAside, [{ namespace: 'shop', stays: { version: '4.25.0' }, refuses: { version: '4.25.1' } }])
  for (let i = 0; i < 3; i++) one.step(60)
  t.ok(isCurrent(one.state, '4.25.1'))
  t.equal(one.running('4.25.1'), 2 / 3)
  t.equal(one.running('4.25.0'), 1 / 3)
  one.behave = () => 'active'
  one.offer('4.25.2')
  one.settle()
  for (let i = 0; i < 3; i++) one.step(60)
  t.equal(one.running('4.25.2'), 1, 'the next release is for all again')
  t.same(one.state.setAside, [])
})

t.test('decideRollout() counts namespaces that were set aside before', async (t) => {
  const one = rolling()
  one.behave = (pod, { version }) => (version === '4.25.1' && pod.namespace === 'shop' ? 'failed' : 'active')
  one.step(1)
  one.behave = (pod, { version }) => (version === '4.25.1' && pod.namespace === 'pay' ? 'failed' : 'active')
  t.same(did(one.step(1).actions), ['rollback EnginesFailing'])
  t.same(one.state.setAside, [])
})

t.test(
  'decideRollout() takes a release back from a cluster of one namespace when a fifth refuses, and one Pod is no fifth',
  async (t) => {
    const one = rolling({ pods: podsOf('shop', 100) })
    one.step(60)
    const stage = one.pods.filter(() => true).length
    t.equal(stage, 100)
    one.behave = (_, { version }) => (version === '4.25.1' ? 'failed' : 'active')
    t.same(did(one.step(1).actions), ['rollback EnginesFailing'])
    const few = rolling({ pods: podsOf('shop', 1) })
    few.behave = (_, { version }) => (version === '4.25.1' ? 'failed' : 'active')
    t.same(did(few.step(1).actions), ['setAside NamespaceFailing'])
    few.step(121)
    t.match(few.state.next?.halted, { reason: 'NothingProven' })
  },
)

t.test('decideRollout() halts when a canary namespace refuses', async (t) => {
  const one = rolling({ settings: { canaryNamespaces: ['pay'] } })
  one.behave = (pod, { version }) => (version === '4.25.1' && pod.namespace === 'pay' ? 'failed' : 'active')
  t.same(did(one.step(1).actions), ['setAside NamespaceFailing', 'halt CanaryFailing'])
  t.equal(one.running('4.25.0'), 1)
  for (let i = 0; i < 10; i++) t.same(one.step(600).actions, [])
})

t.test(
  'decideRollout() halts and never goes back when another share is blocked, until an operator says resume',
  async (t) => {
    const one = rolling()
    one.blocked = [
      { namespace: 'shop', workload: 'Deployment/a', detail: 'Deployment/a in shop blocks 9 % instead of 1 %.' },
    ]
    t.same(did(one.step(1).actions), ['halt BlockedShareChanged'])
    t.match(one.state.next, { share: 5, halted: { detail: /blocks 9 % instead of 1 %/ } })
    for (let i = 0; i < 10; i++) t.same(one.step(600).actions, [])
    t.ok(one.running('4.25.1') > 0)
    one.orders = { resume: given() }
    t.same(did(one.step().actions), ['resume Resumed'])
    t.same(did(one.step(59).actions), [], 'it is watched anew')
    t.same(did(one.step(1).actions), ['stage StageStood'], 'and not asked again')
  },
)

t.test('decideRollout() lets a newer release replace one in mid-rollout, from the first stage', async (t) => {
  const one = rolling()
  one.step(60)
  one.offer('4.25.2')
  t.same(did(one.settle()), ['try NotTried', 'begin Superseded'])
  t.match(one.state.next, { release: { version: '4.25.2' }, stage: 0, share: 5 })
  t.equal(one.running('4.25.1'), 0)
  t.equal(one.state.sealAfter, one.now)
})

t.test('decideRollout() begins nothing while frozen, yet goes back', async (t) => {
  const one = rolling()
  one.orders = { freeze: { until: START + 600 * MINUTE, ...given() } }
  one.offer('4.25.2')
  one.settle()
  t.same(one.step(61).actions, [])
  t.match(one.state.next, { release: { version: '4.25.1' }, share: 5 })
  t.match(one.state.progress?.waiting, { reason: 'Frozen' })
  one.orders = { ...one.orders, rollback: given() }
  t.same(did(one.step().actions), ['rollback RolledBack'])
  t.equal(one.running('4.25.0'), 1)
  t.match(did(one.step(600).actions), [])
})

t.test('decideRollout() holds still while orders cannot be read', async (t) => {
  const one = rolling()
  one.orders = { unreadable: ['pin'] }
  t.same(one.step(600).actions, [])
  t.match(one.state.progress?.waiting, { reason: 'OrdersUnreadable' })
})

t.test('decideRollout() holds what the bench does not pass, until another engine tries it', async (t) => {
  const one = world()
  one.offer('4.25.0')
  one.settle()
  one.verdict = (ref) => ({
    release: ref,
    verdict: 'refused',
    reason: 'EngineRefused',
    detail: 'line 7',
    engine: one.engine,
  })
  one.offer('4.25.1')
  t.same(did(one.settle()), ['try NotTried', 'hold TrialRefused'])
  t.match(one.state.held, [{ by: 'trial', engine: '3.0.16', detail: 'EngineRefused: line 7' }])
  one.orders = { pin: { version: '4.25.1', ...given() } }
  one.settle()
  t.match(one.state.progress?.waiting, { reason: 'PinHeld' }, 'a pin cannot make the engine take it')
  one.orders = {}
  one.engine = '3.0.17'
  one.verdict = (ref) => ({ release: ref, verdict: 'passed', reason: 'Passed', detail: '', engine: one.engine })
  t.same(did(one.settle()), ['release Released', 'try NotTried', 'begin NewRelease'])
})

t.test('decideRollout() takes what the bench found different when it is pinned, in stages', async (t) => {
  const one = world()
  one.offer('4.25.0')
  one.settle()
  one.verdict = (ref) => ({ release: ref, verdict: 'held', reason: 'BlocksGood', detail: 'x', engine: one.engine })
  one.offer('4.25.1')
  one.settle()
  t.equal(one.state.next, null)
  one.orders = { pin: { version: '4.25.1', ...given() } }
  t.same(did(one.settle()), ['release Released', 'begin PinnedRelease'])
})

t.test(
  'decideRollout() goes back at once to an older release that is pinned and kept, and forward again when unpinned',
  async (t) => {
    const one = finished()
    t.ok(isCurrent(one.state, '4.25.1'))
    one.orders = { pin: { version: '4.25.0', ...given() } }
    t.same(did(one.settle()), ['rollback PinnedOlder'])
    t.equal(one.running('4.25.0'), 1)
    one.offer('4.25.2')
    t.same(did(one.settle()), [], 'only the pinned one')
    one.orders = {}
    t.same(did(one.settle()), ['try NotTried', 'begin NewRelease'])
  },
)

t.test('decideRollout() drops a rollout of another release than the pinned one', async (t) => {
  const one = rolling()
  one.orders = { pin: { version: '4.25.0', ...given() } }
  t.same(did(one.settle()), ['drop PinnedOther'])
  t.equal(one.running('4.25.0'), 1)
})

t.test(
  'decideRollout() asks for a pinned version that is not kept, and leaves the current one meanwhile',
  async (t) => {
    const one = finished()
    one.orders = { pin: { version: '4.24.0', ...given() } }
    one.settle()
    t.match(one.state.progress?.waiting, {
      reason: 'PinNotKept',
      detail: /4\.24\.0 is not kept; kept are 4\.25\.1, 4\.25\.0/,
    })
    t.equal(one.running('4.25.1'), 1)
    one.offer('4.24.0')
    t.same(did(one.settle()), ['try NotTried', 'rollback PinnedOlder'])
  },
)

t.test('decideRollout() goes back when an operator says so, once, and does not take it again by itself', async (t) => {
  const one = finished()
  one.orders = { rollback: { ...given('ben'), why: 'checkout is slow' } }
  const actions = one.settle()
  t.same(did(actions), ['rollback RolledBack'])
  t.equal(actions[0]?.detail, 'ben took 4.25.1 back to 4.25.0: checkout is slow')
  t.equal(one.running('4.25.0'), 1)
  t.match(one.state.held, [{ release: { version: '4.25.1' }, by: 'operator' }])
  t.same(one.step(600).actions, [])
  one.orders = { resume: { version: '4.25.1', ...given() }, ...one.orders }
  t.same(did(one.settle()), ['release Released', 'begin NewRelease'])
})

t.test('decideRollout() says why a rollback cannot be carried out, once', async (t) => {
  const first = world()
  first.offer('4.25.0')
  first.settle()
  const one = finished()
  const cases: [ReturnType<typeof world>, object, string][] = [
    [first, { rollback: given() }, 'NothingToGoBackTo'],
    [one, { rollback: { to: '3.3.0', ...given() } }, 'NotKept'],
    [one, { rollback: { to: '4.25.1', ...given() } }, 'NotOlder'],
    [one, { rollback: given(), pin: { version: '4.25.1', ...given() } }, 'PinnedElsewhere'],
    [one, { resume: given() }, 'NothingToResume'],
  ]
  for (const [where, orders, reason] of cases) {
    where.orders = orders
    t.same(did(where.settle()), [`obey ${reason}`])
    t.same(where.step().actions, [])
  }
  t.ok(isCurrent(one.state, '4.25.1'))
})

t.test('decideRollout() does not pin again what was taken back after it was pinned', async (t) => {
  const one = rolling()
  one.orders = { pin: { version: '4.25.1', ...given() } }
  one.settle()
  one.behave = (_, { version }) => (version === '4.25.1' ? 'failed' : 'active')
  one.step(1)
  one.behave = () => 'active'
  one.settle()
  t.match(one.state.progress?.waiting, { reason: 'PinHeld' })
  one.orders = { pin: { version: '4.25.1', ...given() } }
  t.same(did(one.settle()), ['release Released', 'begin PinnedRelease'])
})

t.test('decideRollout() keeps what runs and what is gone back to, and as many others as it should', async (t) => {
  const one = finished()
  one.orders = { freeze: { until: START * 2, ...given() } }
  one.offer('4.25.2', '4.25.3', '4.25.4', '4.25.5')
  one.settle()
  t.same(
    one.state.kept.map((kept) => kept.release.version),
    ['4.25.5', '4.25.1', '4.25.0'],
  )
})

t.test(
  'decideRollout() lets a namespace that refuses one release after the other stay with the last it took, and keeps that',
  async (t) => {
    const one = rolling()
    one.behave = (pod, { version }) => (version !== '4.25.0' && pod.namespace === 'shop' ? 'failed' : 'active')
    for (const version of ['4.25.2', '4.25.3', '4.25.4', '4.25.5']) {
      for (let i = 0; i < 4; i++) one.step(61)
      one.offer(version)
      one.settle()
    }
    t.ok(isCurrent(one.state, '4.25.4'))
    t.equal(one.running('4.25.0'), 1 / 3)
    t.ok(one.state.kept.some((kept) => kept.release.version === '4.25.0'))
    one.orders = { rollback: given() }
    one.settle()
    t.equal(one.running('4.25.0'), 1 / 3, 'what the others go back to it refused as well')
    t.equal(one.running('4.25.4'), 2 / 3)
    one.orders = { rollback: { to: '4.25.0', ...given() } }
    one.settle()
    t.equal(one.running('4.25.0'), 1)
    t.same(one.state.setAside, [])
  },
)
