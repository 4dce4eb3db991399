/** Each namespace that asks for protection, the condition it should bear, and what opens it. */
import { isDeepStrictEqual } from 'node:util'
import { ANNOTATION, LABEL } from '../../api/names.ts'
import type { GuardConfig } from '../../config/guard.ts'
import { overridesOf } from '../overrides.ts'
import {
  type CoveredCondition,
  type CoveredState,
  coveredState,
  nextCondition,
  parseCondition,
  sameInKind,
} from './condition.ts'
import { type NamespaceEntry, openText } from './namespace-entry.ts'
import { namespaceTidings, standingOfNamespace } from './namespace-tidings.ts'
import type { Area, Reach } from './reach.ts'
import type { EventDraft, Tidings } from './tables.ts'
import type { KeptNamespace, Times } from './views.ts'

export interface NamespaceWrite extends Tidings {
  /** A merge patch; it fails where another changed the namespace meanwhile. */
  readonly patch: object
}

export interface NamespaceCounts {
  readonly status: Readonly<Record<'true' | 'audit', Readonly<Record<CoveredCondition['status'], number>>>>
  readonly breakGlass: number
  readonly uncoveredAllowed: number
}

export interface NamespaceBook {
  /** Returns nodes that became or ceased to be reached. */
  set(name: string, view: KeptNamespace | undefined): readonly string[]
  mark(names: readonly string[]): void
  markAll(): void
  step(times: Times): { readonly write: readonly string[]; readonly again: number | undefined }
  write(name: string, times: Times): NamespaceWrite | undefined
  standing(times: Times): EventDraft[]
  protection(name: string): 'true' | 'audit' | undefined
  uid(name: string): string
  /** As it should stand in the annotation. */
  condition(name: string): CoveredCondition | undefined
  counts(): NamespaceCounts
  /** Why nothing can be told of the cluster; undefined: it can. */
  doubt(why: string | undefined): void
}

/** Mere words change often while nodes come and go: so often they are written at most. */
const WORDS_MS = 60_000

export const protectionOf = (view: KeptNamespace | undefined): 'true' | 'audit' | undefined => {
  const value = view?.labels[LABEL.protected]
  return value === 'true' || value === 'audit' ? value : undefined
}

/** @param nodes how many the cluster has */
export function createNamespaceBook(settings: GuardConfig, reach: Reach, nodes: () => number): NamespaceBook {
  const views = new Map<string, KeptNamespace>()
  const entries = new Map<string, NamespaceEntry>()
  const marked = new Set<string>()
  const due = new Map<string, number>()
  const wordsAt = new Map<string, number>()
  let doubted: string | undefined
  let none = true

  const visit = (name: string, states: Map<Area, CoveredState>, times: Times): boolean => {
    const view = views.get(name)
    const protection = protectionOf(view)
    const area = reach.of(name)
    due.delete(name)
    if (view === undefined || protection === undefined || area === undefined) {
      entries.delete(name)
      wordsAt.delete(name)
      return view?.annotations[ANNOTATION.coverage] !== undefined
    }
    const state = states.get(area) ?? coveredState(area, nodes(), settings.guard.allowNoNodes, doubted)
    states.set(area, state)
    const overrides = overridesOf(view, settings.guard, times.cluster)
    const open = overrides.length === 0 ? undefined : overrides.map(openText).join(', ')
    const is = parseCondition(view.annotations[ANNOTATION.coverage])
    const should = nextCondition(is, state, open, times.cluster)
    entries.set(name, { view, protection, area, overrides, is, should })
    const ends = overrides.map(({ until }) => times.monotonic + Math.max(0, until - times.cluster))
    if (isDeepStrictEqual(is, should)) return wake(name, ends)
    if (!sameInKind(is, should)) return wake(name, ends) || true
    const words = (wordsAt.get(name) ?? Number.NEGATIVE_INFINITY) + WORDS_MS
    if (words <= times.monotonic) return wake(name, ends) || true
    return wake(name, [...ends, words])
  }
  const wake = (name: string, ends: readonly number[]): false => {
    if (ends.length > 0) due.set(name, Math.min(...ends))
    return false
  }
  const markAll = () => {
    for (const name of views.keys()) marked.add(name)
  }

  return {
    set: (name, view) => {
      const before = views.get(name)
      if (view === undefined) views.delete(name)
      else views.set(name, view)
      marked.add(name)
      const places = ({ labels, annotations }: KeptNamespace) => ({
        protection: labels[LABEL.protected],
        annotations: { ...annotations, [ANNOTATION.coverage]: undefined },
      })
      // What we wrote ourselves moves nothing.
      if (before !== undefined && view !== undefined && isDeepStrictEqual(places(before), places(view))) return []
      return reach.namespace(name, view, protectionOf(view))
    },
    mark: (names) => {
      for (const name of names) marked.add(name)
    },
    markAll,
    step: (times) => {
      // The first node and the last one change what an empty reach means.
      if (none !== (nodes() === 0)) {
        none = !none
        markAll()
      }
      for (const [name, at] of due) if (at <= times.monotonic) marked.add(name)
      const looked = [...marked]
      marked.clear()
      const states = new Map<Area, CoveredState>()
      const write = looked.filter((name) => visit(name, states, times))
      const times2 = [...due.values()]
      return { write, again: times2.length === 0 ? undefined : times2.reduce((a, b) => Math.min(a, b)) }
    },
    write: (name, times) => {
      if (marked.has(name)) visit(name, new Map(), times)
      const view = views.get(name)
      if (view === undefined) return undefined
      const entry = entries.get(name)
      const { resourceVersion, uid, annotations } = view
      const patchOf = (value: string | null) => ({
        metadata: { resourceVersion, uid, annotations: { [ANNOTATION.coverage]: value } },
      })
      if (entry === undefined)
        return annotations[ANNOTATION.coverage] === undefined
          ? undefined
          : { patch: patchOf(null), findings: [], events: [] }
      if (isDeepStrictEqual(entry.is, entry.should)) return undefined
      wordsAt.set(name, times.monotonic)
      return { patch: patchOf(JSON.stringify(entry.should)), ...namespaceTidings(entry, settings, times) }
    },
    standing: (times) => [...entries.values()].flatMap((entry) => standingOfNamespace(entry, settings, times)),
    protection: (name) => protectionOf(views.get(name)),
    condition: (name) => entries.get(name)?.should,
    uid: (name) => views.get(name)?.uid ?? '',
    counts: () => {
      const zero = () => ({ True: 0, False: 0, Unknown: 0 })
      const status = { true: zero(), audit: zero() }
      const open = { [ANNOTATION.breakGlass]: 0, [ANNOTATION.allowUncovered]: 0 }
      for (const { protection, should, overrides } of entries.values()) {
        status[protection][should.status]++
        for (const { key } of overrides) open[key]++
      }
      return { status, breakGlass: open[ANNOTATION.breakGlass], uncoveredAllowed: open[ANNOTATION.allowUncovered] }
    },
    doubt: (why) => {
      if ((doubted === undefined) !== (why === undefined)) markAll()
      doubted = why
    },
  }
}
