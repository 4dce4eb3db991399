/** What the pipeline says, as the readiness of the agent takes it: times on its clock that only rises. */
import type { RulesState } from '../readiness/facts.ts'
import type { IdsRulesState } from './state.ts'

export interface RulesClock {
  /** `rules.minimumRules`: asked of a fetched set; the rules of the image are not measured by it. */
  readonly minimumRules: number
  readonly nowMs: number
  /** Seconds of the readiness's clock, now. */
  readonly nowSeconds: number
}

export const rulesFacts = (state: IdsRulesState, { minimumRules, nowMs, nowSeconds }: RulesClock): RulesState => ({
  set: state.set,
  expected: state.expected,
  minimum: state.fetched ? minimumRules : 0,
  reload:
    state.reload === 'verified'
      ? { state: 'verified' }
      : state.reload === 'reloading'
        ? { state: 'running' }
        : {
            state: 'unverified',
            why: state.reload === 'starting' ? 'no set of rules was seen to run since the agent began' : state.detail,
          },
  // A clock that was set back must not make rules younger than now.
  confirmedAt: state.measured ? nowSeconds - Math.max(0, nowMs - state.confirmedAt) / 1000 : undefined,
})
