/**
 * hostNetwork in a protected namespace: refused. Asked in the mutating call, since the API server's own Pod Security runs before
 * validating webhooks and would answer first, in words that do not say what Sekisho has to do with it.
 * A toleration of our taint is refused too: the taint is what keeps Pods off a node without a working IDS. And a Pod that names its node
 * itself passes no scheduler and no binding, so its node is judged here.
 */
import type { Pod } from '../api/kube.ts'
import { LABEL, TAINT_IDS_NOT_READY } from '../api/names.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NamespaceView } from '../api/views.ts'
import { type Override, overrideWarning, waivedReason, waives } from './overrides.ts'
import type { PlacementFault } from './placement.ts'
import type { ReasonCode } from './reasons.ts'
import { taintText, tolerates } from './tolerations.ts'
import { refusal, type Words, warning } from './wording.ts'

const OUR_TAINT = { key: TAINT_IDS_NOT_READY, effect: 'NoSchedule' } as const

/** Judges a Pod (or the template of a workload) by the namespace it is to run in. */
export function judgePodHostAccess(input: {
  readonly pod: Pod
  readonly namespace: Pick<NamespaceView, 'name' | 'labels'>
  /** Those of the namespace that hold now. */
  readonly overrides?: readonly Override[]
  /** Of the node that the Pod names itself, looked at live. */
  readonly placement?: readonly PlacementFault[]
}): Verdict {
  const { pod, namespace, overrides = [], placement = [] } = input
  const protection = namespace.labels[LABEL.protected]
  if (protection !== 'true' && protection !== 'audit') return allow('NotConcerned', 'the namespace is not protected')
  const told = overrides.map((one) => overrideWarning(namespace.name, one))
  const all = [
    ...hostNetwork(pod, namespace.name),
    ...toleration(pod, namespace.name),
    ...placement.map((fault) => onItsNode(fault, pod, namespace.name)),
  ]
  const waived = all.filter((fault) => waives(overrides, fault))
  const faults = all.filter((fault) => !waives(overrides, fault))
  const [first, ...others] = faults
  if (first !== undefined && protection === 'true')
    return deny(first.code, refusal(first), [...told, ...others.map(warning)])
  const warnings = [...told, ...waived.map((one) => `admitted all the same: ${warning(one)}`)]
  if (first !== undefined) {
    const would = faults.map((one) => `would be refused with ${LABEL.protected}: "true": ${warning(one)}`)
    return { ...allow('AuditOnly', first.what, [...warnings, ...would]), wouldRefuse: faults.map(({ code }) => code) }
  }
  if (waived[0] !== undefined) return allow(waivedReason(overrides), waived[0].what, warnings)
  return allow('Accepted', 'the Pod stays off the host network', warnings)
}

type Fault = Words & { readonly code: ReasonCode }
const title = (pod: Pod, namespace: string): string =>
  `Pod ${namespace}/${pod.metadata?.name || `${pod.metadata?.generateName ?? ''}…`}`

const onItsNode = ({ code, why, mend }: PlacementFault, pod: Pod, namespace: string): Fault => ({
  code,
  what: `${title(pod, namespace)} is refused: it names its node itself (spec.nodeName)`,
  why,
  mend,
})

function hostNetwork(pod: Pod, namespace: string): Fault[] {
  if (pod.spec?.hostNetwork !== true) return []
  return [
    {
      code: 'HostNetworkPod',
      what: `${title(pod, namespace)} is refused: it uses hostNetwork`,
      why: `namespace ${namespace} is protected (${LABEL.protected}), and traffic on the host network passes by the WAF and looks like the node's to the IDS`,
      mend: 'take hostNetwork: true out of the Pod, or run it in a namespace that is not protected',
    },
  ]
}

function toleration(pod: Pod, namespace: string): Fault[] {
  const found = (pod.spec?.tolerations ?? []).find((one) => tolerates(one, OUR_TAINT))
  if (found === undefined) return []
  return [
    {
      code: 'ToleratesIdsTaint',
      what: `${title(pod, namespace)} is refused: it tolerates the taint ${taintText(OUR_TAINT)}`,
      why: `namespace ${namespace} is protected, and that taint keeps its Pods off nodes that no IDS watches`,
      mend: found.key
        ? `take the toleration of ${TAINT_IDS_NOT_READY} out of the Pod`
        : 'give the toleration without a key (it tolerates every taint) the keys it needs',
    },
  ]
}
