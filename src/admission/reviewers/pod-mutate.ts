/**
 * `mutate pods` (CREATE): host access first, so that hostNetwork in a protected namespace is refused in our words and not in those of
 * Pod Security, which answers before validating webhooks. Then the WAF.
 */
import type { Pod } from '../../api/kube.ts'
import { inject } from '../../inject/inject.ts'
import { isMirror } from '../../inject/mirror.ts'
import type { Reviewer } from '../review.ts'
import { type InjectContext, namespaceOf, objectOf } from './inject-context.ts'
import { type JudgePodAccess, told } from './pod-access.ts'

/** Makes the reviewer of Pods that are made. */
export const podMutateReviewer =
  (context: InjectContext, judgeAccess: JudgePodAccess): Reviewer =>
  async (review, signal) => {
    const pod = objectOf(review) as Pod
    const { reader, settings, version, rulesTrust } = context
    const namespace = await namespaceOf(review, pod, reader, signal)
    const user = review.userInfo
    const access = isMirror(pod, user) ? undefined : await judgeAccess({ pod, namespace }, signal)
    if (access?.verdict.verdict === 'deny') return access.verdict
    const verdict = inject({
      pod,
      namespace,
      settings,
      version,
      rulesTrust: rulesTrust?.snapshot().current,
      user,
      glassBroken: access?.glassBroken ?? false,
      services: reader.services(namespace.name),
      networkPolicies: reader.networkPolicies(namespace.name),
    })
    return access === undefined ? verdict : told(access.verdict, verdict)
  }
