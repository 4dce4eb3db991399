/** Releases, orders and a small world of Pods, for the tests of this room. */
import { type RolloutSettings, rolloutSettings } from '../../../src/config/rules.ts'
import type { ReleaseRef } from '../../../src/rules/model.ts'
import { decideRollout } from '../../../src/rules/rollout/decide.ts'
import type { BlockedChange, Counts, NamespaceReport, RolloutFacts } from '../../../src/rules/rollout/facts.ts'
import { hash32 } from '../../../src/rules/rollout/hash.ts'
import type { OperatorOrders } from '../../../src/rules/rollout/operator-orders.ts'
import { releaseFor, sameRelease } from '../../../src/rules/rollout/stage.ts'
import { EMPTY_ROLLOUT, type RolloutState } from '../../../src/rules/rollout/state.ts'

export const MINUTE = 60_000
export const START = Date.UTC(2026, 0, 5)

export const release = (version: string, salt = ''): ReleaseRef => {
  const part = hash32(version + salt)
    .toString(16)
    .padStart(8, '0')
  return { version, sha256: part.repeat(8) }
}
export const settingsOf = (changes: Partial<RolloutSettings> = {}): RolloutSettings => ({
  ...rolloutSettings.parse({}),
  ...changes,
})

let ids = 0
export const given = (by = 'ann') => ({ id: `order-${++ids}`, at: START, by, why: 'because' })

export interface Pod {
  readonly namespace: string
  readonly uid: string
}
export const podsOf = (namespace: string, count: number): Pod[] =>
  Array.from({ length: count }, (_, i) => ({ namespace, uid: `${namespace}-${i}-${hash32(`${namespace}${i}`)}` }))

type Behaviour = 'active' | 'failed' | 'pending' | 'outdated'
export type Behave = (pod: Pod, release: ReleaseRef) => Behaviour

const none = (): { -readonly [K in keyof Counts]: number } => ({
  pods: 0,
  active: 0,
  failed: 0,
  pending: 0,
  outdated: 0,
})

export const report = (
  namespace: string,
  stage: Partial<Counts>,
  rest: Partial<Counts> = {},
  reasons: Record<string, number> = (stage.failed ?? 0) > 0 ? { ConfigRefused: stage.failed! } : {},
): NamespaceReport => ({ namespace, stage: { ...none(), ...stage }, rest: { ...none(), ...rest }, reasons })

export const reportsOf = (pods: readonly Pod[], state: RolloutState, behave: Behave): NamespaceReport[] =>
  [...new Set(pods.map(({ namespace }) => namespace))].toSorted().map((namespace) => {
    const [stage, rest] = [none(), none()]
    for (const pod of pods.filter((one) => one.namespace === namespace)) {
      const run = releaseFor(pod, state)
      const counts = run?.slot === 'next' ? stage : rest
      counts.pods++
      counts[run === undefined ? 'pending' : behave(pod, run.release)]++
    }
    return report(
      namespace,
      stage,
      rest,
      stage.failed + rest.failed > 0 ? { ConfigRefused: stage.failed + rest.failed } : {},
    )
  })

export const factsOf = (changes: Partial<RolloutFacts> = {}): RolloutFacts => ({
  verified: [],
  trials: [],
  engine: '3.0.16',
  reports: [],
  settled: true,
  blocked: [],
  ...changes,
})
export const passed = (one: ReleaseRef, engine = '3.0.16'): RolloutFacts['trials'][number] => ({
  release: one,
  verdict: 'passed',
  reason: 'Passed',
  detail: '',
  engine,
})

/** A cluster that is moved on by hand: time, orders, what Pods do, what upstream offers; trials pass at the next step. */
export function world(
  options: { settings?: Partial<RolloutSettings>; pods?: readonly Pod[]; state?: RolloutState } = {},
) {
  const settings = settingsOf(options.settings)
  const pods = options.pods ?? [...podsOf('shop', 200), ...podsOf('pay', 200), ...podsOf('web', 200)]
  const self = {
    state: options.state ?? EMPTY_ROLLOUT,
    now: START,
    orders: {} as OperatorOrders,
    behave: (() => 'active') as Behave,
    verdict: ((one: ReleaseRef) => passed(one)) as (one: ReleaseRef) => RolloutFacts['trials'][number],
    blocked: [] as readonly BlockedChange[],
    offered: [] as ReleaseRef[],
    toTry: [] as ReleaseRef[],
    settled: true,
    engine: '3.0.16',
    offer: (...versions: string[]) => void self.offered.push(...versions.map((version) => release(version))),
    step: (minutes = 0) => {
      self.now += minutes * MINUTE
      const facts = factsOf({
        verified: self.offered.map((one) => ({ release: one, rules: 400 })),
        trials: self.toTry.map((one) => self.verdict(one)),
        engine: self.engine,
        reports: reportsOf(pods, self.state, self.behave),
        settled: self.settled,
        blocked: self.blocked,
      })
      self.offered = []
      const decision = decideRollout(self.state, self.orders, settings, facts, self.now)
      self.state = decision.state
      self.toTry = decision.actions.filter((one) => one.do === 'try').map((one) => one.release)
      return decision
    },
    /** Steps until nothing is done any more without time going on. */
    settle: () => {
      const actions = []
      for (let i = 0; i < 10; i++) {
        const decision = self.step()
        actions.push(...decision.actions)
        if (!decision.urgent && self.toTry.length === 0) return actions
      }
      throw new Error('it does not come to rest')
    },
    /** The share of the Pods that should run a release. */
    running: (version: string) =>
      pods.filter((pod) => releaseFor(pod, self.state)?.release.version === version).length / pods.length,
    pods,
    settings,
  }
  return self
}
export const isCurrent = (state: RolloutState, version: string): boolean => sameRelease(state.current, release(version))
