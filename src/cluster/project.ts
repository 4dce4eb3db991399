/** Whole objects cut down to views. What is left out here is never in memory. */
import type { IdsLeaseView } from '../api/ids.ts'
import { ANNOTATION, GROUP, IDS_DAEMONSET, KEY_PREFIX, LABEL } from '../api/names.ts'
import type {
  IdsDaemonSetView,
  IdsPodView,
  LabelSelector,
  NamespaceView,
  NetworkPolicyView,
  NodeView,
  ServiceView,
} from '../api/views.ts'
import { parseIdsReport } from '../guard/ids-report.ts'
import { nodeSelectorAnnotations } from '../guard/node-selector.ts'

interface Meta {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly generation?: number
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
    readonly deletionTimestamp?: string
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string; readonly controller?: boolean }[]
  }
}
interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

interface RawNode extends Meta {
  readonly spec?: { readonly taints?: NodeView['taints']; readonly unschedulable?: boolean }
  readonly status?: {
    readonly conditions?: readonly Condition[]
    readonly nodeInfo?: { readonly operatingSystem?: string }
  }
}

const NONE: readonly never[] = Object.freeze([])
const EMPTY: Readonly<Record<string, string>> = Object.freeze({})

/** A node. */
export const projectNode = (raw: RawNode): NodeView => ({
  name: raw.metadata.name,
  labels: raw.metadata.labels ?? EMPTY,
  taints:
    raw.spec?.taints?.map(({ key, value, effect }) => ({ key, ...(value !== undefined && { value }), effect })) ?? NONE,
  ready: raw.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
  unschedulable: raw.spec?.unschedulable === true,
  operatingSystem: raw.status?.nodeInfo?.operatingSystem || raw.metadata.labels?.['kubernetes.io/os'] || '',
})

interface ContainerStatus {
  readonly name: string
  readonly ready?: boolean
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number }
  }
}
interface RawPod extends Meta {
  readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly conditions?: readonly Condition[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

/** A Pod that may be one of the IDS: one a DaemonSet made. Everything else in that namespace is left out. */
export function projectIdsPod(raw: RawPod): IdsPodView | null {
  const owner = raw.metadata.ownerReferences?.find((one) => one.controller === true && one.kind === 'DaemonSet')
  if (owner === undefined) return null
  const condition = raw.status?.conditions?.find(({ type }) => type === 'Ready')
  const ready = condition?.status === 'True'
  return {
    name: raw.metadata.name,
    nodeName: raw.spec?.nodeName ?? '',
    ownerUid: owner.uid,
    hostNetwork: raw.spec?.hostNetwork === true,
    terminating: raw.metadata.deletionTimestamp !== undefined,
    ready,
    readyChanged: Date.parse(condition?.lastTransitionTime ?? '') || 0,
    notReadyReason: ready ? '' : whyNotReady(raw),
  }
}

/** The Leases of agents, as a label selector; others, of leaders, may be in that namespace as well. */
export const IDS_LEASES = `app.kubernetes.io/name=${IDS_DAEMONSET}`

interface RawLease extends Meta {
  readonly spec?: { readonly holderIdentity?: string }
}

/** The Lease of an agent: whose word it is, and what it says. */
export const projectIdsLease = ({ metadata, spec }: RawLease): IdsLeaseView => ({
  node: metadata.name,
  pod: spec?.holderIdentity ?? '',
  report: parseIdsReport(metadata.annotations?.[ANNOTATION.idsReport]),
})

const MAX_REASON = 200

function whyNotReady({ status }: RawPod): string {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False') return cut(`not scheduled: ${scheduled.message ?? scheduled.reason ?? ''}`)
  for (const { name, ready, state } of [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]) {
    if (ready) continue
    if (state?.waiting?.reason && state.waiting.reason !== 'PodInitializing')
      return cut(`container ${name}: ${state.waiting.reason}`)
    if (state?.terminated && state.terminated.exitCode !== 0)
      return cut(`container ${name} ended: ${state.terminated.reason ?? ''} (exit code ${state.terminated.exitCode})`)
  }
  const unready = (status?.containerStatuses ?? []).filter(({ ready }) => !ready).map(({ name }) => name)
  if (unready.length > 0) return cut(`container ${unready.join(', ')} does not pass its readiness probe yet`)
  return cut(
    status?.reason ??
      (status?.phase === 'Running' ? 'its node is not Ready' : (status?.phase ?? 'it has no status yet')),
  )
}

const cut = (text: string) => {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON - 1)}…` : line
}

interface RawDaemonSet extends Meta {
  readonly spec?: {
    readonly updateStrategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: number | string } }
    readonly template?: {
      readonly spec?: {
        readonly nodeSelector?: Record<string, string>
        readonly tolerations?: IdsDaemonSetView['tolerations']
      }
    }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly desiredNumberScheduled?: number
    readonly updatedNumberScheduled?: number
    readonly numberAvailable?: number
  }
}

/** The IDS DaemonSet. */
export function projectDaemonSet(raw: RawDaemonSet): IdsDaemonSetView {
  const { status = {} } = raw
  const desired = status.desiredNumberScheduled ?? 0
  const observed = (status.observedGeneration ?? 0) >= (raw.metadata.generation ?? 0)
  return {
    uid: raw.metadata.uid,
    name: raw.metadata.name,
    terminating: raw.metadata.deletionTimestamp !== undefined,
    nodeSelector: raw.spec?.template?.spec?.nodeSelector ?? EMPTY,
    tolerations: raw.spec?.template?.spec?.tolerations ?? NONE,
    maxUnavailable: raw.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1,
    rollingOut: !observed || (status.updatedNumberScheduled ?? 0) < desired || (status.numberAvailable ?? 0) < desired,
  }
}

const KEPT_ANNOTATIONS = new Set<string>(nodeSelectorAnnotations)
const POD_SECURITY = 'pod-security.kubernetes.io/'

/** A namespace: only keys that decide something. */
export const projectNamespace = ({ metadata }: Meta): NamespaceView => ({
  name: metadata.name,
  labels: keep(metadata.labels, (key) => key.startsWith(KEY_PREFIX) || key.startsWith(POD_SECURITY)),
  annotations: keep(metadata.annotations, (key) => key.startsWith(KEY_PREFIX) || KEPT_ANNOTATIONS.has(key)),
})

/** Whether a namespace asks for anything of ours, by label. */
export const asks = ({ labels }: NamespaceView): boolean => LABEL.protected in labels || LABEL.waf in labels

function keep(
  from: Record<string, string> | undefined,
  wanted: (key: string) => boolean,
): Readonly<Record<string, string>> {
  const entries = Object.entries(from ?? EMPTY).filter(([key]) => wanted(key))
  return entries.length === 0 ? EMPTY : Object.fromEntries(entries)
}

interface RawService extends Meta {
  readonly spec?: {
    readonly selector?: Record<string, string>
    readonly ports?: readonly {
      readonly name?: string
      readonly port: number
      readonly targetPort?: number | string
      readonly protocol?: string
    }[]
  }
}

/** A Service; one that selects no Pods cannot lead round a WAF. */
export function projectService({ metadata, spec }: RawService): ServiceView | null {
  if (!spec?.selector || Object.keys(spec.selector).length === 0) return null
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    selector: spec.selector,
    ports: (spec.ports ?? []).map(({ name, port, targetPort, protocol }) => ({
      ...(name !== undefined && { name }),
      port,
      targetPort: targetPort ?? port,
      protocol: protocol ?? 'TCP',
    })),
  }
}

interface RawNetworkPolicy extends Meta {
  readonly spec?: {
    readonly podSelector?: LabelSelector
    readonly ingress?: readonly {
      readonly ports?: readonly {
        readonly port?: number | string
        readonly endPort?: number
        readonly protocol?: string
      }[]
    }[]
  }
}

/** A NetworkPolicy; one that names no port on the way in concerns no port of ours. */
export function projectNetworkPolicy({ metadata, spec }: RawNetworkPolicy): NetworkPolicyView | null {
  const ports = (spec?.ingress ?? []).flatMap((rule) => rule.ports ?? [])
  const ingressPorts = ports.flatMap(({ port, endPort, protocol }) =>
    port === undefined ? [] : [{ port, ...(endPort !== undefined && { endPort }), protocol: protocol ?? 'TCP' }],
  )
  if (ingressPorts.length === 0) return null
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    podSelector: spec?.podSelector ?? {},
    ingressPorts,
  }
}

/** The API group whose right opens. */
export const OPEN = { group: GROUP, resource: 'wafpolicies', verb: 'open' } as const
