/**
 * `mutate wafpolicies` writes who opened the glass; `validate wafpolicies` judges what the schema cannot, and asks whether the user may open only
 * where something is opened.
 */
import { allow } from '../../api/verdict.ts'
import type { WafPolicySpec } from '../../api/waf-policy.ts'
import type { PolicySettings } from '../../config/rules.ts'
import type { GuardReader } from '../../guard/reader.ts'
import { rightBy } from '../../rules/policy/break-glass.ts'
import { judgePolicy, needsMayOpen } from '../../rules/policy/judge.ts'
import { AdmissionError } from '../errors.ts'
import type { Review, Reviewer } from '../review.ts'
import { isRecord, malformedPolicy } from '../shape.ts'
import { objectOf } from './inject-context.ts'

export interface PolicyContext {
  readonly reader: Pick<GuardReader, 'mayOpen'>
  readonly settings: PolicySettings
  /** ms since the epoch. */
  readonly now: () => number
}

/** Go's decoder takes null for what is absent. */
const specOf = (object: Review['object']): WafPolicySpec =>
  Object.fromEntries(Object.entries(object?.['spec'] ?? {}).filter(([, value]) => value !== null))
/** @throws AdmissionError where it is not shaped as the schema says */
function shaped(object: NonNullable<Review['object']>): WafPolicySpec {
  const wrong = malformedPolicy(object)
  if (wrong !== undefined) throw new AdmissionError('BadObject', `Cannot judge the WafPolicy: ${wrong}.`)
  return specOf(object)
}
/** What is stored was held against the schema. */
const oldSpecOf = ({ oldObject }: Review): WafPolicySpec | undefined =>
  oldObject === null ? undefined : shaped(oldObject)

/** Comes before the schema was held against the object: what is not shaped as it should be is left for that to refuse. */
export const policyMutateReviewer =
  ({ now }: Pick<PolicyContext, 'now'>): Reviewer =>
  async (review) => {
    const spec: unknown = objectOf(review)['spec']
    const glass = isRecord(spec) ? spec['breakGlass'] : undefined
    if (!isRecord(glass)) return allow('NotConcerned', 'it has no break-glass')
    const { username } = review.userInfo
    const by = rightBy({ spec: spec as WafPolicySpec, oldSpec: oldSpecOf(review), username, now: now() })
    if (glass['by'] === by) return allow('PolicyAccepted', 'it says who opened')
    const path = '/spec/breakGlass/by'
    const patch = by === undefined ? { op: 'remove' as const, path } : { op: 'add' as const, path, value: by }
    return { ...allow('BreakGlassRecorded', `opened by ${by ?? 'nobody'}`), patch: [patch] }
  }

/** Makes the reviewer of WafPolicies. */
export const policyReviewer =
  ({ reader, settings, now }: PolicyContext): Reviewer =>
  async (review, signal) => {
    const object = objectOf(review)
    const { namespace, userInfo } = review
    const name = review.name || object.metadata?.name || ''
    const change = {
      namespace,
      name,
      username: userInfo.username,
      spec: shaped(object),
      oldSpec: oldSpecOf(review),
      settings,
      now: now(),
    }
    const mayOpen = needsMayOpen(change) && (await reader.mayOpen(userInfo, namespace, signal))
    return judgePolicy(change, { mayOpen })
  }
