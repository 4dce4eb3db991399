/** The five watches of the loop. Each change goes to the keeper at once; nothing is decided here. */
import { setTimeout as wait } from 'node:timers/promises'
import type { IdsLeaseView } from '../../api/ids.ts'
import { IDS_DAEMONSET } from '../../api/names.ts'
import type { IdsPodView } from '../../api/views.ts'
import type { ApiClient } from '../../cluster/api-client.ts'
import type { Log } from '../../cluster/log.ts'
import { projectIdsLease, projectIdsPod } from '../../cluster/project.ts'
import { rememberReplaced } from '../../cluster/replaced.ts'
import { createStore } from '../../cluster/store.ts'
import { startWatch, type Watch, type WatchLimits } from '../../cluster/watch.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import type { Keeper } from '../keep/keeper.ts'
import type { KeptDaemonSet, KeptNamespace, KeptNode } from '../keep/views.ts'
import { projectKeptDaemonSet, projectKeptNamespace, projectKeptNode } from './project.ts'

export interface LoopWatchesOptions {
  readonly client: ApiClient
  readonly settings: GuardSettings
  readonly keeper: Keeper
  /** Told after each change; the node is named where a change of its IDS may ask for a write. */
  readonly changed: (node?: string) => void
  readonly signal: AbortSignal
  readonly log: Log
  readonly monotonic: () => number
  readonly limits?: Partial<WatchLimits>
}
export interface LoopWatches {
  /** Why what is known cannot be believed, a line for each watch. */
  doubts(): readonly string[]
  replaced(): ReadonlyMap<string, number>
  readonly done: Promise<unknown>
}

/** Starts them; they run until the signal aborts. */
export function startLoopWatches(options: LoopWatchesOptions): LoopWatches {
  const { client, settings, keeper, changed, signal, log, monotonic, limits = {} } = options
  const { idsNamespace, idsDaemonSet } = settings
  const sleep = (ms: number, abort: AbortSignal) => wait(ms, undefined, { signal: abort, ref: false })
  const common = { client, signal, log, now: monotonic, random: Math.random, sleep, limits }
  const replaced = rememberReplaced(monotonic, settings.graceSeconds * 1000)
  let daemonSet: KeptDaemonSet | null = null
  const named = (key: string) => key.slice(key.indexOf('/') + 1)

  const watches: Watch[] = [
    startWatch({
      ...common,
      name: 'daemonset',
      path: `/apis/apps/v1/namespaces/${idsNamespace}/daemonsets`,
      query: { fieldSelector: `metadata.name=${idsDaemonSet}` },
      project: projectKeptDaemonSet,
      store: createStore<KeptDaemonSet>((_, __, after) => {
        daemonSet = after ?? null
        keeper.daemonSet(daemonSet)
        changed()
      }),
    }),
    startWatch({
      ...common,
      name: 'nodes',
      path: '/api/v1/nodes',
      project: projectKeptNode,
      store: createStore<KeptNode>((key, _, after) => {
        keeper.node(named(key), after)
        changed()
      }),
    }),
    startWatch({
      ...common,
      name: 'ids pods',
      path: `/api/v1/namespaces/${idsNamespace}/pods`,
      project: projectIdsPod,
      store: createStore<IdsPodView>((_, before, after) => {
        replaced.changed(before, after, daemonSet)
        keeper.pod(before, after)
        changed((after ?? before)?.nodeName)
      }),
    }),
    startWatch({
      ...common,
      name: 'ids leases',
      path: `/apis/coordination.k8s.io/v1/namespaces/${idsNamespace}/leases`,
      query: { labelSelector: `app.kubernetes.io/name=${IDS_DAEMONSET}` },
      project: projectIdsLease,
      store: createStore<IdsLeaseView>((key, _, after) => {
        keeper.lease(named(key), after)
        changed(named(key))
      }),
    }),
    startWatch({
      ...common,
      name: 'namespaces',
      path: '/api/v1/namespaces',
      metadataOnly: true,
      project: projectKeptNamespace,
      store: createStore<KeptNamespace>((key, _, after) => {
        keeper.namespace(named(key), after)
        changed()
      }),
    }),
  ]
  return {
    doubts: () => watches.map((one) => one.doubt()).filter((doubt) => doubt !== undefined),
    replaced: () => replaced.since(),
    done: Promise.all(watches.map((one) => one.done)),
  }
}
