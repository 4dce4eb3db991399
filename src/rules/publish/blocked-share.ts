/**
 * Whether a release blocks another share of the requests of a workload than the one before: the Pods of the stage beside the others of the same
 * workload, since the stage's share began. Attackers can move it, so it only halts; too few requests say nothing.
 */
import type { Heard, PodFact } from '../model.ts'
import type { BlockedChange } from '../rollout/facts.ts'
import { releaseFor } from '../rollout/stage.ts'
import type { RolloutState } from '../rollout/state.ts'

/** Counts of each Pod as the stage found them; they count since the container started. */
export interface BlockedShares {
  stage: string
  readonly began: Map<string, { readonly requests: number; readonly blocked: number }>
}
export const createBlockedShares = (): BlockedShares => ({ stage: '', began: new Map() })

/** On each side. */
const FEWEST_REQUESTS = 500
/** Per cent of the requests: what a person would look at. */
const LEAST_POINTS = 1
/** Standard errors of the difference: by chance less than once in a million looks. */
const SIGMAS = 5

interface Side {
  requests: number
  blocked: number
}

/** Remembers in `shares` where the counts began. */
export function blockedChanges(
  shares: BlockedShares,
  pods: Iterable<PodFact>,
  heardOf: (pod: PodFact) => Heard | undefined,
  state: RolloutState,
): BlockedChange[] {
  const { next } = state
  if (next === null) {
    shares.stage = ''
    shares.began.clear()
    return []
  }
  const stage = `${next.release.sha256} ${next.share} ${next.since}`
  if (stage !== shares.stage) {
    shares.stage = stage
    shares.began.clear()
  }
  const workloads = new Map<string, { pod: PodFact; next: Side; current: Side }>()
  for (const pod of pods) {
    const heard = heardOf(pod)
    if (heard === undefined || heard.at < next.since) continue
    const began = shares.began.get(pod.uid)
    // The container started anew: it counts from 0.
    if (began === undefined || heard.requests < began.requests || heard.blocked < began.blocked) {
      shares.began.set(pod.uid, { requests: heard.requests, blocked: heard.blocked })
      continue
    }
    const key = `${pod.namespace} ${pod.workload}`
    const both = workloads.get(key) ?? { pod, next: { requests: 0, blocked: 0 }, current: { requests: 0, blocked: 0 } }
    workloads.set(key, both)
    const side = both[releaseFor(pod, state)?.slot ?? 'current']
    side.requests += heard.requests - began.requests
    side.blocked += Math.min(heard.blocked - began.blocked, heard.requests - began.requests)
  }
  return [...workloads.values()].flatMap(({ pod, next: staged, current }) => {
    if (!differs(staged, current)) return []
    const { namespace, workload } = pod
    const detail = `In ${namespace} ${workload} blocks ${percent(staged)} of ${staged.requests} requests with ${next.release.version}, and ${percent(current)} of ${current.requests} without.`
    return [{ namespace, workload, detail }]
  })
}

const share = ({ requests, blocked }: Side): number => blocked / requests
const percent = (side: Side): string => `${(share(side) * 100).toFixed(1)} %`

/** Two shares, by the usual test of their difference. */
export function differs(a: Side, b: Side): boolean {
  if (a.requests < FEWEST_REQUESTS || b.requests < FEWEST_REQUESTS) return false
  const pooled = (a.blocked + b.blocked) / (a.requests + b.requests)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / a.requests + 1 / b.requests))
  const difference = Math.abs(share(a) - share(b))
  return difference * 100 >= LEAST_POINTS && difference > SIGMAS * error
}
