/**
 * A Binding: the scheduler's word (or anybody's who may write Bindings) that a Pod goes to a node. It is the last moment before the kubelet
 * starts it, and the hard gate: whatever taints, caches and schedulers believe, a Pod of a protected namespace comes to no blind node.
 * The scheduler hears the refusal, writes it into the Event of the Pod, and tries again.
 */
import type { KubeObject } from '../api/kube.ts'
import { KEY_PREFIX, LABEL } from '../api/names.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NamespaceView } from '../api/views.ts'
import { type Override, overrideWarning, waivedReason, waives } from './overrides.ts'
import type { PlacementFault } from './placement.ts'
import { line } from './wording.ts'

export interface BindingInput {
  readonly binding: KubeObject
  readonly namespace: Pick<NamespaceView, 'name' | 'labels'>
  /** Of the node, looked at live. */
  readonly faults: readonly PlacementFault[]
  /** Those of the namespace that hold now. */
  readonly overrides: readonly Override[]
}

/** The node of a Binding; the API server knows no other target. */
export const targetOf = (binding: KubeObject): string => {
  const name = (binding['target'] as { readonly name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : ''
}

/** One line: an Event shows no other. */
export const placementText = ({ why, mend }: Omit<PlacementFault, 'code'>): string =>
  line(`${why}; to mend: ${mend}`, 800)

/** Labels and annotations of a Binding become those of the Pod, and ours say what protects it. */
function foreignKeys({ metadata }: KubeObject): PlacementFault[] {
  const keys = [...Object.keys(metadata?.labels ?? {}), ...Object.keys(metadata?.annotations ?? {})]
  const key = keys.find((one) => one.startsWith(KEY_PREFIX))
  if (key === undefined) return []
  return [
    {
      code: 'BindingKeys',
      why: `the Binding would write ${key} onto the Pod`,
      mend: `take ${key} out of the metadata of the Binding`,
    },
  ]
}

/** Judges a Binding. */
export function judgeBinding({ binding, namespace, faults, overrides }: BindingInput): Verdict {
  const protection = namespace.labels[LABEL.protected]
  if (protection !== 'true' && protection !== 'audit') return allow('NotConcerned', 'the namespace is not protected')
  const node = targetOf(binding)
  const told = overrides.map((one) => overrideWarning(namespace.name, one))
  const standing = [...foreignKeys(binding), ...faults.filter((fault) => !waives(overrides, fault))]
  const waived = faults.filter((fault) => waives(overrides, fault))
  const [first] = standing
  if (first !== undefined && protection === 'true') return deny(first.code, placementText(first), told)
  const warnings = [...told, ...waived.map((fault) => `admitted all the same: ${placementText(fault)}`)]
  if (first !== undefined)
    return {
      ...allow('AuditOnly', `${node}: ${first.why}`, [...warnings, ...standing.map(auditWarning)]),
      wouldRefuse: standing.map(({ code }) => code),
    }
  if (waived.length > 0) return allow(waivedReason(overrides), `${node}: ${waived[0]?.why}`, warnings)
  return allow('NodeCovered', `node ${node} is covered`, warnings)
}

const auditWarning = (fault: PlacementFault): string =>
  `would be refused with ${LABEL.protected}: "true": ${placementText(fault)}`
