/**
 * Workload templates: the verdict their Pods will get, said as a warning to the person who applies the workload. A refusal of a Pod that
 * a controller makes stands in an Event that nobody reads; this stands in the terminal.
 */
import type { KubeObject, Pod } from '../api/kube.ts'
import { allow, type Verdict } from '../api/verdict.ts'
import { equal } from './equal.ts'
import { inject } from './inject.ts'
import type { InjectInput } from './input.ts'
import { note, sentence } from './note.ts'
import { workloadSubject } from './subject.ts'

/** Where each kind keeps its template. One line a kind. */
export const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
}

/** The template of a workload as a Pod, or undefined where there is none. */
export function templateOf(workload: KubeObject, kind: string): Pod | undefined {
  const way = Object.hasOwn(TEMPLATES, kind) ? TEMPLATES[kind]! : undefined
  const template = way?.reduce<unknown>(
    (it, key) => (it as Record<string, unknown> | null | undefined)?.[key],
    workload,
  )
  return typeof template === 'object' && template !== null ? (template as Pod) : undefined
}

export interface WorkloadInput extends Omit<InjectInput, 'pod' | 'subject'> {
  readonly kind: string
  readonly object: KubeObject
  /** Absent on CREATE. */
  readonly old?: KubeObject | undefined
}

/**
 * The template that has to be judged: not where it is unchanged (scaling, status), nor where a controller made the object (the Deployment
 * of a ReplicaSet was warned about already).
 */
export function templateToJudge({
  kind,
  object,
  old,
}: Pick<WorkloadInput, 'kind' | 'object' | 'old'>): Pod | undefined {
  if (object.metadata?.ownerReferences?.some(({ controller }) => controller === true)) return undefined
  const template = templateOf(object, kind)
  return template === undefined || (old !== undefined && equal(template, templateOf(old, kind))) ? undefined : template
}

/** A verdict about Pods to come, as a warning about their workload. */
export const asWarning = (verdict: Verdict): readonly string[] =>
  verdict.verdict === 'allow'
    ? verdict.warnings
    : [verdict.detail.replace('\n', ': ').replace('\n', '; ').replaceAll('\n', ' '), ...verdict.warnings]

/** Always allows; warns of what its Pods will meet. */
export function judgeWorkload(input: WorkloadInput): Verdict {
  const pod = templateToJudge(input)
  if (pod === undefined) return allow('NotConcerned', sentence(note('NotConcerned')))
  const { kind, object, old: _, ...rest } = input
  const subject = workloadSubject(object, kind, input.namespace.name)
  const verdict = inject({ ...rest, pod, subject })
  return allow(verdict.reason, verdict.detail, asWarning(verdict))
}
