/**
 * Keeps a store equal to what the API server has.
 *
 *   fill ──► follow ──► (closed, as it is every few minutes) ──► follow from the last resourceVersion
 *    ▲          └─ 410: too old ──┐
 *    └────────────────────────────┘    any other fault: wait (longer each time, with jitter), then follow again
 *
 * Filling is a streaming list (one object at a time, so nothing large is ever in memory) or, on servers without it, pages.
 * The server sends a bookmark each minute; silence for longer is a stalled connection, whatever TCP thinks of it.
 */
import { type ApiClient, ApiError } from './api-client.ts'
import { linesOf } from './lines.ts'
import type { Log } from './log.ts'
import type { Store } from './store.ts'

interface Raw {
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly resourceVersion?: string
    readonly annotations?: Record<string, string>
  }
}
interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: Raw & { readonly code?: number; readonly message?: string }
}

export interface WatchOptions<V> {
  readonly client: ApiClient
  /** For logs: `nodes`. */
  readonly name: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Asks for metadata only. */
  readonly metadataOnly?: boolean
  /** Cuts an object down to what is kept; null keeps nothing of it. */
  readonly project: (raw: never) => V | null
  readonly store: Store<V>
  readonly signal: AbortSignal
  readonly log: Log
  readonly now: () => number
  readonly random: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  readonly limits?: Partial<WatchLimits>
}

export interface WatchLimits {
  /** Silence on a watch for so long means that it is stalled; the server sends a bookmark each minute. */
  readonly idleMs: number
  /** How long the views are still believed after the connection was lost. */
  readonly trustMs: number
  readonly backoffMs: number
  readonly backoffMaxMs: number
  readonly pageSize: number
}

export const WATCH_LIMITS: WatchLimits = {
  idleMs: 90_000,
  trustMs: 15_000,
  backoffMs: 200,
  backoffMaxMs: 20_000,
  pageSize: 200,
}

export interface Watch {
  /** Undefined while the store can be believed; else why not. */
  readonly doubt: () => string | undefined
  /** Resolves when the signal aborts. Never rejects. */
  readonly done: Promise<void>
}

const META = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const META_LIST = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
const key = (raw: Raw) => `${raw.metadata?.namespace ?? ''}/${raw.metadata?.name ?? ''}`

/** Starts to watch. */
export function startWatch<V>(options: WatchOptions<V>): Watch {
  const { client, name, path, store, signal, log, now } = options
  const limits = { ...WATCH_LIMITS, ...options.limits }
  const project = options.project as (raw: unknown) => V | null
  let filled = false
  let streaming = true
  let version = ''
  /** When the connection was lost; undefined while there is one. */
  let lostAt: number | undefined = now()
  let lastFault = 'not listed yet'

  const apply = (
    into: { set(key: string, view: V): void; delete(key: string): void },
    { type, object }: WatchEvent,
  ) => {
    const view = type === 'DELETED' ? null : project(object)
    if (view === null) into.delete(key(object))
    else into.set(key(object), view)
  }

  async function pages(): Promise<void> {
    const views = new Map<string, V>()
    let next: string | undefined
    do {
      const list: { items?: Raw[]; metadata?: { continue?: string; resourceVersion?: string } } = await client.request(
        'GET',
        path,
        {
          query: { ...options.query, limit: limits.pageSize, continue: next },
          signal,
          ...(options.metadataOnly && { accept: `application/json;${META_LIST},application/json` }),
        },
      )
      for (const raw of list.items ?? []) {
        const view = project(raw)
        if (view !== null) views.set(key(raw), view)
      }
      version = list.metadata?.resourceVersion ?? ''
      next = list.metadata?.continue || undefined
    } while (next !== undefined)
    store.replace(views)
    filled = true
  }

  /** One watch request, from `version` on, or with all objects first where there is none. Returns when the server closes it. */
  async function follow(): Promise<void> {
    const initial = version === ''
    const response = await client.open(path, {
      query: {
        ...options.query,
        watch: true,
        allowWatchBookmarks: true,
        timeoutSeconds: 300 + Math.floor(options.random() * 300),
        ...(initial ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' } : { resourceVersion: version }),
      },
      signal,
      idleMs: limits.idleMs,
      ...(options.metadataOnly && { accept: `application/json;${META},application/json` }),
    })
    if (!initial) lostAt = undefined
    let filling: Map<string, V> | undefined = initial ? new Map() : undefined
    for await (const line of linesOf(response)) {
      const event = JSON.parse(line) as WatchEvent
      if (event.type === 'ERROR')
        throw new ApiError(event.object.code ?? 500, event.object.message ?? 'the watch failed')
      if (event.type !== 'BOOKMARK') apply(filling ?? store, event)
      else if (filling !== undefined && event.object.metadata?.annotations?.['k8s.io/initial-events-end'] === 'true') {
        store.replace(filling)
        filling = undefined
        filled = true
        lostAt = undefined
      }
      // While it fills, events come in no order of versions: a place to go on from exists only afterwards.
      if (filling === undefined) version = event.object.metadata?.resourceVersion ?? version
      failures = 0
    }
    if (filling !== undefined) throw new Error('the list ended before all objects came')
  }

  let failures = 0
  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (version === '' && !streaming) await pages()
        await follow()
        lostAt = now()
      } catch (error) {
        if (signal.aborted) return
        lostAt ??= now()
        const fault = error instanceof Error ? error : new Error(String(error))
        lastFault = fault.message
        const status = fault instanceof ApiError ? fault.status : 0
        if (streaming && version === '' && (status === 400 || status === 422)) {
          streaming = false
          log.info({ watch: name, reason: lastFault }, 'the API server has no streaming lists: listing in pages')
          continue
        }
        if (status === 410) version = ''
        const ceiling = Math.min(limits.backoffMaxMs, limits.backoffMs * 2 ** Math.min(failures++, 16))
        const wait = Math.max(
          fault instanceof ApiError ? fault.retryAfterMs : 0,
          ceiling * (0.5 + options.random() / 2),
        )
        log.warn({ watch: name, status, reason: lastFault, waitMs: Math.round(wait) }, 'the watch broke')
        await options.sleep(wait, signal).catch(() => {})
      }
    }
  }

  return {
    doubt: () => {
      if (!filled) return `${name}: ${lastFault}`
      const lost = lostAt === undefined ? 0 : now() - lostAt
      return lost > limits.trustMs ? `${name}: no connection for ${Math.round(lost / 1000)} s: ${lastFault}` : undefined
    },
    done: run(),
  }
}
