/**
 * Which form our taint should have on one node, why, and when that must be asked again though nothing changes.
 *
 *   no protected namespace reaches it, or no IDS is meant for it ─▶ none
 *   covered ─▶ as it is until settled ─▶ none
 *   grace   ─▶ as it is: a rollout taints nobody
 *   blind   ─▶ on ─ longer than `loss` says ─▶ kept or waived
 *
 * A DaemonSet that is missing or going is meant for nobody knows which nodes: what is tainted stays so (until `loss`), and nothing is added.
 */
import type { GuardConfig } from '../../config/guard.ts'
import type { BlindReason } from '../reasons.ts'
import { type History, settleMs } from './history.ts'
import type { Sight } from './sight.ts'
import type { TaintForm } from './taint.ts'

export const TAINT_REASONS = {
  TaintsOff: 'The settings want no taints.',
  NotReached: 'No protected namespace can reach the node any more.',
  NotMeant: 'The IDS DaemonSet does not select the node, or no IDS can watch it.',
  Settled: 'The IDS has been Ready for as long as it must.',
  Lost: 'The IDS is away for longer than `loss` allows, and the policy decided.',
} as const
export type TaintReason = keyof typeof TAINT_REASONS | BlindReason

export interface Decision {
  readonly form: TaintForm
  readonly reason: TaintReason | ''
  /** When to decide again, by the clock that only rises. */
  readonly again: number | undefined
}

export interface DecideInput {
  readonly sight: Sight
  readonly history: History
  readonly reached: boolean
  /** `unknown`: there is no DaemonSet that could say so. */
  readonly meant: boolean | 'unknown'
  /** How our taint stands there now. */
  readonly is: TaintForm | 'other'
  readonly hasPod: boolean
  readonly monotonic: number
  readonly settings: Pick<GuardConfig, 'taint' | 'loss'>
}

const MINUTE = 60_000

/** Decides for one node. */
export function decide(input: DecideInput): Decision {
  const { sight, history, reached, meant, is, monotonic, settings } = input
  if (!settings.taint.enabled) return none('TaintsOff')
  if (!reached) return none('NotReached')
  if (meant === false) return none('NotMeant')
  if (sight.kind === 'blind') return blind(input, sight.reason)
  if (is === 'none') return none('')
  if (sight.kind === 'grace') return stay(is)
  const until = (history.coveredSince ?? monotonic) + settleMs(history.losses.length, settings.taint)
  return monotonic >= until ? none('Settled') : { ...stay(is), again: until }
}

function blind({ history, meant, is, hasPod, monotonic, settings }: DecideInput, reason: BlindReason): Decision {
  if (meant === 'unknown' && is === 'none') return none('')
  const { notReadyMinutes, notScheduledMinutes, policy } = settings.loss
  const lost = policy === 'keep' ? 'kept' : 'waived'
  const limit = (history.lostSince ?? monotonic) + (hasPod ? notReadyMinutes : notScheduledMinutes) * MINUTE
  // Once lost, only an IDS that is Ready again changes that: another Pod that does not start either is no news.
  if (is === 'kept' || is === 'waived' || monotonic >= limit) return { form: lost, reason: 'Lost', again: undefined }
  return { form: 'on', reason, again: limit }
}

const none = (reason: Decision['reason']): Decision => ({ form: 'none', reason, again: undefined })
const stay = (is: TaintForm | 'other'): Decision => ({ form: is === 'other' ? 'on' : is, reason: '', again: undefined })
