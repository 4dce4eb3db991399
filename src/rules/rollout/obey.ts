/** Second step: what operators said. Each order is carried out once, by its id; a pin holds for as long as it stands. */
import type { ReleaseRef } from '../model.ts'
import { act, type Context, type Draft, wait } from './facts.ts'
import { goBack, hold, isHeld, isNewer, keptVersion } from './keep.ts'
import type { RolloutReasonCode } from './reasons.ts'
import { sameRelease } from './stage.ts'
import type { KeptRelease, RolloutState } from './state.ts'

export const obey = (draft: Draft, context: Context): Draft =>
  stayPinned(rollBack(resume(pin(draft, context), context), context), context)

/** Whether it may run: its trial passed, or an operator wants it although the bench found that it behaves otherwise. */
export const mayRun = ({ trial, release }: KeptRelease, pinned: string | undefined): boolean =>
  trial?.verdict === 'passed' || (trial?.verdict === 'held' && release.version === pinned)

type Told = 'pin' | 'rollback' | 'resume'
const isNew = (state: RolloutState, kind: Told, id: string): boolean => state.handled[kind]?.id !== id
const tell = (
  state: RolloutState,
  kind: Told,
  id: string,
  said: { done: boolean; reason: RolloutReasonCode; detail: string; at: number },
): RolloutState => ({ ...state, handled: { ...state.handled, [kind]: { id, ...said } } })

const cannot = (
  draft: Draft,
  kind: Told,
  id: string,
  reason: RolloutReasonCode,
  detail: string,
  now: number,
): Draft => {
  const { state } = draft
  const release = state.next?.release ?? state.current
  const told = tell(state, kind, id, { done: false, reason, detail, at: now })
  return release === null ? { ...draft, state: told } : act(draft, told, { do: 'obey', reason, detail, release })
}

/** A new pin takes its version out of the held ones, but for what the engine does not take at all. */
function pin(draft: Draft, { orders, now }: Context): Draft {
  const { pin: order } = orders
  if (order === undefined || !isNew(draft.state, 'pin', order.id)) return draft
  const lifted = draft.state.held.filter(
    ({ release, reason }) => release.version === order.version && reason !== 'TrialRefused',
  )
  const state = { ...draft.state, held: draft.state.held.filter((one) => !lifted.includes(one)) }
  const detail = `${order.by} pinned ${order.version}: ${order.why}`
  return act(
    draft,
    tell(state, 'pin', order.id, { done: true, reason: 'Done', detail, at: now }),
    ...lifted.map(({ release }) => ({ do: 'release' as const, reason: 'Released' as const, detail, release })),
  )
}

function resume(draft: Draft, { orders, now }: Context): Draft {
  const { resume: order } = orders
  const { state } = draft
  if (order === undefined || !isNew(state, 'resume', order.id)) return draft
  const meant = (version: string) => order.version === undefined || order.version === version
  const next = state.next !== null && meant(state.next.release.version) ? state.next : undefined
  const setAside = state.setAside.filter(({ refuses }) => meant(refuses.version))
  const held = order.version === undefined ? [] : state.held.filter(({ release }) => meant(release.version))
  if (next?.halted === undefined && setAside.length === 0 && held.length === 0)
    return cannot(draft, 'resume', order.id, 'NothingToResume', `${order.by}: ${order.why}`, now)
  const detail = `${order.by}: ${order.why}`
  const touched = next !== undefined && (next.halted !== undefined || setAside.length > 0)
  const { halted, ...rest } = next ?? {}
  const onwards: RolloutState = {
    ...state,
    // What the bench held is tried anew, else it would be held again at once.
    kept: state.kept.map(({ trial, ...one }) =>
      trial === undefined || held.some(({ release, by }) => by === 'trial' && sameRelease(release, one.release))
        ? one
        : { ...one, trial },
    ),
    held: state.held.filter((one) => !held.includes(one)),
    setAside: state.setAside.filter((one) => !setAside.includes(one)),
    next: touched
      ? {
          ...(rest as typeof next),
          since: now,
          sealAfter: setAside.length > 0 ? now : next.sealAfter,
          blockedAccepted: next.blockedAccepted || halted?.reason === 'BlockedShareChanged',
        }
      : state.next,
  }
  return act(
    draft,
    tell(onwards, 'resume', order.id, { done: true, reason: 'Done', detail, at: now }),
    ...(touched ? [{ do: 'resume' as const, reason: 'Resumed' as const, detail, release: next.release }] : []),
    ...held.map(({ release }) => ({ do: 'release' as const, reason: 'Released' as const, detail, release })),
  )
}

function rollBack(draft: Draft, { orders, now }: Context): Draft {
  const { rollback: order } = orders
  const { state } = draft
  if (order === undefined || !isNew(state, 'rollback', order.id)) return draft
  const no = (reason: RolloutReasonCode, detail: string) => cannot(draft, 'rollback', order.id, reason, detail, now)
  const { current, next } = state
  if (current === null) return no('NothingToGoBackTo', 'No release was taken yet.')
  const kept = order.to === undefined ? undefined : keptVersion(state, order.to)
  if (order.to !== undefined && kept === undefined)
    return no('NotKept', `${order.to} is not kept; kept are ${versions(state) || 'none'}.`)
  const to = kept?.release ?? (next !== null ? current : state.previous)
  if (to === null) return no('NothingToGoBackTo', `${current.version} is the oldest release that may be gone back to.`)
  const from = next?.release ?? current
  const older = sameRelease(to, current) ? next !== null : isNewer(state, current, to)
  if (!older) return no('NotOlder', `${to.version} is not older than ${from.version}.`)
  const { pin: pinned } = orders
  if (pinned !== undefined && pinned.version !== to.version)
    return no('PinnedElsewhere', `${pinned.version} is pinned by ${pinned.by}.`)
  if (kept !== undefined && !sameRelease(to, current)) {
    if (kept.trial === undefined)
      return wait(
        act(draft, state, { do: 'try', reason: 'NotTried', detail: `${order.by} wants to go back to it`, release: to }),
        'NotTried',
        `${to.version} must pass its trial before all go back to it.`,
      )
    if (kept.trial.verdict === 'refused') return no('TrialRefused', `${to.version}: ${kept.trial.detail}`)
  }
  const detail = `${order.by} took ${from.version} back to ${to.version}: ${order.why}`
  const back = goBack(state, to, { by: order.by, reason: 'RolledBack', detail, at: now })
  const newer = [current, next?.release, ...state.kept.map(({ release }) => release)].filter(
    (one) => one != null && !sameRelease(one, to) && isNewer(state, one, to) && !isHeld(state, one),
  )
  const holding = (to: RolloutState, release: (typeof newer)[number]) =>
    release == null ? to : hold(to, { release, by: 'operator', reason: 'RolledBack', detail, at: now })
  return act(
    draft,
    tell(newer.reduce(holding, withoutHeld(back, to)), 'rollback', order.id, {
      done: true,
      reason: 'Done',
      detail,
      at: now,
    }),
    { do: 'rollback', reason: 'RolledBack', detail, release: from },
  )
}
const versions = (state: RolloutState): string => state.kept.map(({ release }) => release.version).join(', ')
const withoutHeld = (state: RolloutState, release: ReleaseRef): RolloutState => ({
  ...state,
  held: state.held.filter((one) => !sameRelease(one.release, release)),
})

/** While a pin stands, another release is not rolled out, and an older one that is kept is gone back to. */
function stayPinned(draft: Draft, { orders, now }: Context): Draft {
  const { pin: order } = orders
  const { current, next } = draft.state
  if (order === undefined) return draft
  const { version, by, why } = order
  let result = draft
  if (current !== null && next !== null && next.release.version !== version) {
    const detail = `${by} pinned ${version}: ${why}`
    result = act(draft, goBack(draft.state, current, { by, reason: 'PinnedOther', detail, at: now }), {
      do: 'drop',
      reason: 'PinnedOther',
      detail,
      release: next.release,
    })
  }
  if (current?.version === version || next?.release.version === version) return result
  const { state } = result
  const kept = keptVersion(state, version)
  if (kept === undefined)
    return wait(result, 'PinNotKept', `${version} is not kept; kept are ${versions(state) || 'none'}.`)
  const held = state.held.find((one) => sameRelease(one.release, kept.release))
  if (held !== undefined) return wait(result, 'PinHeld', `${version} (${held.reason}): ${held.detail}`)
  if (current === null || !isNewer(state, current, kept.release)) return result
  if (!mayRun(kept, version))
    return wait(
      act(result, state, { do: 'try', reason: 'NotTried', detail: `${by} pinned it`, release: kept.release }),
      'NotTried',
      `${version} must pass its trial before all go back to it.`,
    )
  const detail = `${by} pinned ${version}, older than ${current.version}: ${why}`
  return act(result, goBack(state, kept.release, { by, reason: 'PinnedOlder', detail, at: now }), {
    do: 'rollback',
    reason: 'PinnedOlder',
    detail,
    release: current,
  })
}
