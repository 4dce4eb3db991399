/**
 * What each Pod said last: to this replica, or to another one that told us.
 *
 *   poll ──► record ─┐                      ┌─► all, of, ofNamespace, ofTarget
 *                    ├─► newest by Pod uid ─┼─► onChange (what a person or a decision would notice; collected for a moment)
 *   peer ──► merge ──┘                      └─► since: what was said to us, for the other replica
 *
 * Only Pods that the shelf knows are kept, so there are never more than protected Pods; a sweep takes out those that are gone or silent.
 */
import type { Heard, PodFact, Shelf, Target } from '../model.ts'
import type { Said } from './report.ts'

export interface Change {
  readonly changed: readonly Heard[]
  readonly gone: readonly Heard[]
}
/** One page of what was said to one replica. */
export interface Summary {
  /** Another one after each start of the process. */
  readonly instance: string
  /** What to give as `since` next. */
  readonly cursor: string
  /** Whether there is another page already. */
  readonly more: boolean
  readonly heard: readonly Heard[]
}

/** What the other rooms read. */
export interface HeardReader {
  all(): Heard[]
  of(uid: string): Heard | undefined
  ofNamespace(namespace: string): Heard[]
  /** Needs `policyOf`. */
  ofTarget(target: Target): Heard[]
  /** Told at most once in `debounceMs`. Heartbeats that only count further are no change. Returns what ends it. */
  onChange(listener: (change: Change) => void): () => void
}
export interface HeardRegistry extends HeardReader {
  /** @param intervalSeconds what the Pod is told until its next poll */
  record(pod: PodFact, said: Said, intervalSeconds: number): Heard
  merge(heard: readonly Heard[], intervalSeconds: number): void
  since(cursor: string | undefined, most?: number): Summary
  /** Forgets Pods that are gone, or were not heard for some of their intervals. */
  sweep(): void
  readonly size: number
  readonly instance: string
  close(): void
}

export interface HeardOptions {
  readonly shelf: Pick<Shelf, 'pod'>
  readonly now: () => number
  /** 16 hexadecimal digits, other ones for each process. */
  readonly instance: string
  /** Which policy selects a Pod; '' for none. */
  readonly policyOf?: (pod: PodFact) => string
  /** @default 250 */
  readonly debounceMs?: number
}

interface Entry {
  readonly heard: Heard
  /** 0: heard from another replica. */
  readonly revision: number
  readonly silentAt: number
}

const INTERVALS_UNTIL_SILENT = 4
/** For backing off, restarts of containers, a slow start. */
const GRACE_MS = 30_000
const CHANGES = [
  'generation',
  'sequence',
  'wanted',
  'state',
  'reason',
  'detail',
  'mode',
  'orders',
  'rules',
  'engine',
  'image',
  'protocol',
] as const
const differs = (a: Heard | undefined, b: Heard): boolean => a === undefined || CHANGES.some((key) => a[key] !== b[key])

export const createHeard = (options: HeardOptions): HeardRegistry => {
  const { shelf, now, instance, policyOf, debounceMs = 250 } = options
  /** In the order in which they were said: what was said again moves to the end. */
  const entries = new Map<string, Entry>()
  const namespaces = new Map<string, Set<string>>()
  const listeners = new Set<(change: Change) => void>()
  const changed = new Set<string>()
  const gone = new Map<string, Heard>()
  let revision = 0
  let telling: NodeJS.Timeout | undefined

  const tell = () => {
    telling = undefined
    const change: Change = {
      changed: [...changed].flatMap((uid) => entries.get(uid)?.heard ?? []),
      gone: [...gone.values()],
    }
    changed.clear()
    gone.clear()
    for (const listener of listeners) listener(change)
  }
  const tellSoon = () => {
    if (listeners.size === 0) return
    // Not put off by further changes: a listener hears within `debounceMs`, however much is said.
    telling ??= setTimeout(tell, debounceMs).unref()
  }
  const keep = (heard: Heard, entry: Omit<Entry, 'heard'>) => {
    const { uid, namespace } = heard
    const before = entries.get(uid)?.heard
    entries.delete(uid)
    entries.set(uid, { heard, ...entry })
    const there = namespaces.get(namespace)
    if (there === undefined) namespaces.set(namespace, new Set([uid]))
    else there.add(uid)
    if (!differs(before, heard)) return
    if (listeners.size > 0) changed.add(uid)
    gone.delete(uid)
    tellSoon()
  }
  const forget = (heard: Heard) => {
    const { uid, namespace } = heard
    entries.delete(uid)
    const there = namespaces.get(namespace)
    there?.delete(uid)
    if (there?.size === 0) namespaces.delete(namespace)
    changed.delete(uid)
    if (listeners.size > 0) gone.set(uid, heard)
    tellSoon()
  }
  const silentAt = (at: number, intervalSeconds: number) =>
    at + INTERVALS_UNTIL_SILENT * intervalSeconds * 1000 + GRACE_MS
  const ofNamespace = (namespace: string): Heard[] =>
    [...(namespaces.get(namespace) ?? [])].flatMap((uid) => entries.get(uid)?.heard ?? [])

  return {
    instance,
    get size() {
      return entries.size
    },
    record: ({ namespace, name, uid }, said, intervalSeconds) => {
      const heard: Heard = { ...said, namespace, name, uid, at: now() }
      keep(heard, { revision: ++revision, silentAt: silentAt(heard.at, intervalSeconds) })
      return heard
    },
    merge: (list, intervalSeconds) => {
      for (const heard of list) {
        const { namespace, name, uid, at } = heard
        // The other replica checked it too, but is no more believed than needed; and by now the Pod may be gone.
        if (shelf.pod(namespace, name, uid) === undefined) continue
        if (at <= (entries.get(uid)?.heard.at ?? Number.NEGATIVE_INFINITY)) continue
        // A clock ahead of ours must not keep a Pod's older words for ever.
        const sure = Math.min(at, now())
        keep({ ...heard, at: sure }, { revision: 0, silentAt: silentAt(sure, intervalSeconds) })
      }
    },
    since: (cursor, most = 1_000) => {
      const [, of, number] = /^([0-9a-f]{16})\.(\d{1,15})$/.exec(cursor ?? '') ?? []
      const after = of === instance ? Number(number) : 0
      const fresh = [...entries.values()].filter((entry) => entry.revision > after)
      const page = fresh.slice(0, most)
      return {
        instance,
        cursor: `${instance}.${page.at(-1)?.revision ?? Math.min(after, revision)}`,
        more: fresh.length > page.length,
        heard: page.map(({ heard }) => heard),
      }
    },
    sweep: () => {
      for (const { heard, silentAt } of entries.values())
        if (now() > silentAt || shelf.pod(heard.namespace, heard.name, heard.uid) === undefined) forget(heard)
    },
    all: () => [...entries.values()].map(({ heard }) => heard),
    of: (uid) => entries.get(uid)?.heard,
    ofNamespace,
    ofTarget: ({ namespace, policy }) =>
      ofNamespace(namespace).filter(({ name, uid }) => {
        const pod = shelf.pod(namespace, name, uid)
        return pod !== undefined && (policyOf?.(pod) ?? '') === policy
      }),
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: () => {
      clearTimeout(telling)
      listeners.clear()
    },
  }
}
