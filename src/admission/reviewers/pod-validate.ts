/**
 * `validate pods` (CREATE, UPDATE), `validate pods/ephemeralcontainers` and `validate pods/resize` (UPDATE): is what was put in still there,
 * as it was put in, and does nothing else touch it?
 */
import type { Pod } from '../../api/kube.ts'
import { isMirror } from '../../inject/mirror.ts'
import { judgePodUpdate } from '../../inject/pod-update.ts'
import { verifyPod } from '../../inject/verify-pod.ts'
import type { Reviewer } from '../review.ts'
import { type InjectContext, namespaceOf, objectOf } from './inject-context.ts'
import type { JudgePodAccess } from './pod-access.ts'

/** Makes the reviewer of Pods as they would be stored. */
export const podValidateReviewer =
  ({ reader, settings, version, rulesTrust }: InjectContext, judgeAccess: JudgePodAccess): Reviewer =>
  async (review, signal) => {
    const pod = objectOf(review) as Pod
    const old = review.oldObject as Pod | null
    // A label taken off in this very request still says why the request came to us.
    const labels = { ...old?.metadata?.labels, ...pod.metadata?.labels }
    const namespace = await namespaceOf(review, { metadata: { labels } }, reader, signal)
    const network = {
      services: reader.services(namespace.name),
      networkPolicies: reader.networkPolicies(namespace.name),
    }
    if (old !== null && review.operation === 'UPDATE') return judgePodUpdate({ pod, old, namespace, ...network })
    // Asked once more: another webhook may have added a toleration, or a node, after us.
    const access = isMirror(pod, review.userInfo) ? undefined : await judgeAccess({ pod, namespace }, signal)
    const trust = rulesTrust?.snapshot()
    const input = {
      pod,
      namespace,
      settings,
      version,
      rulesTrust: trust?.current,
      user: review.userInfo,
      glassBroken: access?.glassBroken ?? false,
      ...network,
    }
    let verdict = verifyPod(input, trust?.recent)
    if (verdict.reason === 'SidecarsDiffer' && rulesTrust?.live) {
      const live = await rulesTrust.live(signal).catch(() => undefined)
      if (live !== undefined) verdict = verifyPod(input, [live])
    }
    return verdict.verdict !== 'deny' && access?.verdict.verdict === 'deny' ? access.verdict : verdict
  }
