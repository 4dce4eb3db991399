/**
 * What the pipeline says, as the readiness of the agent takes it. `minimumRules` is asked of a fetched set; the rules of the image are not measured
 * by it.
 */
import type { IdsRulesSettings } from '../../config/ids.ts'
import type { RulesState } from '../readiness/facts.ts'
import type { IdsRulesState } from './state.ts'

export const rulesFacts = (
  state: IdsRulesState,
  { minimumRules }: Pick<IdsRulesSettings, 'minimumRules'>,
): RulesState => ({
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
  confirmedAt: state.measured ? state.confirmedAt / 1000 : undefined,
})
