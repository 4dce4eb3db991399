/**
 * The guard's loop.
 *
 *   watches ─▶ keeper ─ step ─▶ queue (taints on first) ─▶ asked again, told, written ─▶ watches
 *
 * Both replicas watch and step, so that who takes over knows what was seen; only the leader writes, and asks itself whether it leads and
 * whether its watches can be believed before each write.
 */
import type { Finding } from '../../api/finding.ts'
import { type ApiClient, ApiError } from '../../cluster/api-client.ts'
import type { Log } from '../../cluster/log.ts'
import type { Keeper } from '../keep/keeper.ts'
import { type EventDraft, finding } from '../keep/tables.ts'
import type { Times } from '../keep/views.ts'
import { some } from '../wording.ts'
import type { ClusterTime } from './cluster-time.ts'
import { createEventWriter } from './events.ts'
import type { GuardMetrics, Work } from './metrics.ts'
import { projectKeptNamespace, projectKeptNode } from './project.ts'
import { createQueue, type Kind } from './queue.ts'
import { type PodsThere, podsOn } from './unwatched.ts'
import type { LoopWatches } from './watches.ts'

export interface LoopOptions {
  readonly client: ApiClient
  readonly keeper: Keeper
  readonly time: ClusterTime
  readonly instance: string
  readonly leads: () => boolean
  readonly metrics: () => GuardMetrics
  readonly found: (finding: Finding) => void
  readonly log: Log
  readonly signal: AbortSignal
  readonly monotonic: () => number
}
export interface Loop {
  /** Something changed; a node is named whose IDS did. */
  changed(node?: string): void
  /** Begins, once the watches are there. */
  start(watches: LoopWatches): void
  /** Whether we lead changed. */
  leading(leads: boolean): void
  /** Why nothing is done now; undefined: it is. */
  doubt(): string | undefined
  waiting(): number
}

const KINDS: Readonly<Record<Work, Kind>> = {
  taint: { perSecond: 300, burst: 300 },
  untaint: { perSecond: 100, burst: 100 },
  namespace: { perSecond: 20, burst: 50 },
  look: { perSecond: 10, burst: 20, most: 1000 },
  event: { perSecond: 10, burst: 30, most: 2000 },
}
const CONCURRENCY = 24
/** Changes come in bursts: those of one moment are one step. */
const STEP_MS = 10
const MINUTE = 60_000
/** A doubt that lasts so long is told of each namespace. */
const TELL_DOUBT_MS = 60_000
const CHECK_MS = 1000
const RETRY_MS = 1000
/** How often a write is tried anew at once when another was quicker. */
const TRIES = 8
const RETRY_MAX_MS = 30_000
const LONGEST_WAIT_MS = 2 ** 31 - 1

const staticText = (node: string, namespace: string, pod: string): string =>
  `static Pod ${pod} of node ${node} runs in namespace ${namespace}: no admission ever saw it`

export function createLoop(options: LoopOptions): Loop {
  const { client, keeper, time, instance, leads, metrics, found, log, signal, monotonic } = options
  const events = createEventWriter(client, instance, () => time.now() ?? 0)
  const heard = new Map<string, number>()
  const failures = new Map<string, number>()
  const toldFindings = new Map<string, string>()
  const statics = new Map<string, ReadonlyMap<string, Finding>>()
  const asked = new Set<string>()
  let watches: LoopWatches | undefined
  let timer: NodeJS.Timeout | undefined
  let timerAt = Number.POSITIVE_INFINITY
  let doubtSince: number | undefined

  const doubt = (): string | undefined => {
    if (watches === undefined) return 'nothing is watched yet'
    if (time.now() === undefined) return 'the API server was not asked for the time yet'
    return watches.doubts().join('; ') || undefined
  }
  const times = (): Times => ({ monotonic: monotonic(), cluster: time.now() ?? 0 })
  const mayWrite = () => leads() && doubt() === undefined && !signal.aborted

  const queue = createQueue<Work>({
    kinds: KINDS,
    concurrency: CONCURRENCY,
    signal,
    monotonic,
    run: async (kind, key) => {
      if (!leads() || signal.aborted) return
      try {
        metrics().wrote(kind, await WORK[kind](key))
        failures.delete(`${kind} ${key}`)
      } catch (error) {
        if (signal.aborted) return
        metrics().wrote(kind, 'failed')
        retry(kind, key, error)
      }
    },
    dropped: (kind) => kind === 'event' && metrics().eventDropped(),
  })

  const retry = (kind: Work, key: string, error: unknown): void => {
    const count = (failures.get(`${kind} ${key}`) ?? 0) + 1
    const after = error instanceof ApiError ? error.retryAfterMs : 0
    const waitMs = Math.max(after, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(count - 1, 10)))
    log.warn({ 'sekisho.work': kind, 'sekisho.key': key, reason: String(error), waitMs }, 'could not be written')
    if (kind === 'event' || kind === 'look') return
    failures.set(`${kind} ${key}`, count)
    setTimeout(() => {
      keeper.again(kind === 'namespace' ? 'namespace' : 'node', key)
      at(monotonic())
    }, waitMs).unref()
  }

  const tell = (findings: readonly Finding[], drafts: readonly EventDraft[]) => {
    for (const one of findings) {
      // Tried twice is told once; but over and begun anew is told again.
      const what = `${one.action} ${one.evidence['until'] ?? ''}`
      if (toldFindings.get(one.id) === what) continue
      toldFindings.delete(one.id)
      toldFindings.set(one.id, what)
      if (toldFindings.size > 20_000) toldFindings.delete(toldFindings.keys().next().value!)
      metrics().found(one.kind)
      found(one)
    }
    for (const draft of drafts) {
      const key = events.take(draft)
      if (key !== undefined) queue.add('event', key)
    }
  }

  const isStale = (error: unknown): boolean =>
    error instanceof ApiError && (error.status === 409 || error.status === 422 || error.status === 404)

  /** Reads it live, so that the next decision is about what stands there now. */
  const lookAgain = async (kind: 'node' | 'namespace', name: string): Promise<void> => {
    const path = `/api/v1/${kind}s/${encodeURIComponent(name)}`
    try {
      const raw = await client.request<never>('GET', path, { signal })
      if (kind === 'node') keeper.node(name, projectKeptNode(raw))
      else keeper.namespace(name, projectKeptNamespace(raw) ?? undefined)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
      if (kind === 'node') keeper.node(name, undefined)
      else keeper.namespace(name, undefined)
    }
    keeper.again(kind, name)
  }

  /**
   * Writes; where another was quicker, looks and decides anew at once, since who writes all the time leaves only moments. After some tries
   * others get their turn first.
   */
  const persist = async (
    kind: 'node' | 'namespace',
    name: string,
    attempt: () => Promise<void>,
  ): Promise<'done' | 'stale'> => {
    for (let tries = 1; ; tries++) {
      try {
        await attempt()
        return tries === 1 ? 'done' : 'stale'
      } catch (error) {
        if (!isStale(error)) throw error
        await lookAgain(kind, name)
        if (tries === TRIES) {
          setTimeout(() => at(monotonic()), RETRY_MS).unref()
          return 'stale'
        }
      }
    }
  }

  const writeNode = (name: string) =>
    persist('node', name, async () => {
      const write = mayWrite() ? keeper.nodeWrite(name, times()) : undefined
      if (write === undefined) return
      tell(write.findings, [])
      const raw = await client.request<never>('PATCH', `/api/v1/nodes/${encodeURIComponent(name)}`, {
        body: write.patch,
        contentType: 'application/json-patch+json',
        signal,
      })
      keeper.node(name, projectKeptNode(raw))
      metrics().tainted(write.form, write.reason)
      const since = heard.get(name)
      if (since !== undefined) metrics().lag((monotonic() - since) / 1000)
      heard.delete(name)
      log.info({ 'k8s.node.name': name, 'sekisho.taint': write.form, 'sekisho.reason': write.reason }, 'taint written')
      tell([], write.events)
      at(monotonic())
    })

  const writeNamespace = (name: string) =>
    persist('namespace', name, async () => {
      const write = leads() ? keeper.write(name, times()) : undefined
      if (write === undefined) return
      tell(write.findings, [])
      if (write.patch === undefined) return
      const raw = await client.request<never>('PATCH', `/api/v1/namespaces/${encodeURIComponent(name)}`, {
        body: write.patch,
        contentType: 'application/merge-patch+json',
        signal,
      })
      keeper.namespace(name, projectKeptNamespace(raw) ?? undefined)
      tell([], write.events)
    })

  const look = async (node: string): Promise<'done'> => {
    const entry = keeper.entry(node)
    const before = statics.get(node) ?? new Map<string, Finding>()
    const onlyStatics = asked.delete(node) || entry?.sight.kind !== 'blind'
    if (time.now() === undefined || (onlyStatics && before.size === 0)) return 'done'
    const wanted = (namespace: string) => keeper.protection(namespace) !== undefined
    const there = entry === undefined ? new Map<string, never>() : await podsOn(client, node, wanted, signal)
    const now = time.now() ?? 0
    const seen = staticPods(node, there, now)
    if (seen.size === 0) statics.delete(node)
    else statics.set(node, seen)
    for (const [id, { subject }] of before) {
      if (seen.has(id)) continue
      const why = `static Pod ${subject.pod} of node ${node} is gone, or its namespace ${subject.namespace} is protected no more`
      tell([finding('StaticPod', 'resolved', subject, why, {}, now)], [])
    }
    tell([...seen.values()], [])
    if (onlyStatics) return 'done'
    const occasion = `${node}/${Math.floor(now / 1000)}`
    for (const [namespace, { names, statics: own }] of there) {
      const uid = keeper.uid(namespace)
      const note = `node ${node} is blind, and ${names.length === 1 ? '1 Pod' : `${names.length} Pods`} of this namespace run there: ${some(names)}`
      const events: EventDraft[] = [{ reason: 'UnwatchedPods', name: namespace, uid, note, occasion }]
      for (const pod of own)
        events.push({
          reason: 'StaticPod',
          name: namespace,
          uid,
          note: staticText(node, namespace, pod),
          occasion: `${node}/${pod}`,
        })
      tell([], events)
    }
    return 'done'
  }
  /** The findings of static Pods on a node, by their id. */
  const staticPods = (node: string, there: ReadonlyMap<string, PodsThere>, now: number): ReadonlyMap<string, Finding> =>
    new Map(
      [...there]
        .filter(([namespace]) => keeper.protection(namespace) === 'true')
        .flatMap(([namespace, { statics: own }]) =>
          own.map((pod) =>
            finding('StaticPod', 'detected', { namespace, pod, node }, staticText(node, namespace, pod), {}, now),
          ),
        )
        .map((one) => [one.id, one] as const),
    )
  const WORK: Readonly<Record<Work, (key: string) => Promise<'done' | 'stale'>>> = {
    taint: writeNode,
    untaint: writeNode,
    namespace: writeNamespace,
    look,
    event: (key) => events.write(key, signal).then(() => 'done' as const),
  }

  const step = (): void => {
    timer = undefined
    timerAt = Number.POSITIVE_INFINITY
    if (signal.aborted) return
    const why = doubt()
    if (why !== undefined) {
      doubtSince ??= monotonic()
      at(monotonic() + CHECK_MS)
      // Without the time nothing can be stamped, and without namespaces nothing can be told to them.
      if (monotonic() - doubtSince < TELL_DOUBT_MS || time.now() === undefined || why.includes('namespaces:')) return
      keeper.doubt(why)
      if (leads()) for (const name of keeper.spaces(times())) queue.add('namespace', name)
      return
    }
    doubtSince = undefined
    keeper.doubt(undefined)
    const todo = keeper.step(times(), watches?.replaced() ?? new Map())
    const { taint, untaint, namespaces, lookAt, findings, again } = todo
    if (leads()) {
      tell(findings, [])
      for (const name of taint) queue.add('taint', name)
      for (const name of untaint) queue.add('untaint', name)
      for (const name of namespaces) queue.add('namespace', name)
      for (const name of lookAt) {
        asked.delete(name)
        queue.add('look', name)
      }
    }
    // What asked for no write needs no measure of how long one took.
    for (const name of heard.keys()) if (!queue.has('taint', name) && !queue.has('untaint', name)) heard.delete(name)
    if (again !== undefined) at(again)
  }
  /** Steps at that moment at the latest. */
  const at = (moment: number): void => {
    if (moment >= timerAt || signal.aborted) return
    clearTimeout(timer)
    timerAt = moment
    const ms = Math.min(LONGEST_WAIT_MS, Math.max(STEP_MS, Math.ceil(moment - monotonic())))
    timer = setTimeout(step, ms).unref()
  }

  const standing = setInterval(() => {
    if (!mayWrite()) return
    tell([], keeper.standing(times()))
    // No watch tells that a static Pod ended, so the few nodes that have one are asked.
    for (const node of statics.keys()) {
      if (!queue.has('look', node)) asked.add(node)
      queue.add('look', node)
    }
  }, MINUTE).unref()
  signal.addEventListener('abort', () => {
    clearInterval(standing)
    clearTimeout(timer)
    queue.clear()
  })

  return {
    changed: (node) => {
      if (node !== undefined && !heard.has(node)) heard.set(node, monotonic())
      at(monotonic())
    },
    start: (started) => {
      watches = started
      at(monotonic())
    },
    leading: (leading) => {
      // Another may tell and resolve meanwhile.
      toldFindings.clear()
      if (!leading) return queue.clear()
      keeper.everything()
      at(monotonic())
    },
    doubt,
    waiting: queue.waiting,
  }
}
