/** Whole objects cut down to what `sekisho rules` uses; what is left out is never in memory. Ten thousand Pods are some megabytes so. */
import { CONTAINER } from '../../api/names.ts'
import type { PodFact } from '../model.ts'
import type { RuleConfigMap } from '../policy/rule-files.ts'

interface Meta {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly resourceVersion: string
    readonly generation?: number
    readonly creationTimestamp?: string
    readonly deletionTimestamp?: string
    readonly labels?: Record<string, string>
    readonly ownerReferences?: readonly {
      readonly kind: string
      readonly name: string
      readonly controller?: boolean
    }[]
  }
}
interface RawContainer {
  readonly name: string
  readonly image?: string
  readonly restartPolicy?: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}
interface RawPod extends Meta {
  readonly spec?: { readonly initContainers?: readonly RawContainer[] }
  readonly status?: { readonly phase?: string }
}

/** `registry/sekisho-waf` of `registry/sekisho-waf:1.2@sha256:…`; a port of the registry is no tag. */
export const repositoryOf = (image: string): string => image.replace(/@[^@]*$/, '').replace(/:[^:/]*$/, '')

/**
 * A Pod with our sidecars: the first two init containers, by name and order, of the installation's image or of another version of it.
 * Who may make such a Pod without the webhook may also place rules in it by hand; a token of one like it opens nothing but its own bundle.
 */
export const projectPod =
  (wafImage: string) =>
  ({ metadata, spec, status }: RawPod): PodFact | null => {
    const [rules, waf] = spec?.initContainers ?? []
    if (rules?.name !== CONTAINER.rules || waf?.name !== CONTAINER.waf) return null
    for (const { image = '', restartPolicy } of [rules, waf])
      if (restartPolicy !== 'Always' || repositoryOf(image) !== repositoryOf(wafImage)) return null
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return null
    return {
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid,
      labels: metadata.labels ?? {},
      workload: workloadOf(metadata),
      image: waf.image!,
      mode: waf.env?.find(({ name }) => name === 'SEKISHO_MODE')?.value === 'block' ? 'block' : 'detect',
      terminating: metadata.deletionTimestamp !== undefined,
    }
  }

/** A ReplicaSet made by a Deployment is called like it, with the hash that its Pods carry as a label. */
function workloadOf({ name, labels, ownerReferences }: Meta['metadata']): string {
  const owner = ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return `Pod/${name}`
  const hash = labels?.['pod-template-hash']
  return owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)
    ? `Deployment/${owner.name.slice(0, -hash.length - 1)}`
    : `${owner.kind}/${owner.name}`
}

/** A ConfigMap of rules, with the namespace it is in. */
export interface RulesView extends RuleConfigMap {
  readonly namespace: string
}
interface RawConfigMap extends Meta {
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, string>>
}
/** Keys that are no rule files are not kept. */
export const projectRules = ({ metadata, data = {}, binaryData = {} }: RawConfigMap): RulesView => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  labels: metadata.labels ?? {},
  data: Object.fromEntries(Object.entries(data).filter(([key]) => key.endsWith('.conf'))),
  binaryKeys: Object.keys(binaryData),
})

/** A ConfigMap of ours, whole: what is in it is decoded when it is asked for. */
export interface KeptView {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels: Readonly<Record<string, string>>
  /** ms since 1970 */
  readonly created: number
  readonly data: Readonly<Record<string, string>>
  /** Base64. */
  readonly binaryData: Readonly<Record<string, string>>
}
export const projectKept = ({ metadata, data, binaryData }: RawConfigMap): KeptView => ({
  name: metadata.name,
  uid: metadata.uid,
  resourceVersion: metadata.resourceVersion,
  labels: metadata.labels ?? {},
  created: Date.parse(metadata.creationTimestamp ?? '') || 0,
  data: data ?? {},
  binaryData: binaryData ?? {},
})
