/** What the Pods told, counted by namespace against what they should run. */
import type { Heard, PodFact, Wanted } from '../model.ts'
import { isEngineFailure } from './engine-failures.ts'
import type { Counts, NamespaceReport } from './facts.ts'
import { releaseFor } from './stage.ts'
import type { RolloutState } from './state.ts'

/** The generation of a Pod for which nothing of the release that it should run is published yet: it runs none of that name. */
export const NOT_PUBLISHED = '-'

export interface Fleet {
  readonly pods: Iterable<PodFact>
  heard(pod: PodFact): Heard | undefined
  /**
   * The generation it should run by its place in the rollout, NOT_PUBLISHED where there is none yet: what it is given meanwhile proves nothing.
   * undefined: there is one, and it was not tried on the Pod's engine.
   */
  wanted(pod: PodFact): Pick<Wanted, 'generation'> | undefined
}

type Standing = 'active' | 'failed' | 'pending' | 'outdated'
type Mutable = { -readonly [K in keyof Counts]: Counts[K] }
const none = (): Mutable => ({ pods: 0, active: 0, failed: 0, pending: 0, outdated: 0 })

/** How one Pod stands to what it should run, and the code of what hinders it. */
export function standing(
  heard: Pick<Heard, 'generation' | 'wanted' | 'state' | 'reason'> | undefined,
  wanted: Pick<Wanted, 'generation'> | undefined,
): { readonly as: Standing; readonly reason?: string } {
  if (heard === undefined) return { as: 'pending', reason: 'NotHeard' }
  if (wanted === undefined) return { as: 'outdated', reason: 'OutdatedEngine' }
  if (wanted.generation === NOT_PUBLISHED) return { as: 'pending', reason: 'NotPublished' }
  if (heard.generation === wanted.generation) return { as: 'active' }
  // A failure of something else that was asked before says nothing of what is wanted now.
  if (heard.state !== 'failed' || heard.wanted !== wanted.generation) return { as: 'pending', reason: 'NotYet' }
  return { as: isEngineFailure(heard.reason) ? 'failed' : 'pending', reason: heard.reason }
}

/** Sorted by namespace. Pods that are going away are not counted. */
export function countReports({ pods, heard, wanted }: Fleet, state: RolloutState): NamespaceReport[] {
  const all = new Map<string, { stage: Mutable; rest: Mutable; reasons: Map<string, number> }>()
  for (const pod of pods) {
    if (pod.terminating) continue
    let report = all.get(pod.namespace)
    if (report === undefined) {
      report = { stage: none(), rest: none(), reasons: new Map() }
      all.set(pod.namespace, report)
    }
    const counts = releaseFor(pod, state)?.slot === 'next' ? report.stage : report.rest
    const { as, reason } = standing(heard(pod), wanted(pod))
    counts.pods++
    counts[as]++
    if (reason !== undefined) report.reasons.set(reason, (report.reasons.get(reason) ?? 0) + 1)
  }
  return [...all]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([namespace, { reasons, ...counts }]) => ({
      namespace,
      ...counts,
      // The codes come from the Pods: no name of theirs may meet what an object inherits.
      reasons: Object.fromEntries(
        [...reasons]
          .filter(([code]) => /^[A-Z][A-Za-z]{0,39}$/.test(code))
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, 20),
      ),
    }))
}
