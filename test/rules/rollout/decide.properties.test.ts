/** What holds whatever happens: worlds in which upstream, Pods, operators, the bench and time do as they like. */
import fc from 'fast-check'
import t from 'tap'
import { decideRollout } from '../../../src/rules/rollout/decide.ts'
import { compareVersions } from '../../../src/rules/rollout/newer.ts'
import { releaseFor, sameRelease } from '../../../src/rules/rollout/stage.ts'
import { parseRollout, printRollout, type RolloutState } from '../../../src/rules/rollout/state.ts'
import { printJson } from '../../../src/rules/rollout/stored.ts'
import { type Behave, factsOf, given, MINUTE, passed, podsOf, release, reportsOf, world } from './lab.ts'

const SPACES = ['shop', 'pay', 'web'] as const
const version = fc.integer({ min: 0, max: 5 }).map((patch) => `4.25.${patch}`)
const event = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 130 }).map((minutes) => ({ do: 'time' as const, minutes })) },
  { weight: 3, arbitrary: version.map((one) => ({ do: 'offer' as const, version: one })) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      version,
      spaces: fc.subarray([...SPACES]),
      as: fc.constantFrom('failed' as const, 'pending' as const, 'outdated' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('verdict' as const),
      verdict: fc.constantFrom('passed' as const, 'held' as const, 'refused' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), version: fc.option(version) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const), version: fc.option(version) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume' as const), version: fc.option(version) }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 900 }).map((minutes) => ({ do: 'freeze' as const, minutes })) },
  { weight: 1, arbitrary: fc.boolean().map((changed) => ({ do: 'blocked' as const, changed })) },
  { weight: 1, arbitrary: fc.boolean().map((settled) => ({ do: 'settled' as const, settled })) },
)
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never
const story = fc.array(event, { maxLength: 40 })
const canaries = fc.subarray(['pay'])

type World = ReturnType<typeof world>
/** Failing Pods, by version: what was said last counts. */
function happens(one: World, what: Event, behaviours: Map<string, Behave>) {
  const order = <K extends string>(kind: K, more: object) => {
    one.orders = { ...one.orders, [kind]: { ...more, ...given() } }
  }
  if (what.do === 'time') one.now += what.minutes * MINUTE
  if (what.do === 'offer') one.offer(what.version)
  if (what.do === 'fail') {
    behaviours.set(what.version, ({ namespace }) => (what.spaces.includes(namespace as 'shop') ? what.as : 'active'))
    one.behave = (pod, ref) => behaviours.get(ref.version)?.(pod, ref) ?? 'active'
  }
  if (what.do === 'verdict') one.verdict = (ref) => ({ ...passed(ref), verdict: what.verdict })
  if (what.do === 'pin') {
    const { pin: _, ...rest } = one.orders
    one.orders = rest
    if (what.version !== null) order('pin', { version: what.version })
  }
  if (what.do === 'rollback' || what.do === 'resume')
    order(
      what.do,
      what.version === null ? {} : what.do === 'rollback' ? { to: what.version } : { version: what.version },
    )
  if (what.do === 'freeze') order('freeze', { until: one.now + what.minutes * MINUTE })
  if (what.do === 'blocked')
    one.blocked = what.changed ? [{ namespace: 'shop', workload: 'w', detail: 'it differs.' }] : []
  if (what.do === 'settled') one.settled = what.settled
}

/** Runs a story and hands each step to `look`. */
const each = (
  look: (before: RolloutState, one: World, decision: ReturnType<World['step']>, at: { frozen: boolean }) => void,
  pods = SPACES.flatMap((space) => podsOf(space, 12)),
) =>
  fc.assert(
    fc.property(story, canaries, (events, canaryNamespaces) => {
      const one = world({ pods, settings: { canaryNamespaces } })
      const behaviours = new Map<string, Behave>()
      one.offer('4.25.0')
      one.settle()
      // Most stories are of a rollout, so each begins with one.
      one.offer('4.25.1')
      one.settle()
      for (const what of events) {
        happens(one, what, behaviours)
        const before = one.state
        const frozen = (one.orders.freeze?.until ?? 0) > one.now
        look(before, one, one.step(), { frozen })
      }
    }),
    { numRuns: 300 },
  )

t.test('decideRollout() never widens by more than one stage, and only after a soak time', async () => {
  each((before, one) => {
    const { next } = one.state
    if (next === null || before.next === null || !sameRelease(next.release, before.next.release)) return
    if (next.share < before.next.share) throw new Error('a share fell')
    if (next.share === before.next.share) return
    const shares = [0, ...one.settings.stages].filter((share) => share > before.next!.share)
    if (next.share !== shares[0]) throw new Error(`from ${before.next.share} to ${next.share}`)
    const soaked = one.now - before.next.since >= one.settings.soakMinutes * MINUTE
    const wasEmpty = one.pods.every((pod) => releaseFor(pod, before)?.slot !== 'next')
    if (!soaked && !wasEmpty) throw new Error('not soaked')
    if (before.next.halted !== undefined && next.halted !== undefined) throw new Error('halted')
  })
})

t.test(
  'decideRollout() begins at the first stage, and gives no Pod a release whose trial did not pass unless it is pinned',
  async () => {
    each((before, one, { actions }) => {
      for (const { do: what, release: ref } of actions) {
        if (what === 'begin' && one.state.next?.share !== (one.settings.canaryNamespaces.length > 0 ? 0 : 5))
          throw new Error('not the first stage')
        if (what !== 'begin' && what !== 'adopt') continue
        const verdict = [...one.state.kept, ...before.kept].find((kept) => sameRelease(kept.release, ref))?.trial
          ?.verdict
        if (verdict !== 'passed' && !(verdict === 'held' && one.orders.pin?.version === ref.version))
          throw new Error(`${verdict}`)
      }
    })
  },
)

t.test('decideRollout() gives `next` to no Pod outside the share and the canaries', async () => {
  each((_, one) => {
    const { next } = one.state
    if (next === null) return
    const wide: RolloutState = { ...one.state, next: { ...next, share: 100 } }
    for (const pod of one.pods) {
      const here = releaseFor(pod, one.state)!
      if (here.slot === 'next' && releaseFor(pod, wide)!.slot !== 'next') throw new Error('in, but not at 100 %')
      if (here.slot === 'next' && next.share === 0 && !next.canaries.includes(pod.namespace))
        throw new Error('no canary')
    }
  })
})

t.test('decideRollout() does not step forward while frozen, halted or pinned to another', async () => {
  each((before, one, { actions }, { frozen }) => {
    const forward = actions.filter(({ do: what }) => what === 'begin' || what === 'stage' || what === 'adopt')
    if (forward.length > 1) throw new Error('two steps at once')
    if (frozen && forward.length > 0) throw new Error('frozen')
    if (forward.length > 0 && one.orders.pin !== undefined && forward[0]!.release.version !== one.orders.pin.version)
      throw new Error('pinned')
    const resumed = actions.some(({ do: what }) => what === 'resume')
    if (before.next?.halted !== undefined && !resumed && forward.some(({ do: what }) => what === 'stage'))
      throw new Error('halted')
  })
})

t.test('decideRollout() reaches every Pod with a rollback, at once, and holds what it came from', async () => {
  each((before, one, { actions }) => {
    const back = actions.find(({ do: what }) => what === 'rollback')
    if (back === undefined) return
    if (one.state.next !== null) throw new Error('still rolling')
    for (const pod of one.pods) {
      const here = releaseFor(pod, one.state)!
      if (sameRelease(here.release, back.release)) throw new Error('a Pod still has it')
      if ((compareVersions(here.release.version, one.state.current!.version) ?? 0) > 0)
        throw new Error('newer than what was gone back to')
    }
    if (one.state.sealAfter !== one.now) throw new Error('old seals would be refused by the Pods')
    if (back.reason !== 'PinnedOlder' && !one.state.held.some((held) => sameRelease(held.release, back.release)))
      throw new Error('not held')
    if (before.current === null) throw new Error('from nothing')
  })
})

t.test('decideRollout() never takes a release from others over one namespace’s reports, whatever it says', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.constantFrom('failed' as const, 'pending' as const, 'active' as const, 'outdated' as const), {
        minLength: 1,
        maxLength: 30,
      }),
      (theirs, own, says) => {
        const one = world({ pods: [...podsOf('evil', theirs), ...podsOf('shop', own), ...podsOf('web', own)] })
        one.offer('4.25.0')
        one.settle()
        one.offer('4.25.1')
        one.settle()
        for (const say of says) {
          one.behave = (pod, { version: ran }) => (pod.namespace === 'evil' && ran === '4.25.1' ? say : 'active')
          const { actions } = one.step(25)
          if (actions.some(({ do: what }) => what === 'rollback')) throw new Error('rolled back')
        }
        if (one.state.held.length > 0) throw new Error('held')
      },
    ),
    { numRuns: 150 },
  )
})

t.test('decideRollout() keeps what any Pod runs or may go back to, and no more lists than bounded ones', async () => {
  each((_, one) => {
    const { state, settings } = one
    const kept = (ref: { version: string; sha256: string } | null | undefined) =>
      ref == null || state.kept.some((two) => sameRelease(two.release, ref))
    for (const ref of [state.current, state.previous, state.next?.release, ...state.setAside.map(({ stays }) => stays)])
      if (!kept(ref)) throw new Error(`${ref?.version} is not kept`)
    for (const pod of one.pods)
      if (!kept(releaseFor(pod, state)?.release)) throw new Error('a Pod runs what is not kept')
    if (state.kept.length > Math.max(settings.keepReleases, 5 + state.setAside.length)) throw new Error('too many')
    if (new Set(state.kept.map(({ release: ref }) => ref.sha256)).size !== state.kept.length) throw new Error('twice')
    if (sameRelease(state.current, state.next?.release)) throw new Error('next is current')
    if (state.previous !== null && sameRelease(state.previous, state.current)) throw new Error('previous is current')
  })
})

t.test(
  'decideRollout() is the same from the printed state, and says `urgent` exactly when more than progress changed',
  async () => {
    each((before, one, { state, urgent }) => {
      const read = parseRollout(printRollout(state))
      if (read.status !== 'read' || printRollout(read.state) !== printRollout(state))
        throw new Error('another state after printing')
      const facts = factsOf({
        reports: reportsOf(one.pods, state, one.behave),
        settled: one.settled,
        blocked: one.blocked,
      })
      const again = () => decideRollout(read.state, one.orders, one.settings, facts, one.now)
      const [a, b] = [again(), decideRollout(state, one.orders, one.settings, facts, one.now)]
      if (printJson(a) !== printJson(b)) throw new Error('not the same twice')
      const bare = ({ progress: _, ...rest }: RolloutState) => printRollout(rest)
      if (urgent !== (bare(before) !== bare(state))) throw new Error('urgent')
    })
  },
)

t.test(
  'decideRollout() comes to an end: with healthy Pods and time, the newest release that passes is everywhere',
  async () => {
    fc.assert(
      fc.property(story, canaries, (events, canaryNamespaces) => {
        const one = world({ pods: SPACES.flatMap((space) => podsOf(space, 12)), settings: { canaryNamespaces } })
        const behaviours = new Map<string, Behave>()
        for (const what of events) {
          happens(one, what, behaviours)
          one.step()
        }
        one.behave = () => 'active'
        one.blocked = []
        one.settled = true
        one.verdict = passed
        const { resume: _, ...none } = { resume: given() }
        one.orders = { ...none, resume: given() }
        one.step()
        one.orders = {}
        one.offered.push(release('4.26.0'))
        for (let i = 0; i < 12; i++) one.step(61)
        if (one.running('4.26.0') !== 1 || one.state.current?.version !== '4.26.0')
          throw new Error(JSON.stringify(one.state.progress?.waiting))
      }),
      { numRuns: 150 },
    )
  },
)
