/** `validate deployments`, `statefulsets`, `daemonsets`, `replicasets`, `jobs`, `cronjobs`: the verdict of their Pods to come, as a warning. */
import { allow } from '../../api/verdict.ts'
import { asWarning, judgeWorkload, templateToJudge } from '../../inject/workload.ts'
import type { Reviewer } from '../review.ts'
import { type InjectContext, namespaceOf, objectOf } from './inject-context.ts'
import { type JudgePodAccess, told } from './pod-access.ts'

/** Makes the reviewer of workloads. */
export const workloadReviewer =
  ({ reader, settings, version, rulesTrust }: InjectContext, judgeAccess: JudgePodAccess): Reviewer =>
  async (review, signal) => {
    const object = objectOf(review)
    const kind = review.kind.kind
    const old = review.oldObject ?? undefined
    const template = templateToJudge({ kind, object, old })
    if (template === undefined) return allow('NotConcerned', 'its template does not change')
    const namespace = await namespaceOf(review, template, reader, signal)
    // Pods of a workload are named after it.
    const metadata = { ...template.metadata, generateName: `${object.metadata?.name ?? ''}-` }
    const { verdict: access, glassBroken } = await judgeAccess({ pod: { ...template, metadata }, namespace }, signal)
    // As in the mutating call of its Pods: what is refused there never comes to the WAF.
    if (access.verdict === 'deny') return allow(access.reason, access.detail, asWarning(access))
    const verdict = judgeWorkload({
      kind,
      object,
      old,
      namespace,
      settings,
      version,
      rulesTrust: rulesTrust?.snapshot().current,
      user: review.userInfo,
      glassBroken,
      services: reader.services(namespace.name),
      networkPolicies: reader.networkPolicies(namespace.name),
    })
    return told(access, verdict)
  }
