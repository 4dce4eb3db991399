/** Which reviewer answers for which path and resource: one table, in the words of the webhook entries of manifests/. */
import { AdmissionError, shown } from '../errors.ts'
import type { Reviewer, Reviewers } from '../review.ts'
import { type BindingContext, bindingReviewer } from './binding.ts'
import { configMapReviewer } from './config-map.ts'
import { daemonSetReviewer } from './daemonset.ts'
import type { InjectContext } from './inject-context.ts'
import { type GuardContext, namespaceReviewer } from './namespace.ts'
import { networkPolicyReviewer } from './network-policy.ts'
import { podAccess } from './pod-access.ts'
import { podMutateReviewer } from './pod-mutate.ts'
import { podValidateReviewer } from './pod-validate.ts'
import { serviceReviewer } from './service.ts'
import { type PolicyContext, policyMutateReviewer, policyReviewer } from './waf-policy.ts'
import { workloadReviewer } from './workload.ts'

export interface ReviewersOptions {
  readonly inject: InjectContext
  readonly guard: GuardContext & BindingContext
  readonly policy: PolicyContext
}

const WORKLOADS = ['deployments', 'replicasets', 'statefulsets', 'jobs', 'cronjobs'] as const

/** For reviewers that judge an object as it would become: whoever sends them a DELETE has other webhook entries than ours. */
const ofObjects =
  (reviewer: Reviewer): Reviewer =>
  (review, signal) => {
    if (review.operation === 'CREATE' || review.operation === 'UPDATE') return reviewer(review, signal)
    throw new AdmissionError(
      'NoReviewer',
      `Cannot judge ${review.operation} of a ${shown(review.kind.kind)}: only CREATE and UPDATE are judged.`,
    )
  }

/** A DaemonSet may be the IDS, which the guard keeps, or a workload like any other. */
const daemonSets =
  (guard: Reviewer, workload: Reviewer): Reviewer =>
  async (review, signal) => {
    const kept = await guard(review, signal)
    const isTemplate = review.operation === 'CREATE' || review.operation === 'UPDATE'
    if (kept.verdict === 'deny' || !isTemplate) return kept
    const told = await workload(review, signal)
    return kept.reason === 'NotConcerned' ? told : { ...kept, warnings: [...kept.warnings, ...told.warnings] }
  }

export const createReviewers = ({ inject, guard, policy }: ReviewersOptions): Reviewers => {
  const access = podAccess(guard)
  const pods = ofObjects(podValidateReviewer(inject, access))
  const workload = ofObjects(workloadReviewer(inject, access))
  const namespaces = namespaceReviewer(guard)
  return new Map<string, Reviewer>([
    ['mutate pods', ofObjects(podMutateReviewer(inject, access))],
    ['validate pods', pods],
    ['validate pods/ephemeralcontainers', pods],
    ['validate pods/resize', pods],
    // Labels and annotations can be changed by way of the status as well.
    ['validate pods/status', pods],
    ['validate pods/binding', ofObjects(bindingReviewer(guard))],
    // POST to `bindings` of a namespace writes the same.
    ['validate bindings', ofObjects(bindingReviewer(guard))],
    // Labels can be changed through subresources as well.
    ['validate namespaces', namespaces],
    ['validate namespaces/status', namespaces],
    ['validate namespaces/finalize', namespaces],
    ['validate daemonsets', daemonSets(daemonSetReviewer(guard), workload)],
    ['validate daemonsets/status', daemonSetReviewer(guard)],
    ...WORKLOADS.map((resource) => [`validate ${resource}`, workload] as const),
    ['validate services', ofObjects(serviceReviewer(inject))],
    ['validate networkpolicies', ofObjects(networkPolicyReviewer(inject))],
    ['mutate wafpolicies', ofObjects(policyMutateReviewer(policy))],
    ['validate wafpolicies', ofObjects(policyReviewer(policy))],
    ['validate configmaps', ofObjects(configMapReviewer(guard.settings))],
  ])
}
