/**
 * What is known of a policy → the status that `kubectl get wafpolicies` and `kubectl describe` show. A condition keeps the time of its last
 * change while its status is the same.
 */
import type { Condition, WafPolicy, WafPolicyStatus } from '../../api/waf-policy.ts'
import type { Orders } from '../model.ts'
import type { Conflict } from './follow.ts'
import type { BreakGlass } from './mode.ts'
import type { ConditionReason } from './reasons.ts'
import { lineOf, linesOf } from './wording.ts'

export interface PolicyFacts {
  /** What is published for the Pods that follow it: `4.25.0`; undefined: nothing yet. */
  readonly release?: string
  readonly generation?: string
  /** In what is published. */
  readonly customRules: number
  readonly pods: NonNullable<WafPolicyStatus['pods']>
  /** Why nothing can be made of what the policy says now: `where` is `team/rules.conf:14` or `spec.exclusions[2].path`. */
  readonly problems: readonly { readonly where: string; readonly message: string }[]
  /** What became of the trial of what the policy says now; undefined: it passed, or there are problems. */
  readonly trial?: { readonly verdict: 'waiting' | 'held' | 'refused'; readonly detail: string }
  /** Why Pods failed: a code of the WAF's, and how many. */
  readonly failures: readonly { readonly reason: string; readonly count: number }[]
  readonly conflictsWith: readonly Conflict[]
  readonly mode: Orders['mode']
  readonly breakGlass: BreakGlass
}

type Found = Pick<Condition, 'type' | 'status' | 'message'> & { readonly reason: ConditionReason }

const instant = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
const number = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
const stays = ({ release }: PolicyFacts): string =>
  release === undefined ? 'its Pods run what the image and the platform give them' : 'what stood before stays'

function accepted(facts: PolicyFacts): Found {
  const { problems, trial, release } = facts
  const is = (status: Condition['status'], reason: ConditionReason, message: string): Found => ({
    type: 'Accepted',
    status,
    reason,
    message,
  })
  if (problems.length > 0) {
    const lines = problems.map(({ where, message }) => (where === '' ? message : `${where}: ${message}`))
    return is('False', 'Refused', `${linesOf(lines)}\n${stays(facts)}`)
  }
  if (trial?.verdict === 'refused')
    return is('False', 'EngineRefused', `the engine does not take it: ${lineOf(trial.detail)}; ${stays(facts)}`)
  if (trial?.verdict === 'held') return is('False', 'Held', `it is held back: ${lineOf(trial.detail)}; ${stays(facts)}`)
  if (trial?.verdict === 'waiting')
    return is('Unknown', 'Trying', lineOf(trial.detail) || 'it is being tried on the engine')
  if (release === undefined) return is('Unknown', 'Waiting', 'nothing is published for its Pods yet')
  return is('True', 'Accepted', `published with the Core Rule Set ${release}`)
}

function enforced({ pods, failures, breakGlass, mode }: PolicyFacts): Found {
  const { total, enforcing, pending, failed, outdatedEngine } = pods
  const is = (status: Condition['status'], reason: ConditionReason, message: string): Found => ({
    type: 'Enforced',
    status,
    reason,
    message,
  })
  if (breakGlass.status === 'open')
    return is(
      'False',
      'BreakGlass',
      `nothing is refused until ${instant(breakGlass.until)}: opened by ${lineOf(breakGlass.by)}, ${lineOf(breakGlass.reason)}`,
    )
  const note = breakGlass.status === 'not-honoured' ? `; spec.breakGlass is not honoured: ${breakGlass.why}` : ''
  if (total === 0) return is('Unknown', 'NoPods', `it selects no protected Pod${note}`)
  if (failed > 0) {
    const why = failures.map(({ reason, count }) => `${reason} in ${count}`).join(', ')
    return is(
      'False',
      'Failed',
      `${failed} of ${number(total, 'Pod')} could not take it and run what they had${why === '' ? '' : `: ${why}`}${note}`,
    )
  }
  if (outdatedEngine > 0)
    return is(
      'False',
      'OutdatedEngine',
      `${outdatedEngine} of ${number(total, 'Pod')} have an engine on which it was not tried, and keep what they have: restart them for newer sidecars${note}`,
    )
  if (pending > 0 || enforcing < total)
    return is('False', 'Pending', `${enforcing} of ${number(total, 'Pod')} enforce it${note}`)
  return is(
    'True',
    'Enforced',
    `${number(total, 'Pod')} enforce${total === 1 ? 's' : ''} it${mode === 'detect' ? ', and detect only' : ''}${note}`,
  )
}

function conflicted({ conflictsWith }: PolicyFacts): Found {
  if (conflictsWith.length === 0)
    return { type: 'Conflicted', status: 'False', reason: 'NoConflict', message: 'no older policy has its Pods' }
  const lines = conflictsWith.map(({ policy, pods }) => `${policy} is older and has ${number(pods, 'Pod')} of it`)
  return {
    type: 'Conflicted',
    status: 'True',
    reason: 'OlderPolicy',
    message: `${linesOf(lines)}: narrow one of the selectors`,
  }
}

const modeOf = ({ mode, breakGlass }: PolicyFacts): string =>
  breakGlass.status === 'open' ? `detect (break-glass until ${instant(breakGlass.until)})` : mode

/** @param now milliseconds since 1970 */
export function statusOf(
  policy: Pick<WafPolicy, 'generation' | 'status'>,
  facts: PolicyFacts,
  now: number,
): WafPolicyStatus {
  const before = new Map((policy.status.conditions ?? []).map((one) => [one.type, one]))
  const conditions = [accepted(facts), enforced(facts), conflicted(facts)].map((found): Condition => {
    const old = before.get(found.type)
    const lastTransitionTime = old?.status === found.status ? old.lastTransitionTime : instant(now)
    return { ...found, observedGeneration: policy.generation, lastTransitionTime }
  })
  const { release, generation, customRules, pods } = facts
  const custom = customRules > 0 ? `+${customRules} custom` : ''
  return {
    observedGeneration: policy.generation,
    conditions,
    mode: modeOf(facts),
    ...(release !== undefined && { rules: `crs-${release}${custom}`, release }),
    enforced: `${pods.enforcing}/${pods.total}`,
    ...(generation !== undefined && { generation }),
    pods,
  }
}
