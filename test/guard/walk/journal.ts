/**
 * Everything that the API server tells of nodes, Pods, Leases and the DaemonSet, in the order in which it happened: all kinds count by the
 * same revision of etcd, so that "which came first" has one answer, whatever the watches' own pace.
 */
import { ANNOTATION, TAINT_IDS_NOT_READY } from '../../../src/api/names.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { linesOf } from '../../../src/cluster/lines.ts'

interface Meta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string; readonly controller?: boolean }[]
}
interface Taint {
  readonly key: string
  readonly value?: string
  readonly effect: string
}
interface Raw {
  readonly metadata: Meta
  readonly spec?: {
    readonly taints?: readonly Taint[]
    readonly unschedulable?: boolean
    readonly nodeName?: string
    readonly hostNetwork?: boolean
    readonly holderIdentity?: string
  }
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

export interface NodeSeen {
  readonly kind: 'node'
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Bears our taint. */
  readonly ours: boolean
  /** Taints of others, but for those that Kubernetes itself sets by a node's conditions: `key=value:effect`, sorted. */
  readonly foreign: string
  readonly unschedulable: boolean
}
export interface PodSeen {
  readonly kind: 'pod'
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly node: string
  /** Uid of the DaemonSet that controls it. */
  readonly owner: string
  readonly ready: boolean
  readonly hostNetwork: boolean
  readonly terminating: boolean
}
export interface LeaseSeen {
  readonly kind: 'lease'
  readonly name: string
  readonly holder: string
  /** What its report says; undefined where it cannot be read. */
  readonly ready: boolean | undefined
}
export interface DaemonSetSeen {
  readonly kind: 'daemonset'
  readonly name: string
  readonly uid: string
}
export type Seen = NodeSeen | PodSeen | LeaseSeen | DaemonSetSeen

export interface Entry {
  readonly revision: number
  /** When it was seen here, ms since the epoch. */
  readonly at: number
  readonly gone: boolean
  readonly seen: Seen
}

const text = ({ key, value = '', effect }: Taint) => `${key}=${value}:${effect}`

const readers = {
  node: ({ metadata, spec = {} }: Raw): NodeSeen => {
    const { taints = [] } = spec
    const others = taints.filter(({ key }) => key !== TAINT_IDS_NOT_READY && !key.startsWith('node.kubernetes.io/'))
    return {
      kind: 'node',
      name: metadata.name,
      // Those of old names follow the new ones by themselves.
      labels: Object.fromEntries(
        Object.entries(metadata.labels ?? {}).filter(([key]) => !key.startsWith('beta.kubernetes.io/')),
      ),
      ours: taints.some(({ key, effect }) => key === TAINT_IDS_NOT_READY && effect === 'NoSchedule'),
      foreign: others.map(text).sort().join(' '),
      unschedulable: spec.unschedulable === true,
    }
  },
  pod: ({ metadata, spec = {}, status = {} }: Raw): PodSeen => ({
    kind: 'pod',
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    owner: metadata.ownerReferences?.find((one) => one.controller && one.kind === 'DaemonSet')?.uid ?? '',
    ready: status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
    hostNetwork: spec.hostNetwork === true,
    terminating: metadata.deletionTimestamp !== undefined,
  }),
  lease: ({ metadata, spec = {} }: Raw): LeaseSeen => ({
    kind: 'lease',
    name: metadata.name,
    holder: spec.holderIdentity ?? '',
    ready: readyOf(metadata.annotations?.[ANNOTATION.idsReport]),
  }),
  daemonset: ({ metadata }: Raw): DaemonSetSeen => ({ kind: 'daemonset', name: metadata.name, uid: metadata.uid }),
}

function readyOf(report: string | undefined): boolean | undefined {
  try {
    const { ready } = JSON.parse(report ?? '') as { ready?: unknown }
    return typeof ready === 'boolean' ? ready : undefined
  } catch {
    return undefined
  }
}

const PATHS: Record<keyof typeof readers, string> = {
  node: '/api/v1/nodes',
  pod: '/api/v1/pods',
  lease: '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases',
  daemonset: '/apis/apps/v1/namespaces/sekisho-node/daemonsets',
}

export interface Journal {
  /** By revision. */
  entries(): readonly Entry[]
  stop(): Promise<void>
}

/** Begins to write down; what is there already comes first. A watch that breaks is an error of the test, since it would hide things. */
export function startJournal(client: ApiClient): Journal {
  const stop = new AbortController()
  const entries: Entry[] = []
  let fault: unknown
  const follow = async (kind: keyof typeof readers) => {
    const read = readers[kind]
    const list = await client.request<{ metadata: { resourceVersion: string }; items: Raw[] }>('GET', PATHS[kind])
    for (const raw of list.items)
      entries.push({ revision: Number(raw.metadata.resourceVersion), at: Date.now(), gone: false, seen: read(raw) })
    const query = { watch: 'true', resourceVersion: list.metadata.resourceVersion, timeoutSeconds: '3600' }
    const stream = await client.open(PATHS[kind], { query, signal: stop.signal, idleMs: 3_600_000 })
    const run = async () => {
      for await (const line of linesOf(stream)) {
        const { type, object } = JSON.parse(line) as { type: string; object: Raw }
        if (type === 'ERROR') throw new Error(`the watch of ${kind} says ${line}`)
        const revision = Number(object.metadata.resourceVersion)
        entries.push({ revision, at: Date.now(), gone: type === 'DELETED', seen: read(object) })
      }
      if (!stop.signal.aborted) throw new Error(`the watch of ${kind} ended`)
    }
    return run().catch((error) => {
      if (!stop.signal.aborted) fault ??= error
    })
  }
  const running = (Object.keys(readers) as (keyof typeof readers)[]).map((kind) =>
    follow(kind).catch((error) => {
      fault ??= error
    }),
  )
  return {
    entries: () => {
      if (fault !== undefined) throw fault
      return entries.toSorted((a, b) => a.revision - b.revision)
    },
    stop: async () => {
      stop.abort()
      await Promise.all(running)
    },
  }
}
