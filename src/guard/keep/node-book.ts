/** Each node with its IDS: what is seen, what is remembered, and what its taint should be. */
import type { IdsLeaseView } from '../../api/ids.ts'
import type { IdsPodView } from '../../api/views.ts'
import type { GuardConfig } from '../../config/guard.ts'
import { type Decision, decide } from './decide.ts'
import { type History, NO_HISTORY, remember } from './history.ts'
import { meantFor, toleratesOurs } from './meant.ts'
import { type Sight, sight } from './sight.ts'
import { taintedSince, taintForm } from './taint.ts'
import type { KeptDaemonSet, KeptNode, Times } from './views.ts'

export interface NodeEntry {
  readonly view: KeptNode
  readonly sight: Sight
  readonly history: History
  readonly decision: Decision
  readonly reached: boolean
}

/** What one look at a node uses. */
export interface Look {
  readonly view: KeptNode
  readonly pods: readonly IdsPodView[]
  readonly lease: IdsLeaseView | undefined
  readonly daemonSet: KeptDaemonSet | null
  readonly grace: boolean
  readonly settings: GuardConfig
}

export const look = ({ view, settings, ...more }: Look): Sight =>
  sight({ ...more, node: view, settings: settings.guard })

/** The entry of a node after one more look. */
export function entryOf(
  before: NodeEntry | undefined,
  seen: Sight,
  reached: boolean,
  { view, pods, daemonSet, settings }: Look,
  times: Times,
): NodeEntry {
  const going = daemonSet === null || daemonSet.terminating
  const meant = going ? 'unknown' : meantFor(daemonSet, view) && toleratesOurs(daemonSet)
  const since = taintedSince(view.taints)
  const history = remember(before?.history ?? NO_HISTORY, {
    sight: seen,
    concerned: reached && meant !== false,
    taintedMs: since === undefined ? undefined : times.cluster - since,
    monotonic: times.monotonic,
    flapMs: settings.taint.flapMinutes * 60_000,
  })
  const decision = decide({
    sight: seen,
    history,
    reached,
    meant,
    is: taintForm(view.taints),
    hasPod: daemonSet !== null && pods.some((pod) => pod.ownerUid === daemonSet.uid && !pod.terminating),
    monotonic: times.monotonic,
    settings,
  })
  return { view, sight: seen, history, decision, reached }
}
