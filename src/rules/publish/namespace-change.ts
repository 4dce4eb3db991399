/** What the leader changes in the state of a namespace: each a function from state to state, undefined where nothing changes. Pure. */
import type { Orders, Published, ReleaseRef } from '../model.ts'
import { sameRelease } from '../rollout/stage.ts'
import {
  type KeptSeal,
  MOST_SEALS,
  type NamespaceState,
  type Newest,
  nextSequence,
  type TargetState,
} from '../rollout/target-state.ts'

export type WantedOrders = ReadonlyMap<string, Pick<Orders, 'mode' | 'breakGlassUntil'>>

const target = (state: NamespaceState, policy: string): TargetState =>
  state.targets.find((one) => one.policy === policy) ?? { policy, published: [] }
const withTarget = (state: NamespaceState, changed: TargetState): NamespaceState => ({
  ...state,
  targets: [...state.targets.filter(({ policy }) => policy !== changed.policy), changed],
})

/**
 * Exactly these targets, with these orders. Where one's orders change, all of the namespace get the new sequence: a Pod that comes to follow
 * another policy must not find orders there that are older than those it has seen.
 */
export function withOrders(state: NamespaceState, wanted: WantedOrders, now: number): NamespaceState | undefined {
  const same = (one: TargetState) => {
    const { mode, breakGlassUntil } = wanted.get(one.policy) ?? {}
    return one.orders !== undefined && one.orders.mode === mode && one.orders.breakGlassUntil === breakGlassUntil
  }
  const { namespace } = state
  if (state.targets.length === wanted.size && state.targets.every(same)) return undefined
  const left = state.targets.filter(({ policy }) => wanted.has(policy))
  if (left.length === wanted.size && left.every(same)) return { ...state, targets: left }
  const sequence = nextSequence(state.sequence, now)
  const targets = [...wanted].map(([policy, orders]) => ({
    ...target(state, policy),
    orders: { namespace, sequence, ...orders },
  }))
  return { ...state, sequence, targets }
}

export interface Publication extends Pick<Published, 'policy' | 'slot' | 'address' | 'release' | 'engines'> {
  readonly rollback: boolean
  /** At least one more than this, where Pods have seen more than the state knows. */
  readonly above?: number
  readonly trust: string
  /** Names the bundle under this sequence. */
  readonly generation: (sequence: number, rollback: boolean) => string
}

/** Published under a new sequence, in the place of what the target had for the slot and the release. */
export function withPublished(state: NamespaceState, one: Publication, now: number): NamespaceState {
  const { policy, slot, address, release, engines, rollback, above = 0, trust, generation } = one
  const { namespace } = state
  const sequence = nextSequence(Math.max(state.sequence, above), now)
  const published: Published = {
    namespace,
    policy,
    slot,
    address,
    release,
    sequence,
    rollback,
    at: now,
    engines,
  }
  const before = target(state, policy)
  const others = before.published.filter((other) => other.slot !== slot && !sameRelease(other.release, release))
  const seal: KeptSeal = { generation: generation(sequence, rollback), address, sequence, rollback, trust, at: now }
  return withSeals(withTarget({ ...state, sequence }, { ...before, published: [...others, published] }), [
    seal,
    ...state.seals,
  ])
}

/** Those that are published stay, and of the others the newest. */
function withSeals(state: NamespaceState, seals: readonly KeptSeal[]): NamespaceState {
  const published = new Set(state.targets.flatMap((one) => one.published.map(({ sequence }) => sequence)))
  let room = MOST_SEALS
  return { ...state, seals: seals.filter(({ sequence }) => published.has(sequence) || room-- > 0) }
}

/** The slots as the rollout has them now: what was `next` may have become `current`, and what belongs to neither goes once `current` is there. */
export function withSlots(
  state: NamespaceState,
  policy: string,
  { current, next }: { readonly current: ReleaseRef; readonly next?: ReleaseRef },
): NamespaceState | undefined {
  const before = target(state, policy)
  const relabelled = before.published.flatMap((one): Published[] => {
    if (sameRelease(one.release, current)) return [{ ...one, slot: 'current' }]
    if (sameRelease(one.release, next)) return [{ ...one, slot: 'next' }]
    // The last good one, until there is another for `current`.
    const stays = one.slot === 'current' && !before.published.some(({ release }) => sameRelease(release, current))
    return stays ? [one] : []
  })
  const unchanged =
    relabelled.length === before.published.length &&
    relabelled.every((one, i) => one.slot === before.published[i]!.slot)
  return unchanged ? undefined : withTarget(state, { ...before, published: relabelled })
}

/** Tried on one more engine: what Pods run does not change. */
export function withEngine(
  state: NamespaceState,
  { policy, address }: Pick<Published, 'policy' | 'address'>,
  engine: string,
): NamespaceState | undefined {
  const before = target(state, policy)
  if (!before.published.some((one) => one.address === address && !one.engines.includes(engine))) return undefined
  const published = before.published.map((one) =>
    one.address === address ? { ...one, engines: [...new Set([...one.engines, engine])].slice(-8) } : one,
  )
  return withTarget(state, { ...before, published })
}

/** What became of the newest inputs. */
export function withNewest(state: NamespaceState, policy: string, newest: Newest): NamespaceState | undefined {
  const before = target(state, policy)
  const { revision, outcome, reason, detail } = before.newest ?? {}
  const same =
    revision === newest.revision && outcome === newest.outcome && reason === newest.reason && detail === newest.detail
  return same ? undefined : withTarget(state, { ...before, newest })
}
