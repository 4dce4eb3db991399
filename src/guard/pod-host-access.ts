/**
 * hostNetwork in a protected namespace: refused. Asked in the mutating call, since the API server's own Pod Security runs before
 * validating webhooks and would answer first, in words that do not say what Sekisho has to do with it.
 * A toleration of our taint is refused too: the taint is what keeps Pods off a node without a working IDS.
 */
import type { Pod } from '../api/kube.ts'
import { LABEL, TAINT_IDS_NOT_READY } from '../api/names.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NamespaceView } from '../api/views.ts'
import type { ReasonCode } from './reasons.ts'
import { taintText, tolerates } from './tolerations.ts'
import { refusal, type Words, warning } from './wording.ts'

const OUR_TAINT = { key: TAINT_IDS_NOT_READY, effect: 'NoSchedule' } as const

/** Judges a Pod (or the template of a workload) by the namespace it is to run in. */
export function judgePodHostAccess(input: {
  readonly pod: Pod
  readonly namespace: Pick<NamespaceView, 'name' | 'labels'>
}): Verdict {
  const { pod, namespace } = input
  const protection = namespace.labels[LABEL.protected]
  if (protection !== 'true' && protection !== 'audit') return allow('NotConcerned', 'the namespace is not protected')
  const faults = [...hostNetwork(pod, namespace.name), ...toleration(pod, namespace.name)]
  const [first, ...others] = faults
  if (first === undefined) return allow('Accepted', 'the Pod stays off the host network')
  if (protection === 'audit') {
    const told = faults.map((one) => `would be refused with ${LABEL.protected}: "true": ${warning(one)}`)
    return allow('AuditOnly', first.what, told)
  }
  return deny(first.code, refusal(first), others.map(warning))
}

type Fault = Words & { readonly code: ReasonCode }
const title = (pod: Pod, namespace: string): string =>
  `Pod ${namespace}/${pod.metadata?.name || `${pod.metadata?.generateName ?? ''}…`}`

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
