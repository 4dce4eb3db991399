/** Whether one node is watched, by the same judgement as the gate's. */
import type { IdsLeaseView } from '../../api/ids.ts'
import type { IdsPodView } from '../../api/views.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import type { Blindness } from '../blindness.ts'
import { nodeState } from '../coverage.ts'
import type { KeptDaemonSet, KeptNode } from './views.ts'

export type Sight = { readonly kind: 'covered' } | { readonly kind: 'grace' } | ({ readonly kind: 'blind' } & Blindness)

export interface SightInput {
  readonly node: KeptNode
  /** The IDS Pods on it. */
  readonly pods: readonly IdsPodView[]
  readonly lease: IdsLeaseView | undefined
  readonly daemonSet: KeptDaemonSet | null
  /** Whether it is one of the nodes that a rollout may take down now. */
  readonly grace: boolean
  readonly settings: GuardSettings
}

const COVERED: Sight = { kind: 'covered' }
const GRACE: Sight = { kind: 'grace' }

/** Looks at one node. */
export function sight({ node, pods, lease, daemonSet, grace, settings }: SightInput): Sight {
  const found = nodeState(
    {
      nodes: [node],
      idsPods: pods,
      daemonSet,
      namespace: { annotations: {} },
      // Which nodes are in grace was decided among all of them.
      replaced: new Map(),
      ...(lease && { leases: new Map([[node.name, lease]]) }),
      settings,
      now: 0,
    },
    node,
  )
  if (found.state !== 'blind') return COVERED
  return grace ? GRACE : { kind: 'blind', reason: found.reason, why: found.why, mend: found.mend }
}

/** Whether two looks say the same, to the word. */
export const sameSight = (a: Sight | undefined, b: Sight): boolean =>
  a?.kind === b.kind && (a.kind !== 'blind' || b.kind !== 'blind' || (a.reason === b.reason && a.why === b.why))
