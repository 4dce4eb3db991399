/**
 * The verdicts about a set of objects as it stands in files: Pods and templates by the Namespaces, Services and NetworkPolicies beside
 * them. What is not in the files is not known, and not guessed.
 */
import type { KubeObject, PatchOperation, Pod } from '../api/kube.ts'
import type { Verdict } from '../api/verdict.ts'
import type { NamespaceView } from '../api/views.ts'
import type { InjectSettings } from '../config/webhook.ts'
import { judgePodHostAccess } from '../guard/pod-host-access.ts'
import { inject } from './inject.ts'
import type { RulesTrust } from './input.ts'
import { podSubject, workloadSubject } from './subject.ts'
import { networkPolicyView, serviceView } from './views.ts'
import { TEMPLATES, templateOf } from './workload.ts'

export interface OfflineInput {
  readonly objects: readonly KubeObject[]
  readonly settings: InjectSettings
  readonly version: string
  /** What Pods would be told of `sekisho rules`. */
  readonly rulesTrust?: RulesTrust | undefined
  /** For objects that name none. */
  readonly defaultNamespace: string
  /** Labels every namespace is taken to have, over those in the files. */
  readonly namespaceLabels: Readonly<Record<string, string>>
}

export interface OfflineVerdict {
  /** `Pod shop/web`, `Pods of Deployment shop/web`. */
  readonly subject: string
  readonly verdict: Verdict
  /** Where in the object its Pod stands: empty for a Pod. */
  readonly path: readonly string[]
  readonly patch: readonly PatchOperation[]
}

const isNamespaced = ({ kind, apiVersion }: KubeObject, wanted: string, group: string): boolean =>
  kind === wanted && apiVersion === group

/** Prepares the judge of these objects; it answers undefined for what is neither a Pod nor a workload. */
export function offlineJudge(input: OfflineInput): (object: KubeObject) => OfflineVerdict | undefined {
  const { objects, settings, version, rulesTrust, defaultNamespace, namespaceLabels } = input
  const namespaceOf = (object: KubeObject): string => object.metadata?.namespace || defaultNamespace
  const known = new Map(objects.filter(({ kind }) => kind === 'Namespace').map((it) => [it.metadata?.name, it]))
  const viewOf = (name: string): NamespaceView => ({
    name,
    labels: { ...known.get(name)?.metadata?.labels, ...namespaceLabels },
    annotations: { ...known.get(name)?.metadata?.annotations },
  })
  const services = objects
    .filter((it) => isNamespaced(it, 'Service', 'v1'))
    .map((it) => serviceView(it, namespaceOf(it)))
  const policies = objects
    .filter((it) => isNamespaced(it, 'NetworkPolicy', 'networking.k8s.io/v1'))
    .map((it) => networkPolicyView(it, namespaceOf(it)))

  return (object) => {
    const { kind } = object
    const isPod = kind === 'Pod' && object.apiVersion === 'v1'
    const template = kind === undefined || isPod ? undefined : templateOf(object, kind)
    const pod = isPod ? (object as Pod) : template
    if (pod === undefined) return undefined
    const name = namespaceOf(object)
    const namespace = viewOf(name)
    const subject = isPod ? podSubject(object, name) : workloadSubject(object, kind!, name)
    const metadata = isPod ? object.metadata : { ...pod.metadata, generateName: `${object.metadata?.name ?? ''}-` }
    const access = judgePodHostAccess({ pod: { ...pod, ...(metadata && { metadata }) }, namespace })
    const verdict =
      access.verdict === 'deny'
        ? access
        : inject({
            pod,
            namespace,
            settings,
            version,
            rulesTrust,
            subject,
            services: services.filter((it) => it.namespace === name),
            networkPolicies: policies.filter((it) => it.namespace === name),
          })
    const path = isPod ? [] : [...TEMPLATES[kind!]!]
    const patch = verdict.verdict === 'allow' ? (verdict.patch ?? []) : []
    return { subject: subject.name, verdict, path, patch }
  }
}
