/**
 * Remembers when the Ready IDS Pod of a node was taken away, since nothing in the cluster does: the grace of a rollout is for nodes that
 * were covered a moment ago. A Pod that fails where it stands is not remembered. After a restart nothing is known, so nothing is in grace.
 */
import type { IdsDaemonSetView, IdsPodView } from '../api/views.ts'
import { watches } from '../guard/coverage.ts'

export interface Replaced {
  readonly changed: (
    before: IdsPodView | undefined,
    after: IdsPodView | undefined,
    daemonSet: IdsDaemonSetView | null,
  ) => void
  readonly since: () => ReadonlyMap<string, number>
}

/** @param keepMs how long a memory is of use. */
export function rememberReplaced(now: () => number, keepMs: number): Replaced {
  const at = new Map<string, number>()
  return {
    changed: (before, after, daemonSet) => {
      if (daemonSet === null) return
      if (after !== undefined && watches(after, daemonSet)) at.delete(after.nodeName)
      else if (before !== undefined && watches(before, daemonSet) && (after === undefined || after.terminating))
        at.set(before.nodeName, now())
    },
    since: () => {
      for (const [node, time] of at) if (now() - time > keepMs) at.delete(node)
      return at
    },
  }
}
