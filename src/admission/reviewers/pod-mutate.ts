/**
 * `mutate pods` (CREATE): host access first, so that hostNetwork in a protected namespace is refused in our words and not in those of
 * Pod Security, which answers before validating webhooks. Then the WAF.
 */
import type { Pod } from '../../api/kube.ts'
import type { Verdict } from '../../api/verdict.ts'
import type { NamespaceView } from '../../api/views.ts'
import { inject } from '../../inject/inject.ts'
import { isMirror } from '../../inject/mirror.ts'
import type { Reviewer } from '../review.ts'
import { type InjectContext, namespaceOf, objectOf } from './inject-context.ts'

/** The guard's word on hostNetwork and tolerations, wired where the rooms meet. */
export type JudgeHostAccess = (input: { readonly pod: Pod; readonly namespace: NamespaceView }) => Verdict

/** Makes the reviewer of Pods that are made. */
export const podMutateReviewer =
  (context: InjectContext, judgeHostAccess: JudgeHostAccess): Reviewer =>
  async (review, signal) => {
    const pod = objectOf(review) as Pod
    const { reader, settings, version, rulesTrust } = context
    const namespace = await namespaceOf(review, pod, reader, signal)
    const user = review.userInfo
    const access = isMirror(pod, user) ? undefined : judgeHostAccess({ pod, namespace })
    if (access?.verdict === 'deny') return access
    const verdict = inject({
      pod,
      namespace,
      settings,
      version,
      rulesTrust: rulesTrust?.snapshot().current,
      user,
      services: reader.services(namespace.name),
      networkPolicies: reader.networkPolicies(namespace.name),
    })
    return access === undefined ? verdict : { ...verdict, warnings: [...access.warnings, ...verdict.warnings] }
  }
