/**
 * What becomes of releases: from the state, the orders, the settings and the facts to the next state, and what is to be told. Pure; the
 * leader calls it now and then and after every change, writes the state, and then serves by it.
 *
 *     learn (releases, trials) ─► obey (orders) ─► watch (Pods) ─► advance (one step)
 *
 * A step back is never held up by a freeze; a step forward is at most one at a time.
 */
import type { RolloutSettings } from '../../config/rules.ts'
import { advance } from './advance.ts'
import type { Context, Decision, Draft, RolloutFacts } from './facts.ts'
import { prune } from './keep.ts'
import { learn } from './learn.ts'
import { obey } from './obey.ts'
import type { OperatorOrders } from './operator-orders.ts'
import { progressOf } from './progress.ts'
import { printRollout, type RolloutState } from './state.ts'
import { watch } from './watch.ts'

/** @param now ms since 1970 */
export function decideRollout(
  state: RolloutState,
  orders: OperatorOrders,
  settings: RolloutSettings,
  facts: RolloutFacts,
  now: number,
): Decision {
  const context: Context = { orders, settings, facts, now }
  const told = obey(learn({ state, actions: [] }, context), context)
  const back = told.actions.some((one) => one.do === 'rollback' || one.do === 'drop')
  const watched = back ? told : watch(told, context)
  // Reports were counted against the state before: after a step back they say nothing of what is there now.
  const steppedBack = back || watched.actions.some((one) => one.do === 'rollback')
  const draft: Draft = steppedBack ? watched : advance(watched, context)
  const pruned = prune(draft.state, settings.keepReleases, orders.pin?.version)
  const { progress: _, ...before } = state
  const { progress: __, ...after } = pruned
  const urgent = printRollout(after) !== printRollout(before)
  return {
    state: { ...after, progress: progressOf(facts, draft.waiting, now) },
    actions: draft.actions,
    urgent,
  }
}
