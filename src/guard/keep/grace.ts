/**
 * The nodes that a rollout of the IDS may take down now: their IDS Pod was Ready a moment ago and is being replaced. As many as maxUnavailable
 * says, those first that have been without for the longest; all nodes compete, as they do for the DaemonSet's controller.
 */
import { atOnce } from '../coverage.ts'
import type { KeptDaemonSet } from './views.ts'

export interface GraceInput {
  readonly daemonSet: KeptDaemonSet | null
  /** When the Ready IDS Pod of a node was taken away, by the clock that only rises. */
  readonly replaced: ReadonlyMap<string, number>
  /** Whether a node exists and its IDS is not Ready again. */
  readonly without: (node: string) => boolean
  readonly nodes: number
  readonly graceMs: number
  readonly monotonic: number
}

/** Each node in grace, and when its grace ends. */
export function inGrace(input: GraceInput): ReadonlyMap<string, number> {
  const { daemonSet, replaced, without, nodes, graceMs, monotonic } = input
  if (daemonSet === null || daemonSet.terminating || daemonSet.rollingOut !== true) return new Map()
  const candidates = [...replaced]
    .filter(([node, at]) => monotonic - at < graceMs && without(node))
    .sort(([a, since], [b, other]) => since - other || (a < b ? -1 : 1))
  return new Map(candidates.slice(0, atOnce(daemonSet.maxUnavailable, nodes)).map(([node, at]) => [node, at + graceMs]))
}
