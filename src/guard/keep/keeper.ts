/**
 * What the guard keeps true, step by step: changes of the cluster go in, what differs from what should be comes out.
 *
 *   node, IDS Pod, Lease, DaemonSet, namespace ─▶ marked ─ step ─▶ names of nodes and namespaces to write ─▶ asked again when written
 *
 * A change touches the nodes and namespaces it concerns and no other: with 5,000 nodes a Pod that turns Ready costs one look. What is to
 * be written is decided from the newest state when it is written, not when it was noticed. Knows no clock, client or log.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Finding } from '../../api/finding.ts'
import type { IdsLeaseView } from '../../api/ids.ts'
import type { IdsPodView } from '../../api/views.ts'
import type { GuardConfig } from '../../config/guard.ts'
import { watches } from '../coverage.ts'
import { inGrace } from './grace.ts'
import { createNamespaceBook, type NamespaceBook } from './namespace-book.ts'
import { entryOf, look, type NodeEntry } from './node-book.ts'
import { nodeGone, nodeTidings, standingOfNode } from './node-tidings.ts'
import { createReach } from './reach.ts'
import type { EventDraft, Tidings } from './tables.ts'
import { keepsOff, taintForm, taintPatch } from './taint.ts'
import type { KeptDaemonSet, KeptNamespace, KeptNode, Times } from './views.ts'

export interface Step {
  /** Nodes whose taint is not as it should be: those to be tainted, and the others. */
  readonly taint: readonly string[]
  readonly untaint: readonly string[]
  readonly namespaces: readonly string[]
  /** Nodes that became blind while a namespace of ours can reach them: which Pods run there should be looked at. */
  readonly lookAt: readonly string[]
  /** What is over with nodes that are gone. */
  readonly findings: readonly Finding[]
  /** When to step again though nothing changes, by the clock that only rises. */
  readonly again: number | undefined
}

export interface NodeWrite extends Tidings {
  readonly patch: NonNullable<ReturnType<typeof taintPatch>>
  readonly form: NodeEntry['decision']['form']
  readonly reason: NodeEntry['decision']['reason']
}

export interface Counts {
  readonly nodes: Readonly<Record<'covered' | 'gated' | 'grace' | 'blind' | 'exempt', number>>
  readonly drift: number
}

export interface Keeper extends Pick<NamespaceBook, 'write' | 'protection' | 'uid' | 'condition' | 'counts' | 'doubt'> {
  node(name: string, view: KeptNode | undefined): void
  pod(before: IdsPodView | undefined, after: IdsPodView | undefined): void
  lease(node: string, view: IdsLeaseView | undefined): void
  daemonSet(view: KeptDaemonSet | null): void
  namespace(name: string, view: KeptNamespace | undefined): void
  /** @param replaced when the Ready IDS Pod of a node was taken away, by the clock that only rises */
  step(times: Times, replaced: ReadonlyMap<string, number>): Step
  /** What to write to a node now; undefined where it stands as it should. */
  nodeWrite(name: string, times: Times): NodeWrite | undefined
  /** Marks all of them: who begins to lead looks at everything once. */
  everything(): void
  /** Marks a node or namespace, so that the next step names it again if it is not as it should be. */
  again(kind: 'node' | 'namespace', name: string): void
  entry(node: string): NodeEntry | undefined
  /** Namespaces to write while nodes cannot be believed. */
  spaces(times: Times): readonly string[]
  /** Events of what holds now. */
  standing(times: Times): EventDraft[]
  nodeCounts(): Counts
}

/** Begins with an empty cluster. */
export function createKeeper(settings: GuardConfig): Keeper {
  const views = new Map<string, KeptNode>()
  const pods = new Map<string, readonly IdsPodView[]>()
  const leases = new Map<string, IdsLeaseView>()
  const entries = new Map<string, NodeEntry>()
  const marked = new Set<string>()
  const due = new Map<string, number>()
  const lookAt = new Set<string>()
  const over: Finding[] = []
  let grace: ReadonlyMap<string, number> = new Map()
  let daemonSet: KeptDaemonSet | null = null
  const reach = createReach(settings.guard, () =>
    [...entries.values()].map((entry) => [entry.view, entry.sight] as const),
  )
  const book = createNamespaceBook(settings, reach, () => entries.size)

  const markAll = () => {
    for (const name of views.keys()) marked.add(name)
  }
  const without = (node: string): boolean => {
    const set = daemonSet
    return views.has(node) && set !== null && !(pods.get(node) ?? []).some((pod) => watches(pod, set))
  }

  const visit = (name: string, times: Times): void => {
    const view = views.get(name)
    due.delete(name)
    if (view === undefined) {
      const gone = entries.get(name)
      if (gone !== undefined) over.push(...nodeGone(gone, times))
      entries.delete(name)
      lookAt.delete(name)
      book.mark(reach.node(name, undefined, undefined))
      return
    }
    const before = entries.get(name)
    const looked = {
      view,
      pods: pods.get(name) ?? [],
      lease: leases.get(name),
      daemonSet,
      grace: grace.has(name),
      settings,
    }
    const seen = look(looked)
    book.mark(reach.node(name, view, seen))
    const entry = entryOf(before, seen, reach.reached(name), looked, times)
    entries.set(name, entry)
    if (seen.kind !== 'blind' || !entry.reached) lookAt.delete(name)
    // One that bore our taint when it was first seen was looked at by whoever set it.
    else if (
      before === undefined ? taintForm(view.taints) === 'none' : before.sight.kind !== 'blind' || !before.reached
    )
      lookAt.add(name)
    const ends = [entry.decision.again, grace.get(name)].filter((at) => at !== undefined)
    if (ends.length > 0) due.set(name, Math.min(...ends))
  }

  return {
    ...book,
    node: (name, view) => {
      if (view === undefined) views.delete(name)
      else if (isDeepStrictEqual(views.get(name), view)) return
      else views.set(name, view)
      marked.add(name)
    },
    pod: (before, after) => {
      if (before !== undefined) drop(pods, before)
      if (after !== undefined) pods.set(after.nodeName, [...(pods.get(after.nodeName) ?? []), after])
      for (const pod of [before, after]) if (pod !== undefined) marked.add(pod.nodeName)
    },
    lease: (node, view) => {
      if (view === undefined) leases.delete(node)
      else leases.set(node, view)
      marked.add(node)
    },
    daemonSet: (view) => {
      const before = daemonSet
      daemonSet = view
      if (isDeepStrictEqual({ ...before, ...ROLLOUT }, { ...view, ...ROLLOUT })) return
      markAll()
    },
    namespace: (name, view) => {
      for (const node of book.set(name, view)) marked.add(node)
    },
    step: (times, replaced) => {
      const passing = inGrace({
        daemonSet,
        replaced,
        without,
        nodes: views.size,
        graceMs: settings.guard.graceSeconds * 1000,
        monotonic: times.monotonic,
      })
      for (const name of [...grace.keys(), ...passing.keys()])
        if (grace.has(name) !== passing.has(name)) marked.add(name)
      grace = passing
      for (const [name, at] of due) if (at <= times.monotonic) marked.add(name)
      const looked = [...marked]
      marked.clear()
      for (const name of looked) visit(name, times)
      const differs = looked.flatMap((name) => {
        const entry = entries.get(name)
        return entry !== undefined && taintForm(entry.view.taints) !== entry.decision.form ? [entry] : []
      })
      const { on = [], off = [] } = Object.groupBy(differs, ({ decision }) => (decision.form === 'on' ? 'on' : 'off'))
      const names = (some: readonly NodeEntry[]) => some.map(({ view }) => view.name)
      const spaces = book.step(times)
      const times2 = [...due.values(), ...(spaces.again === undefined ? [] : [spaces.again])]
      const toLook = [...lookAt]
      lookAt.clear()
      return {
        taint: names(on),
        untaint: names(off),
        namespaces: spaces.write,
        lookAt: toLook,
        findings: over.splice(0),
        again: times2.length === 0 ? undefined : times2.reduce((a, b) => Math.min(a, b)),
      }
    },
    nodeWrite: (name, times) => {
      // The step that follows sees to what hangs on it.
      if (marked.has(name)) visit(name, times)
      const entry = entries.get(name)
      if (entry === undefined) return undefined
      const { form, reason } = entry.decision
      const patch = taintPatch(entry.view.taints, form, times.cluster)
      return patch && { patch, form, reason, ...nodeTidings(entry, settings, times) }
    },
    again: (kind, name) => {
      if (kind === 'namespace') book.mark([name])
      else if (views.has(name)) marked.add(name)
    },
    everything: () => {
      markAll()
      book.begin()
    },
    entry: (node) => entries.get(node),
    spaces: (times) => book.step(times).write,
    standing: (times) => [
      ...[...entries.values()].flatMap((entry) => standingOfNode(entry, settings, times)),
      ...book.standing(times),
    ],
    nodeCounts: () => {
      const nodes = { covered: 0, gated: 0, grace: 0, blind: 0, exempt: 0 }
      let drift = 0
      for (const { view, sight, reached } of entries.values()) {
        if (sight.kind === 'blind' && reached) drift++
        if (sight.kind !== 'blind') nodes[sight.kind]++
        else if (!reached) nodes.exempt++
        else nodes[keepsOff(view.taints) ? 'gated' : 'blind']++
      }
      return { nodes, drift }
    },
  }
}

/** What a rollout changes of a DaemonSet's view: it concerns only nodes whose Pod is being replaced, which grace looks at anyway. */
const ROLLOUT = { rollingOut: undefined, maxUnavailable: undefined }

function drop(pods: Map<string, readonly IdsPodView[]>, pod: IdsPodView): void {
  const left = (pods.get(pod.nodeName) ?? []).filter(({ name }) => name !== pod.name)
  if (left.length === 0) pods.delete(pod.nodeName)
  else pods.set(pod.nodeName, left)
}
