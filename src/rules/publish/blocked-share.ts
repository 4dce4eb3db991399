/**
 * What is compared while a release is rolled out: the requests of each Pod since the stage began, of the Pods that run it beside the others of
 * the same workload. src/rules/rollout/compare-blocked.ts says when two shares differ.
 */
import type { Heard, PodFact } from '../model.ts'
import { compareBlocked } from '../rollout/compare-blocked.ts'
import type { BlockedChange } from '../rollout/facts.ts'
import { releaseFor } from '../rollout/stage.ts'
import type { RolloutState } from '../rollout/state.ts'
import { type Tally, tally } from '../rollout/tally.ts'

/** In memory: after a restart it is compared from then on. */
export interface BlockedShares {
  stage: string
  readonly counted: Map<string, { readonly generation: string; readonly tally: Tally }>
}
export const createBlockedShares = (): BlockedShares => ({ stage: '', counted: new Map() })

/** Remembers in `shares` what was counted. */
export function blockedChanges(
  shares: BlockedShares,
  pods: Iterable<PodFact>,
  heardOf: (pod: PodFact) => Heard | undefined,
  state: RolloutState,
): BlockedChange[] {
  const { next } = state
  // A share alone may be widened: what was counted before it belongs to the stage before.
  const stage = next === null ? '' : `${next.release.sha256} ${next.share} ${next.since}`
  if (stage !== shares.stage) {
    shares.stage = stage
    shares.counted.clear()
  }
  if (next === null) return []
  const counted: Parameters<typeof compareBlocked>[0] = [...pods].flatMap((pod) => {
    const heard = heardOf(pod)
    if (heard === undefined || heard.at < next.since) return []
    const before = shares.counted.get(pod.uid)
    // With another generation it is another Pod for this purpose: what it blocked before says nothing of what it runs.
    const sum = tally(before?.generation === heard.generation ? before.tally : undefined, heard)
    shares.counted.set(pod.uid, { generation: heard.generation, tally: sum })
    const staged = releaseFor(pod, state)?.slot === 'next'
    if (staged && !heard.generation.startsWith(`crs-${next.release.version}-`)) return []
    const { namespace, workload } = pod
    return [{ namespace, workload, stage: staged, requests: sum.requests, blocked: sum.blocked }]
  })
  return compareBlocked(counted)
}
