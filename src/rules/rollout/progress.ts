/** What `sekisho rules status` shows of the Pods: counts, and the namespaces that are behind. */
import type { Counts, Draft, NamespaceReport, RolloutFacts } from './facts.ts'
import { MOST_BEHIND, type Progress } from './state.ts'
import { cut } from './stored.ts'

const add = (a: Counts, b: Counts): Counts => ({
  pods: a.pods + b.pods,
  active: a.active + b.active,
  failed: a.failed + b.failed,
  pending: a.pending + b.pending,
  outdated: a.outdated + b.outdated,
})
const NONE: Counts = { pods: 0, active: 0, failed: 0, pending: 0, outdated: 0 }

export function progressOf({ reports }: RolloutFacts, waiting: Draft['waiting'], now: number): Progress {
  const whole = ({ stage, rest }: NamespaceReport) => add(stage, rest)
  const behind = reports
    .map((one) => ({ namespace: one.namespace, reasons: { ...one.reasons }, ...whole(one) }))
    .filter(({ pods, active }) => active < pods)
    .toSorted(
      (a, b) =>
        b.failed - a.failed || b.pending - a.pending || b.outdated - a.outdated || (a.namespace < b.namespace ? -1 : 1),
    )
    .slice(0, MOST_BEHIND)
  return {
    at: now,
    stage: reports.map(({ stage }) => stage).reduce(add, NONE),
    rest: reports.map(({ rest }) => rest).reduce(add, NONE),
    behind,
    ...(waiting && { waiting: { reason: waiting.reason, detail: cut(waiting.detail) } }),
  }
}
