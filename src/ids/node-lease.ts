/**
 * The Lease of this node: what the agent found out, for the guard, the webhook and people. It is written at once when `ready` or the check
 * changes, else every renewal, always with the newest report. Nobody waits for it: with the API server away the probe says the same.
 *
 *     report ─▶ (changed, or due?) ─▶ read ─▶ create or replace by its resourceVersion ─▶ again after a pause, where it failed
 *
 * It belongs to the Pod: with the Pod the cluster takes it away, unless the next Pod of the node has made it its own by then.
 */
import type { IdsFlows, IdsReport } from '../api/ids.ts'
import { ANNOTATION, IDS_DAEMONSET } from '../api/names.ts'
import { type ApiClient, ApiError } from '../cluster/api-client.ts'
import type { Log } from '../cluster/log.ts'
import { microTime } from '../cluster/micro-time.ts'

export interface PodIdentity {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly node: string
}
export interface NodeLease {
  /** The newest report; `changed` when it should be written at once. */
  report(report: IdsReport, changed: boolean): void
  /** Resolves when the signal aborts. Never rejects. */
  readonly done: Promise<void>
}
export interface NodeLeaseOptions {
  readonly client: ApiClient
  readonly pod: PodIdentity
  readonly renewMs: number
  readonly flows: () => IdsFlows
  readonly log: Log
  readonly signal: AbortSignal
  /** Milliseconds that only rise. */
  readonly monotonic: () => number
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly random: () => number
}

interface RawLease {
  readonly metadata: {
    readonly resourceVersion?: string
    readonly uid?: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly spec?: {
    readonly holderIdentity?: string
    readonly acquireTime?: string
    readonly leaseTransitions?: number
  }
}

/** How often the flows on it are renewed. */
const FLOWS_MS = 600_000
const IDLE_MS = 5000
const PAUSE_MS = { first: 1000, most: 30_000 }

/** Writes until the signal aborts. */
export function startNodeLease(options: NodeLeaseOptions): NodeLease {
  const { client, pod, renewMs, flows, log, signal, monotonic, now, sleep, random } = options
  const path = `/apis/coordination.k8s.io/v1/namespaces/${pod.namespace}/leases`
  let newest: IdsReport | undefined
  let wake = Promise.withResolvers<void>()
  let flowsText = ''
  let flowsAt = Number.NEGATIVE_INFINITY

  const read = async (): Promise<RawLease | undefined> => {
    try {
      return await client.request<RawLease>('GET', `${path}/${pod.node}`, { signal, idleMs: IDLE_MS })
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  const write = async (): Promise<void> => {
    const before = await read()
    const mine = before?.spec?.holderIdentity === pod.name
    const micro = microTime(now())
    if (monotonic() - flowsAt >= FLOWS_MS) {
      flowsText = JSON.stringify(flows())
      flowsAt = monotonic()
    }
    const { resourceVersion, uid, annotations, labels } = before?.metadata ?? {}
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: pod.node,
        namespace: pod.namespace,
        ...(before && { resourceVersion, uid }),
        labels: { ...labels, 'app.kubernetes.io/name': IDS_DAEMONSET },
        annotations: {
          ...annotations,
          // Read late: what stands in it is then the newest.
          [ANNOTATION.idsReport]: JSON.stringify(newest),
          [ANNOTATION.idsFlows]: flowsText,
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }],
      },
      spec: {
        holderIdentity: pod.name,
        leaseDurationSeconds: Math.ceil((renewMs * 3) / 1000),
        acquireTime: (mine && before?.spec?.acquireTime) || micro,
        renewTime: micro,
        leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (before === undefined || mine ? 0 : 1),
      },
    }
    if (before) await client.request('PUT', `${path}/${pod.node}`, { body, signal, idleMs: IDLE_MS })
    else await client.request('POST', path, { body, signal, idleMs: IDLE_MS })
  }

  const run = async (): Promise<void> => {
    let pause: number = PAUSE_MS.first
    let failing = ''
    await Promise.race([wake.promise, aborted(signal)])
    while (!signal.aborted) {
      // Before the write: a change that comes while it lasts is written next.
      wake = Promise.withResolvers()
      try {
        await write()
        if (failing !== '') log.info({ 'sekisho.lease': pod.node }, 'the Lease can be written again')
        failing = ''
        pause = PAUSE_MS.first
        // Spread over the nodes: they all began with the same rollout.
        await wakenOr(renewMs * (0.8 + 0.2 * random()))
      } catch (error) {
        if (signal.aborted) return
        if (String(error) !== failing)
          log.warn({ 'sekisho.lease': pod.node, reason: String(error) }, 'the Lease could not be written')
        failing = String(error)
        // A conflict is another's write in between: what stands there now is read at once.
        const conflict = error instanceof ApiError && error.status === 409
        await rest(conflict ? 100 : pause * (0.5 + random()))
        if (!conflict) pause = Math.min(PAUSE_MS.most, pause * 2)
      }
    }
  }
  const rest = (ms: number, until = signal) => sleep(ms, until).catch(() => {})
  /** A rest that is cut short leaves nothing behind: changes may be many. */
  const wakenOr = async (ms: number) => {
    const woken = new AbortController()
    await Promise.race([wake.promise, rest(ms, AbortSignal.any([signal, woken.signal]))])
    woken.abort()
  }

  return {
    done: run(),
    report: (report, changed) => {
      const first = newest === undefined
      newest = report
      if (changed || first) wake.resolve()
    },
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
