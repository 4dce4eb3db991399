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
import {
  NOTHING_STANDS,
  namespaceLeft,
  namespaceTidings,
  type Standing,
  standingIn,
  standingNow,
  standingOfNamespace,
} from './namespace-tidings.ts'
import type { Area, Reach } from './reach.ts'
import type { EventDraft, Tidings } from './tables.ts'
import type { KeptNamespace, Times } from './views.ts'

export interface NamespaceWrite extends Tidings {
  /** A merge patch; it fails where another changed the namespace meanwhile. Undefined: there is only something to tell. */
  readonly patch: object | undefined
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
  /** Who begins to lead looks at everything once, and believes the annotations: another told what stands in them. */
  begin(): void
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
  // What was told by us, or by who led before us. An annotation that comes later may be anybody's, and keeps nothing quiet.
  const told = new Map<string, Standing>()
  let believes = true
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
      return view?.annotations[ANNOTATION.coverage] !== undefined || told.has(name)
    }
    const state = states.get(area) ?? coveredState(area, nodes(), settings.guard.allowNoNodes, doubted)
    states.set(area, state)
    const overrides = overridesOf(view, settings.guard, times.cluster)
    const open = overrides.length === 0 ? undefined : overrides.map(openText).join(', ')
    const is = parseCondition(view.annotations[ANNOTATION.coverage])
    const should = nextCondition(is, state, open, times.cluster)
    const entry = { view, protection, area, overrides, is, should }
    entries.set(name, entry)
    const ends = overrides.map(({ until }) => times.monotonic + Math.max(0, until - times.cluster))
    const before = told.get(name) ?? NOTHING_STANDS
    if (!isDeepStrictEqual(before, standingNow(entry, before))) return wake(name, ends) || true
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

  const keepTold = (name: string, standing: Standing) => {
    if (standing.size === 0) told.delete(name)
    else told.set(name, standing)
  }
  const believe = (name: string, view: KeptNamespace) =>
    keepTold(
      name,
      protectionOf(view) === 'true'
        ? standingIn(parseCondition(view.annotations[ANNOTATION.coverage]))
        : NOTHING_STANDS,
    )

  return {
    set: (name, view) => {
      const before = views.get(name)
      if (view === undefined) views.delete(name)
      else views.set(name, view)
      marked.add(name)
      if (believes && view !== undefined) believe(name, view)
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
    begin: () => {
      markAll()
      told.clear()
      for (const [name, view] of views) believe(name, view)
    },
    step: (times) => {
      believes = false
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
      const entry = entries.get(name)
      const before = told.get(name) ?? NOTHING_STANDS
      const now = entry === undefined ? NOTHING_STANDS : standingNow(entry, before)
      keepTold(name, now)
      const patchOf = ({ resourceVersion, uid }: KeptNamespace, value: string | null) => ({
        metadata: { resourceVersion, uid, annotations: { [ANNOTATION.coverage]: value } },
      })
      const orNothing = (write: NamespaceWrite) =>
        write.patch === undefined && write.findings.length === 0 ? undefined : write
      if (view === undefined || entry === undefined) {
        const patch = view?.annotations[ANNOTATION.coverage] === undefined ? undefined : patchOf(view, null)
        return orNothing({ patch, findings: namespaceLeft(name, before, times), events: [] })
      }
      const tidings = namespaceTidings(entry, before, now, settings, times)
      if (isDeepStrictEqual(entry.is, entry.should)) return orNothing({ patch: undefined, ...tidings })
      wordsAt.set(name, times.monotonic)
      return { patch: patchOf(view, JSON.stringify(entry.should)), ...tidings }
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
