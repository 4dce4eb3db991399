/** What the webhook knows of the cluster: seven watches, cut down to views, and live reads beside them. */
import { setTimeout as wait } from 'node:timers/promises'
import type { IdsLeaseView } from '../api/ids.ts'
import { LABEL } from '../api/names.ts'
import type {
  IdsDaemonSetView,
  IdsPodView,
  NamespaceView,
  NetworkPolicyView,
  NodeView,
  ServiceView,
} from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import type { GuardReader } from '../guard/reader.ts'
import type { InjectReader } from '../inject/reader.ts'
import type { ApiClient } from './api-client.ts'
import { createLive } from './live.ts'
import type { Log } from './log.ts'
import {
  IDS_LEASES,
  projectDaemonSet,
  projectIdsLease,
  projectIdsPod,
  projectNamespace,
  projectNetworkPolicy,
  projectNode,
  projectService,
} from './project.ts'
import { rememberReplaced } from './replaced.ts'
import { createStore, type Store } from './store.ts'
import { startWatch, type Watch, type WatchLimits } from './watch.ts'

/** Everything the rooms ask for. */
export interface ClusterReader extends GuardReader, InjectReader {}

export interface ClusterCache {
  readonly reader: ClusterReader
  /** Why the cache cannot be believed, a line for each watch; empty: ready. */
  readonly doubts: () => readonly string[]
  /** Resolves once every watch is filled. @throws when the signal aborts. */
  readonly synced: (signal?: AbortSignal) => Promise<void>
  /** Resolves when every watch has ended after the signal aborted. */
  readonly done: Promise<void>
}

export interface ClusterCacheOptions {
  readonly client: ApiClient
  readonly settings: GuardSettings
  readonly signal: AbortSignal
  readonly log: Log
  readonly now?: () => number
  readonly random?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly limits?: Partial<WatchLimits>
}

/** What is asked cannot be told now; the server answers 503 and the API server follows failurePolicy. */
export class NotSyncedError extends Error {
  override readonly name = 'NotSyncedError'
  /** For whoever turns errors into answers. */
  readonly statusCode = 503
}

const POLL_MS = 25

/** Starts the watches; they run until the signal aborts. */
export function startClusterCache(options: ClusterCacheOptions): ClusterCache {
  const { client, settings, signal, log } = options
  const now = options.now ?? Date.now
  const sleep =
    options.sleep ?? ((ms: number, abort: AbortSignal) => wait(ms, undefined, { signal: abort, ref: false }))
  const watches: Watch[] = []
  const live = createLive(client, settings)
  const replaced = rememberReplaced(now, settings.graceSeconds * 1000)

  const watch = <V>(
    name: string,
    path: string,
    project: (raw: never) => V | null,
    store: Store<V>,
    more: object = {},
  ): (() => Store<V>) => {
    const { random = Math.random, limits = {} } = options
    const started = startWatch({ client, name, path, project, store, signal, log, now, random, sleep, limits, ...more })
    watches.push(started)
    return () => {
      const doubt = started.doubt()
      if (doubt !== undefined) throw new NotSyncedError(`Cannot tell what the cluster looks like: ${doubt}`)
      return store
    }
  }

  const daemonSets = createStore<IdsDaemonSetView>()
  const daemonSetNow = () => daemonSets.all()[0] ?? null
  const { idsNamespace, idsDaemonSet } = settings
  const namespaced = createStore<NamespaceView>()
  const services = byNamespace<ServiceView>()
  const policies = byNamespace<NetworkPolicyView>()

  const sets = watch('daemonset', `/apis/apps/v1/namespaces/${idsNamespace}/daemonsets`, projectDaemonSet, daemonSets, {
    query: { fieldSelector: `metadata.name=${idsDaemonSet}` },
  })
  const nodes = watch('nodes', '/api/v1/nodes', projectNode, createStore<NodeView>())
  const pods = watch(
    'ids pods',
    `/api/v1/namespaces/${idsNamespace}/pods`,
    projectIdsPod,
    createStore<IdsPodView>((_, before, after) => replaced.changed(before, after, daemonSetNow())),
  )
  const said = new Map<string, IdsLeaseView>()
  const leases = watch(
    'ids leases',
    `/apis/coordination.k8s.io/v1/namespaces/${idsNamespace}/leases`,
    projectIdsLease,
    createStore<IdsLeaseView>((_, before, after) => {
      if (after !== undefined) said.set(after.node, after)
      else if (before !== undefined) said.delete(before.node)
    }),
    { query: { labelSelector: IDS_LEASES } },
  )
  const namespaces = watch('namespaces', '/api/v1/namespaces', projectNamespace, namespaced, { metadataOnly: true })
  const servicesNow = watch('services', '/api/v1/services', projectService, services.store)
  const policiesNow = watch(
    'network policies',
    '/apis/networking.k8s.io/v1/networkpolicies',
    projectNetworkPolicy,
    policies.store,
  )

  const reader: ClusterReader = {
    nodes: () => nodes().all(),
    idsPods: () => pods().all(),
    idsDaemonSet: () => sets().all()[0] ?? null,
    idsLeases: () => {
      leases()
      return said
    },
    replaced: () => replaced.since(),
    protectedNamespaces: () =>
      namespaces()
        .all()
        .filter(({ labels }) => labels[LABEL.protected] === 'true')
        .map(({ name }) => name)
        .sort(),
    namespace: (name) => namespaces().get(`/${name}`) ?? null,
    services: (namespace) => {
      servicesNow()
      return services.of(namespace)
    },
    networkPolicies: (namespace) => {
      policiesNow()
      return policies.of(namespace)
    },
    ...live,
  }
  const doubts = () => watches.map((one) => one.doubt()).filter((doubt) => doubt !== undefined)
  return {
    reader,
    doubts,
    synced: async (abort = signal) => {
      while (doubts().length > 0) await sleep(POLL_MS, abort)
    },
    done: Promise.all(watches.map((one) => one.done)).then(() => {}),
  }
}

/** A store that also finds by namespace. */
function byNamespace<V extends { readonly namespace: string; readonly name: string }>() {
  const spaces = new Map<string, Map<string, V>>()
  const store = createStore<V>((_, before, after) => {
    const { namespace, name } = (after ?? before)!
    const there = spaces.get(namespace) ?? new Map<string, V>()
    if (after === undefined) there.delete(name)
    else there.set(name, after)
    if (there.size === 0) spaces.delete(namespace)
    else spaces.set(namespace, there)
  })
  return { store, of: (namespace: string): readonly V[] => [...(spaces.get(namespace)?.values() ?? [])] }
}
