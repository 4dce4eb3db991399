/** What a decision is made from, beside state, orders and settings; and what it says should be done. All plain data. */
import type { RolloutSettings } from '../../config/rules.ts'
import type { ReleaseRef, TrialResult } from '../model.ts'
import type { OperatorOrders } from './operator-orders.ts'
import type { RolloutReasonCode } from './reasons.ts'
import type { RolloutState } from './state.ts'

/** Pods by what they told last. */
export interface Counts {
  readonly pods: number
  /** Run what they should. */
  readonly active: number
  /** Their engine refuses it: a code of ENGINE_FAILURES. */
  readonly failed: number
  /** Not heard of it yet, or hindered by something that says nothing of the release (a full volume). */
  readonly pending: number
  /** It was not tried on their engine: they keep what they have, and are not counted for or against. */
  readonly outdated: number
}
export interface NamespaceReport {
  readonly namespace: string
  /** Pods that should run `next`. */
  readonly stage: Counts
  /** The others. */
  readonly rest: Counts
  /** Why Pods do not run what they should: code → Pods, stage and rest together. */
  readonly reasons: Readonly<Record<string, number>>
}

/** A workload whose Pods of the stage block another share than its others. */
export interface BlockedChange {
  readonly namespace: string
  readonly workload: string
  readonly detail: string
}

export interface RolloutFacts {
  /** Releases that were verified and kept since the last decision, or all that are kept: those known already are no news. */
  readonly verified: readonly { readonly release: ReleaseRef; readonly rules: number }[]
  /** Results of the full trial. */
  readonly trials: readonly ({ readonly release: ReleaseRef } & Pick<
    TrialResult,
    'verdict' | 'reason' | 'detail' | 'engine'
  >)[]
  /** That the bench runs now. */
  readonly engine?: string | undefined
  /** Of every namespace with protected Pods, counted against `state` as it is handed in. */
  readonly reports: readonly NamespaceReport[]
  /** Whether every Pod has had time to poll since this leader listens: before that, silence means nothing. */
  readonly settled: boolean
  readonly blocked: readonly BlockedChange[]
}

export type RolloutAction = {
  /**
   * `try`: hand it to the bench. `adopt`: it is current at once. `begin`, `stage`, `finish`: the rollout. `obey`: an order was carried out or
   * cannot be. The rest as it says; all are already in the new state, so that nothing is to be done for them but to tell.
   */
  readonly do:
    | 'try'
    | 'adopt'
    | 'begin'
    | 'stage'
    | 'finish'
    | 'halt'
    | 'resume'
    | 'setAside'
    | 'rollback'
    | 'drop'
    | 'hold'
    | 'release'
    | 'obey'
  readonly reason: RolloutReasonCode
  readonly detail: string
  readonly release: ReleaseRef
}

export interface Decision {
  readonly state: RolloutState
  readonly actions: readonly RolloutAction[]
  /** Whether more than `progress` changed: then it must be written before anything is served by it; else now and then is enough. */
  readonly urgent: boolean
}

/** What every step of a decision may look at. */
export interface Context {
  readonly orders: OperatorOrders
  readonly settings: RolloutSettings
  readonly facts: RolloutFacts
  /** ms since 1970 */
  readonly now: number
}

/** A decision on its way through the steps. */
export interface Draft {
  readonly state: RolloutState
  readonly actions: readonly RolloutAction[]
  /** Why nothing further happens; the last one that was said counts. */
  readonly waiting?: { readonly reason: RolloutReasonCode; readonly detail: string }
}

export const act = (draft: Draft, state: RolloutState, ...actions: readonly RolloutAction[]): Draft => ({
  ...draft,
  state,
  actions: [...draft.actions, ...actions],
})
export const wait = (draft: Draft, reason: RolloutReasonCode, detail: string): Draft => ({
  ...draft,
  waiting: { reason, detail },
})
export const isFrozen = ({ orders, now }: Context): boolean =>
  (orders.unreadable ?? []).length > 0 || (orders.freeze !== undefined && orders.freeze.until > now)
