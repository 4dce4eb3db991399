/**
 * Which Pod runs which release.
 *
 *     0 %  the canary namespaces, whole          (only where there are any)
 *     5 %  and Pods by a hash of release and uid: who is in at 5 % is in at 25 %, and another release meets other Pods first
 *   100 %  all
 *
 * In a small cluster a share may hold no Pod at all; such a stage is passed at once.
 */
import type { RolloutSettings } from '../../config/rules.ts'
import type { Published, ReleaseRef, Slot } from '../model.ts'
import { hash32 } from './hash.ts'
import type { RolloutState } from './state.ts'

export const sameRelease = (a: ReleaseRef | null | undefined, b: ReleaseRef | null | undefined): boolean =>
  a != null && b != null && a.version === b.version && a.sha256 === b.sha256

/** Shares of the stages, per cent; 0 is the canary namespaces alone. */
export const sharesOf = ({
  canaryNamespaces,
  stages,
}: Pick<RolloutSettings, 'canaryNamespaces' | 'stages'>): readonly number[] =>
  canaryNamespaces.length > 0 ? [0, ...stages] : stages

/** Whether a Pod's place in the order of this release lies within the share. */
export const inStage = (uid: string, release: ReleaseRef, share: number): boolean =>
  hash32(`${release.version}/${release.sha256}/${uid}`) < (share / 100) * 2 ** 32

/** The releases a namespace is concerned with: what to compile, try and publish for it, by slot. undefined: nothing was taken yet. */
export function releasesOf(
  namespace: string,
  { current, next, setAside }: RolloutState,
): { readonly current: ReleaseRef; readonly next?: ReleaseRef } | undefined {
  if (current === null) return undefined
  const own = setAside.find((one) => one.namespace === namespace)
  const stays = own?.stays ?? current
  return next === null || sameRelease(own?.refuses, next.release)
    ? { current: stays }
    : { current: stays, next: next.release }
}

/** What one Pod should run. undefined: nothing was taken yet, it keeps the image's baseline. */
export function releaseFor(
  pod: { readonly namespace: string; readonly uid: string },
  state: RolloutState,
): { readonly slot: Slot; readonly release: ReleaseRef } | undefined {
  const both = releasesOf(pod.namespace, state)
  if (both === undefined) return undefined
  const { next } = state
  if (next !== null && both.next !== undefined)
    if (next.canaries.includes(pod.namespace) || inStage(pod.uid, next.release, next.share))
      return { slot: 'next', release: both.next }
  return { slot: 'current', release: both.current }
}

/**
 * Whether a bundle must be sealed anew with a higher sequence, its content being what it should: its Pods ran another one since, and refuse
 * what is below the highest they saw. For `current` the seal says that it is a rollback.
 */
export function mustSealAnew(
  { namespace, slot, at }: Pick<Published, 'namespace' | 'slot' | 'at'>,
  state: RolloutState,
): boolean {
  if (slot === 'next') return state.next !== null && at < state.next.sealAfter
  const own = state.setAside.find((one) => one.namespace === namespace)
  return at < Math.max(state.sealAfter, own?.at ?? 0)
}
