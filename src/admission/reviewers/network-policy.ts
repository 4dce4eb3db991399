/** `validate networkpolicies`: asks which protected Pods the policy selects, and only where what it says of ports is new. */
import { allow } from '../../api/verdict.ts'
import { judgeNetworkPolicy, networkPolicyToJudge } from '../../inject/judge-network.ts'
import type { InjectReader } from '../../inject/reader.ts'
import type { Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'

/** Makes the reviewer of NetworkPolicies. */
export const networkPolicyReviewer =
  ({ reader }: { readonly reader: Pick<InjectReader, 'protectedPods'> }): Reviewer =>
  async (review, signal) => {
    const { namespace } = review
    const change = { namespace, object: objectOf(review), old: review.oldObject ?? undefined }
    const policy = networkPolicyToJudge(change)
    if (policy === undefined) return allow('NotConcerned', 'it names no port, or says the same as before')
    return judgeNetworkPolicy(change, await reader.protectedPods(namespace, policy.podSelector, signal))
  }
