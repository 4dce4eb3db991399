/** Why one node is blind, and the command that mends it. Only asked for nodes that are not covered. */
import type { IdsLeaseView, IdsReport } from '../api/ids.ts'
import type { IdsDaemonSetView, IdsPodView, NodeView } from '../api/views.ts'
import { selects } from './node-selector.ts'
import type { BlindReason } from './reasons.ts'
import { taintText, untolerated } from './tolerations.ts'

export interface Blindness {
  readonly reason: BlindReason
  /** A clause that follows the node's name. */
  readonly why: string
  readonly mend: string
}

interface Settings {
  readonly idsNamespace: string
  readonly idsDaemonSet: string
}

/**
 * Nodes no IDS can watch: anything but Linux, and nodes without a kernel of their own for our Pods (virtual kubelets, Fargate), which
 * would show a DaemonSet's Pod as running without giving it the node's traffic.
 */
export function unsupported(node: NodeView): string | undefined {
  if (node.operatingSystem !== '' && node.operatingSystem !== 'linux')
    return `it runs ${node.operatingSystem}, not Linux`
  if (node.labels['type'] === 'virtual-kubelet') return 'it is virtual (type=virtual-kubelet)'
  if (node.labels['eks.amazonaws.com/compute-type'] === 'fargate') return 'it is virtual (AWS Fargate)'
  return undefined
}

/** The first reason that applies, from the outermost (no IDS at all) to the innermost (its Pod is not Ready). */
export function blindness(
  node: NodeView,
  own: readonly IdsPodView[],
  daemonSet: IdsDaemonSetView | null,
  settings: Settings,
  lease?: IdsLeaseView,
): Blindness {
  const name = `${settings.idsNamespace}/${settings.idsDaemonSet}`
  const kubectl = `kubectl -n ${settings.idsNamespace}`
  const describe = `${kubectl} describe daemonset ${settings.idsDaemonSet}`
  if (daemonSet === null)
    return {
      reason: 'IdsMissing',
      why: `the IDS DaemonSet ${name} does not exist`,
      mend: `install the IDS (kubectl apply -k with its manifests), then ${kubectl} rollout status daemonset ${settings.idsDaemonSet}`,
    }
  if (daemonSet.terminating)
    return {
      reason: 'IdsBeingDeleted',
      why: `the IDS DaemonSet ${name} is being deleted`,
      mend: `${kubectl} wait --for=delete daemonset/${settings.idsDaemonSet}, then install the IDS again`,
    }
  const not = unsupported(node)
  if (not !== undefined)
    return {
      reason: 'NodeUnsupported',
      why: `${not}, so no IDS can watch it`,
      mend: 'hold the namespace to other nodes: kubectl annotate namespace NAMESPACE sekisho.dev/node-selector=KEY=VALUE',
    }
  const [pod] = [...own].sort((a, b) => Number(a.terminating) - Number(b.terminating))
  if (pod !== undefined) return ofPod(pod, kubectl, settings.idsDaemonSet, deniedBy(lease, pod))
  const missing = Object.entries(daemonSet.nodeSelector).filter(
    ([key, value]) => !selects({ [key]: value }, node.labels),
  )
  if (missing.length > 0) {
    const pairs = missing.map(([key, value]) => `${key}=${value}`).join(' ')
    return {
      reason: 'IdsNotSelected',
      why: `the IDS is held to nodes labelled ${pairs}, which it is not`,
      mend: `kubectl label node ${node.name} ${pairs}`,
    }
  }
  const taint = untolerated(node.taints, daemonSet.tolerations)
  if (taint !== undefined)
    return {
      reason: 'TaintNotTolerated',
      why: `the IDS does not tolerate its taint ${taintText(taint)}`,
      mend: `${kubectl} patch daemonset ${settings.idsDaemonSet} -p '{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}'`,
    }
  return { reason: 'IdsNoPod', why: `no Pod of the IDS DaemonSet ${name} is there`, mend: describe }
}

/** What the agent of this very Pod says against it; a Lease that another Pod wrote, or that cannot be read, says nothing. */
export const deniedBy = (lease: IdsLeaseView | undefined, pod: IdsPodView): IdsReport | undefined =>
  lease?.report?.ready === false && lease.pod === pod.name ? lease.report : undefined

/** `no alert for the canary on cni0 for 72 s (limit 65 s) (CanaryLost)`. */
const inWords = ({ check, detail }: IdsReport): string =>
  [detail || 'its agent does not say why', ...(check === '' ? [] : [`(${check})`])].join(' ')

function ofPod(pod: IdsPodView, kubectl: string, daemonSet: string, report: IdsReport | undefined): Blindness {
  const mend = `${kubectl} describe pod ${pod.name}`
  if (!pod.hostNetwork)
    return {
      reason: 'IdsNotOnHostNetwork',
      why: `its IDS Pod ${pod.name} is not on hostNetwork`,
      mend: `${kubectl} patch daemonset ${daemonSet} -p '{"spec":{"template":{"spec":{"hostNetwork":true}}}}'`,
    }
  if (pod.terminating) return { reason: 'IdsTerminating', why: `its IDS Pod ${pod.name} is terminating`, mend }
  if (pod.ready && report !== undefined)
    return {
      reason: 'IdsSaysBlind',
      why: `its IDS Pod ${pod.name} says that it does not see: ${inWords(report)}`,
      mend,
    }
  const said = report === undefined ? pod.notReadyReason : inWords(report)
  const why = said === '' ? '' : `: ${said}`
  return { reason: 'IdsNotReady', why: `its IDS Pod ${pod.name} is not Ready${why}`, mend }
}
