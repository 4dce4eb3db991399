/** What `sekisho status coverage` reads beside the snapshot: namespaces, flows on the agents' Leases, the DaemonSet's counts, addresses of Pods. */
import type { IdsFlows } from '../api/ids.ts'
import { ANNOTATION, LABEL } from '../api/names.ts'
import type { NamespaceView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { parseIdsFlows } from '../guard/tls-share.ts'
import { type ApiClient, ApiError } from './api-client.ts'
import { listAll } from './pages.ts'
import { IDS_LEASES, projectIdsLease, projectNamespace } from './project.ts'

type Ids = Pick<GuardSettings, 'idsNamespace' | 'idsDaemonSet'>

export interface SensorCounts {
  readonly desired: number
  readonly ready: number
  readonly updated: number
  readonly unavailable: number
}

/** Namespaces, all of them or those with `sekisho.dev/protected`, whatever its value. */
export async function readNamespaces(
  client: ApiClient,
  which: 'all' | 'protected',
  signal: AbortSignal,
): Promise<NamespaceView[]> {
  const query = which === 'all' ? {} : { labelSelector: LABEL.protected }
  const found: NamespaceView[] = []
  for await (const raw of listAll(client, '/api/v1/namespaces', { query, signal }))
    found.push(projectNamespace(raw as never))
  return found
}

/** What the agents counted of flows, by node, with the Pod that wrote it. None where Leases may not be read: then nothing is known. */
export async function readIdsFlows(
  client: ApiClient,
  { idsNamespace }: Ids,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, { readonly pod: string; readonly flows: IdsFlows }>> {
  const found = new Map<string, { readonly pod: string; readonly flows: IdsFlows }>()
  const path = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(idsNamespace)}/leases`
  try {
    for await (const raw of listAll<Annotated>(client, path, { query: { labelSelector: IDS_LEASES }, signal })) {
      const flows = parseIdsFlows(raw.metadata.annotations?.[ANNOTATION.idsFlows])
      const { node, pod } = projectIdsLease(raw as never)
      if (flows !== undefined) found.set(node, { pod, flows })
    }
  } catch (error) {
    if (!mayBeMissing(error)) throw error
  }
  return found
}

interface Annotated {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
}

/** How far the DaemonSet is; undefined where there is none. */
export async function readSensorCounts(
  client: ApiClient,
  { idsNamespace, idsDaemonSet }: Ids,
  signal: AbortSignal,
): Promise<SensorCounts | undefined> {
  try {
    const { status = {} } = await client.request<{ status?: Readonly<Record<string, number>> }>(
      'GET',
      `/apis/apps/v1/namespaces/${encodeURIComponent(idsNamespace)}/daemonsets/${encodeURIComponent(idsDaemonSet)}`,
      { signal },
    )
    return {
      desired: status['desiredNumberScheduled'] ?? 0,
      ready: status['numberReady'] ?? 0,
      updated: status['updatedNumberScheduled'] ?? 0,
      unavailable: status['numberUnavailable'] ?? 0,
    }
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}

interface Addressed {
  readonly metadata: { readonly namespace: string }
  readonly status?: { readonly podIPs?: readonly { readonly ip?: string }[] | null }
}

/**
 * Which of these namespaces has an address, by the Pods that run now; those on the node's own address are nobody's. A page at a time, so
 * that of 50,000 Pods nothing but addresses stays. Undefined where Pods may not be listed.
 */
export async function readAddresses(
  client: ApiClient,
  namespaces: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const found = new Map<string, string>()
  const query = { fieldSelector: 'spec.hostNetwork=false,status.phase=Running' }
  try {
    for await (const { metadata, status } of listAll<Addressed>(client, '/api/v1/pods', { query, signal }))
      if (namespaces.has(metadata.namespace))
        for (const { ip } of status?.podIPs ?? []) if (ip !== undefined) found.set(ip, metadata.namespace)
  } catch (error) {
    if (!mayBeMissing(error)) throw error
    return undefined
  }
  return found
}

const mayBeMissing = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 403 || error.status === 404)
