/** The lists of the state: what is kept, what is held back, who is set aside; and how all go back to another release. */
import type { ReleaseRef } from '../model.ts'
import { compareReleases } from './newer.ts'
import { sameRelease } from './stage.ts'
import { type Held, type KeptRelease, MOST_HELD, type RolloutState, type SetAside, type WentBack } from './state.ts'
import { cut } from './stored.ts'

export const keptOf = (state: RolloutState, release: ReleaseRef | null): KeptRelease | undefined =>
  state.kept.find((one) => sameRelease(one.release, release))

/** The newest that is kept under a version. */
export const keptVersion = (state: RolloutState, version: string): KeptRelease | undefined =>
  state.kept
    .filter(({ release }) => release.version === version)
    .toSorted(compareReleases)
    .at(-1)

export const isHeld = (state: RolloutState, release: ReleaseRef): boolean =>
  state.held.some((one) => sameRelease(one.release, release))

/** Newest first, one entry a release. */
export const hold = (state: RolloutState, entry: Held): RolloutState => ({
  ...state,
  held: [
    { ...entry, detail: cut(entry.detail) },
    ...state.held.filter(({ release }) => !sameRelease(release, entry.release)),
  ].slice(0, MOST_HELD),
})

/** Whether `a` is the newer one. What is not kept any more is older than all that is. */
export const isNewer = (state: RolloutState, a: ReleaseRef, b: ReleaseRef): boolean =>
  !sameRelease(a, b) && compareReleases(dated(state, a), dated(state, b)) > 0
const dated = (state: RolloutState, release: ReleaseRef) => keptOf(state, release) ?? { release, at: 0 }

/** Where one would go back to from `release`: the newest before it that passed its trial and is not held. */
const before = (state: RolloutState, release: ReleaseRef): ReleaseRef | null =>
  state.kept
    .filter(
      (one) => one.trial?.verdict === 'passed' && !isHeld(state, one.release) && isNewer(state, release, one.release),
    )
    .toSorted(compareReleases)
    .at(-1)?.release ?? null

/**
 * Without the entries whose refused release is out of play. One that stays with something older still than `current` goes on doing so: what
 * it refused before that is `current`.
 */
export const letGo = (
  state: RolloutState,
  gone: (one: SetAside) => boolean,
  current: ReleaseRef,
): readonly SetAside[] =>
  state.setAside.flatMap((one) => {
    if (!gone(one)) return [one]
    return isNewer(state, current, one.stays) ? [{ ...one, refuses: current }] : []
  })

/** All Pods run `to` from now on, at once, and nothing is being rolled out. */
export function goBack(
  state: RolloutState,
  to: ReleaseRef,
  said: Pick<WentBack, 'by' | 'reason' | 'detail' | 'at'>,
): RolloutState {
  const from = state.next?.release ?? state.current ?? to
  return {
    ...state,
    current: to,
    previous: sameRelease(state.current, to) ? state.previous : before(state, to),
    next: null,
    sealAfter: said.at,
    setAside: letGo(state, (one) => !sameRelease(one.refuses, to), to),
    wentBack: { from, to, ...said, detail: cut(said.detail) },
  }
}

/** Drops what nobody needs: current, previous, next, pinned and those that a namespace stays with are always kept. */
export function prune(state: RolloutState, most: number, pinned: string | undefined): RolloutState {
  const needed = ({ release }: KeptRelease) =>
    [state.current, state.previous, state.next?.release, ...state.setAside.map(({ stays }) => stays)].some((one) =>
      sameRelease(one, release),
    ) || release.version === pinned
  const sorted = state.kept.toSorted((a, b) => compareReleases(b, a))
  // One more always fits: else what was just fetched would be dropped before it is tried.
  const room = Math.max(1, most - sorted.filter(needed).length)
  const others = sorted.filter((one) => !needed(one))
  const held = (one: KeptRelease) => Number(isHeld(state, one.release))
  const spare = new Set(others.toSorted((a, b) => held(a) - held(b)).slice(0, room))
  return { ...state, kept: sorted.filter((one) => needed(one) || spare.has(one)) }
}
