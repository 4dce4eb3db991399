/** The state of the rollout and the operators' orders, as they are kept; the last readable one where what is kept now cannot be read. */
import { type OperatorOrders, ORDERS_CONFIGMAP, parseOrders } from '../rollout/operator-orders.ts'
import {
  EMPTY_ROLLOUT,
  parseRollout,
  printRollout,
  ROLLOUT_CONFIGMAP,
  ROLLOUT_KEY,
  type RolloutState,
} from '../rollout/state.ts'
import type { Kept } from './kept.ts'

export interface RolloutStore {
  state(): RolloutState
  orders(): OperatorOrders
  /** What cannot be read, a sentence each. */
  problems(): readonly string[]
  /**
   * Stores what `change` makes of what is stored, or of what can be told where that was lost; undefined leaves it.
   * @throws as Kept.write; where a newer version wrote it
   */
  update(change: (state: RolloutState) => RolloutState | undefined): Promise<void>
}

/** @param recover what to begin with where nothing readable was ever seen: by what was published, so that lost state is no first release */
export function createRolloutStore(
  kept: Pick<Kept, 'get' | 'write'>,
  recover: () => RolloutState = () => EMPTY_ROLLOUT,
): RolloutStore {
  let text: string | undefined
  let state = EMPTY_ROLLOUT
  let problem: string | undefined
  let foreign = false

  const read = (now: string | undefined): RolloutState => {
    if (now === text) return state
    text = now
    const parsed = parseRollout(now)
    if (parsed.status === 'none' || parsed.status === 'read') {
      state = parsed.state
      problem = undefined
      foreign = false
    } else {
      problem = `${parsed.detail}; lost is ${parsed.lost}`
      foreign = parsed.status === 'newer'
    }
    return state
  }
  const current = () => read(kept.get(ROLLOUT_CONFIGMAP)?.data[ROLLOUT_KEY])
  const orders = () => parseOrders(kept.get(ORDERS_CONFIGMAP)?.data)

  return {
    state: current,
    orders: () => orders().orders,
    problems: () => {
      current()
      return [...(problem === undefined ? [] : [problem]), ...orders().problems.map(({ detail }) => detail)]
    },
    update: (change) =>
      kept.write(ROLLOUT_CONFIGMAP, (now) => {
        const known = read(now?.data[ROLLOUT_KEY])
        const before = known === EMPTY_ROLLOUT ? recover() : known
        if (foreign) throw new Error(`Cannot write the state of the rollout: ${problem}`)
        const after = change(before)
        return after && { data: { ...now?.data, [ROLLOUT_KEY]: printRollout(after) } }
      }),
  }
}
