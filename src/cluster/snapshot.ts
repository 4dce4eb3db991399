/** One look at everything the guard asks for, for a command that ends after its answer. Live reads go the same way as in the webhook. */
import type { IdsLeaseView } from '../api/ids.ts'
import type { IdsPodView, NodeView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import type { GuardReader } from '../guard/reader.ts'
import type { ApiClient } from './api-client.ts'
import { createLive } from './live.ts'
import { listAll } from './pages.ts'
import { IDS_LEASES, projectIdsLease, projectIdsPod, projectNamespace, projectNode } from './project.ts'

/** Lists nodes, IDS Pods, the DaemonSet and namespaces, page by page. */
export async function snapshot(client: ApiClient, settings: GuardSettings, signal: AbortSignal): Promise<GuardReader> {
  const live = createLive(client, settings)
  const [nodes, idsPods, leases, protectedNamespaces, { daemonSet }] = await Promise.all([
    collect<NodeView>(client, '/api/v1/nodes', projectNode, signal),
    collect<IdsPodView>(client, `/api/v1/namespaces/${settings.idsNamespace}/pods`, projectIdsPod, signal),
    collect<IdsLeaseView>(
      client,
      `/apis/coordination.k8s.io/v1/namespaces/${settings.idsNamespace}/leases`,
      projectIdsLease,
      signal,
      { labelSelector: IDS_LEASES },
    ),
    collect(client, '/api/v1/namespaces', projectNamespace, signal, { labelSelector: 'sekisho.dev/protected=true' }),
    live.look([], signal),
  ])
  const said = new Map(leases.map((lease) => [lease.node, lease]))
  return {
    nodes: () => nodes,
    idsPods: () => idsPods,
    idsDaemonSet: () => daemonSet,
    idsLeases: () => said,
    // Nobody watched before this look, so no node can be known to have been covered a moment ago.
    replaced: () => new Map(),
    protectedNamespaces: () => protectedNamespaces.map(({ name }) => name).sort(),
    ...live,
  }
}

async function collect<V>(
  client: ApiClient,
  path: string,
  project: (raw: never) => V | null,
  signal: AbortSignal,
  query: Readonly<Record<string, string>> = {},
): Promise<V[]> {
  const views: V[] = []
  for await (const raw of listAll(client, path, { query, signal })) {
    const view = project(raw as never)
    if (view !== null) views.push(view)
  }
  return views
}
