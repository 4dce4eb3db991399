/** One line a decision: who asked for what, and what was said. Never an object, and never a name longer than Kubernetes allows. */
import type { Verdict } from '../api/verdict.ts'
import { cut } from '../log.ts'
import type { Review } from './review.ts'

/** OpenTelemetry's attribute for the name of an object of this kind, where it has one. */
const NAME_KEY: Readonly<Record<string, string>> = {
  Pod: 'k8s.pod.name',
  Namespace: 'k8s.namespace.name',
  Deployment: 'k8s.deployment.name',
  ReplicaSet: 'k8s.replicaset.name',
  StatefulSet: 'k8s.statefulset.name',
  DaemonSet: 'k8s.daemonset.name',
  Job: 'k8s.job.name',
  CronJob: 'k8s.cronjob.name',
}

/** Pure. `name` of what is to be created may be empty: then `generateName` stands there, with a `*`. */
export const decisionFields = (
  path: string,
  review: Review,
  verdict: Verdict,
  seconds: number,
): Record<string, unknown> => {
  const metadata = (review.object ?? review.oldObject)?.metadata
  const name = review.name || metadata?.name || (metadata?.generateName ? `${metadata.generateName}*` : '')
  const kind = review.kind.kind
  const fields: Record<string, unknown> = {
    'sekisho.review.uid': review.uid,
    'sekisho.review.path': path,
    'sekisho.review.operation': review.operation,
    'sekisho.review.kind': cut(kind),
  }
  if (review.subResource !== '') fields['sekisho.review.subresource'] = cut(review.subResource)
  if (review.namespace !== '') fields['k8s.namespace.name'] = cut(review.namespace)
  fields[(Object.hasOwn(NAME_KEY, kind) && NAME_KEY[kind]) || 'k8s.object.name'] = cut(name)
  fields['user.name'] = cut(review.userInfo.username)
  fields['sekisho.verdict'] = verdict.verdict
  fields['sekisho.reason'] = verdict.reason
  // Of a refusal the whole sentence is kept: the one who was refused asks the one who reads the log.
  if (verdict.verdict === 'deny') fields['sekisho.detail'] = cut(verdict.detail, 2048)
  fields['sekisho.review.dry_run'] = review.dryRun
  fields['sekisho.review.duration_seconds'] = Math.round(seconds * 1e6) / 1e6
  return fields
}
