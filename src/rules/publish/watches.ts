/** The watches of `sekisho rules`: each keeps a store equal to what the API server has, cut down at once. */
import { isIPv6 } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { CUSTOM_RULES_CONFIGMAP, LABEL } from '../../api/names.ts'
import { WAF_POLICY } from '../../api/waf-policy.ts'
import type { ApiClient } from '../../cluster/api-client.ts'
import type { Log } from '../../cluster/log.ts'
import { createStore, type Store } from '../../cluster/store.ts'
import { startWatch, type WatchLimits } from '../../cluster/watch.ts'
import { projectPolicy } from '../policy/project.ts'
import { KEPT_LABEL, type KeptSink } from './kept.ts'
import { projectKept, projectPod, projectRules } from './project.ts'
import type { View } from './view.ts'

export interface WatchesOptions {
  readonly client: ApiClient
  readonly namespace: string
  /** Of the replicas. */
  readonly port: number
  readonly wafImage: string
  readonly view: View
  readonly kept: KeptSink
  readonly signal: AbortSignal
  readonly log: Log
  readonly limits?: Partial<WatchLimits>
}
export interface Watches {
  /** What was never seen whole: until then an answer might be wrong. */
  readonly unfilled: () => readonly string[]
  /** What cannot be believed now, the API server being away. */
  readonly doubts: () => readonly string[]
  /** `ADDRESS:PORT` of every replica. */
  readonly replicas: () => readonly string[]
  readonly done: Promise<void>
}

interface RawPod {
  readonly metadata: { readonly deletionTimestamp?: string }
  readonly status?: { readonly phase?: string; readonly podIP?: string }
}
/** The address of a Pod that runs. */
const projectReplica = ({ metadata, status }: RawPod): string | null =>
  status?.phase === 'Running' && status.podIP && metadata.deletionTimestamp === undefined ? status.podIP : null

export function startWatches(options: WatchesOptions): Watches {
  const { client, namespace, port, wafImage, view, kept, signal, log, limits = {} } = options
  const sleep = (ms: number, abort: AbortSignal) => wait(ms, undefined, { signal: abort, ref: false })
  const replicas = createStore<string>()
  const keptStore = createStore<ReturnType<typeof projectKept>>((_, before, after) => {
    if (after !== undefined) kept.seen(after)
    else kept.gone(before!.name)
  })
  const started: { readonly doubt: () => string | undefined; readonly done: Promise<void>; filled: boolean }[] = []
  const watch = <V>(
    name: string,
    path: string,
    project: (raw: never) => V | null,
    store: Store<V>,
    query: Readonly<Record<string, string>> = {},
    needed = true,
  ) => {
    const { now, random } = { now: Date.now, random: Math.random }
    const one = startWatch({ client, name, path, query, project, store, signal, log, now, random, sleep, limits })
    started.push({ ...one, filled: !needed })
  }
  const { group, version, plural } = WAF_POLICY
  watch('pods', '/api/v1/pods', projectPod(wafImage), view.pods)
  watch('wafpolicies', `/apis/${group}/${version}/${plural}`, projectPolicy, view.policies)
  watch('rules', '/api/v1/configmaps', projectRules, view.labelled, { labelSelector: LABEL.rules })
  watch('rules by name', '/api/v1/configmaps', projectRules, view.named, {
    fieldSelector: `metadata.name=${CUSTOM_RULES_CONFIGMAP}`,
  })
  watch('state', `/api/v1/namespaces/${namespace}/configmaps`, projectKept, keptStore, {
    labelSelector: `${KEPT_LABEL.key}=${KEPT_LABEL.value}`,
  })
  // Who else serves: without it each hears for itself alone.
  const label = { labelSelector: `${KEPT_LABEL.key}=${KEPT_LABEL.value}` }
  watch('replicas', `/api/v1/namespaces/${namespace}/pods`, projectReplica, replicas, label, false)

  const doubts = () => started.map(({ doubt }) => doubt()).filter((one) => one !== undefined)
  return {
    unfilled: () =>
      started.flatMap((one) => {
        if (one.filled) return []
        const doubt = one.doubt()
        one.filled = doubt === undefined
        return doubt ?? []
      }),
    doubts,
    replicas: () => replicas.all().map((ip) => `${isIPv6(ip) ? `[${ip}]` : ip}:${port}`),
    done: Promise.all(started.map(({ done }) => done)).then(() => {}),
  }
}
