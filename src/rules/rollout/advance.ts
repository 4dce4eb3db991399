/**
 * Last step, at most one of: a release is taken, the next stage begins, the rollout is finished. Or the sentence why none of it.
 *
 *     frozen, halted                                      nothing
 *     nothing is current                                  the newest that passed goes to all
 *     one is newer than what is current and what is next  it begins at the first stage
 *     the stage stood: watched long enough, and in four of five of its namespaces most Pods run it
 *                                                         the next stage, or it is current
 */
import { act, type Context, type Draft, isFrozen, type NamespaceReport, wait } from './facts.ts'
import { isHeld, isNewer, letGo } from './keep.ts'
import { compareReleases } from './newer.ts'
import { mayRun } from './obey.ts'
import type { RolloutReasonCode } from './reasons.ts'
import { sameRelease, sharesOf } from './stage.ts'
import type { KeptRelease, Next } from './state.ts'
import { countable, halt } from './watch.ts'

/** So many soak times after a stage began it goes on without those who are behind, as nobody's silence may hold the others back. */
export const PATIENCE = 4
/** Of the namespaces of a stage, in which most Pods must run it. */
const ENOUGH = 0.8

export function advance(draft: Draft, context: Context): Draft {
  const { orders, facts } = context
  const candidate = newest(draft, context)
  const untried = candidate !== undefined && !isTried(candidate, orders.pin?.version, facts.engine)
  const asked = untried
    ? act(draft, draft.state, {
        do: 'try',
        reason: 'NotTried',
        detail: `${candidate.release.version} is the newest`,
        release: candidate.release,
      })
    : draft
  if (candidate !== undefined && !untried && !isFrozen(context)) return take(asked, candidate, context)
  if (asked.state.next !== null) return go(asked, asked.state.next, context)
  if (candidate === undefined) return asked
  return isFrozen(context)
    ? frozen(asked, context)
    : wait(asked, 'NotTried', `${candidate.release.version} waits for its trial.`)
}

const isTried = (kept: KeptRelease, pinned: string | undefined, engine: string | undefined): boolean =>
  mayRun(kept, pinned) && (engine === undefined || kept.trial?.engine === engine)

/** The newest that may be taken: newer than what is there, not held, not found wanting, and the pinned one if one is. */
function newest({ state }: Draft, { orders }: Context): KeptRelease | undefined {
  const pinned = orders.pin?.version
  return state.kept
    .filter(({ release }) => pinned === undefined || release.version === pinned)
    .filter((one) => !isHeld(state, one.release) && (one.trial === undefined || mayRun(one, pinned)))
    .filter(({ release }) =>
      [state.current, state.next?.release].every((there) => there == null || isNewer(state, release, there)),
    )
    .toSorted(compareReleases)
    .at(-1)
}

function take(draft: Draft, { release }: KeptRelease, { settings, orders, now }: Context): Draft {
  const { state } = draft
  if (state.current === null) {
    const detail = `${release.version} is the first release.`
    return act(draft, { ...state, current: release }, { do: 'adopt', reason: 'FirstRelease', detail, release })
  }
  const shares = sharesOf(settings)
  const next: Next = {
    release,
    stage: 0,
    stages: shares.length,
    share: shares[0]!,
    canaries: [...settings.canaryNamespaces].toSorted(),
    since: now,
    begun: now,
    sealAfter: now,
    blockedAccepted: false,
  }
  const former = state.next
  const reason: RolloutReasonCode =
    former !== null ? 'Superseded' : orders.pin?.version === release.version ? 'PinnedRelease' : 'NewRelease'
  const instead = former === null ? '' : `, instead of ${former.release.version}`
  const detail = `${release.version} after ${state.current.version}${instead}: stage 1 of ${shares.length}, ${inWords(next)}.`
  return act(
    draft,
    {
      ...state,
      next,
      setAside:
        former === null
          ? state.setAside
          : letGo(state, ({ refuses }) => sameRelease(refuses, former.release), state.current),
      // Pods of the former's stage go back to `current` meanwhile.
      sealAfter: former === null ? state.sealAfter : now,
    },
    { do: 'begin', reason, detail, release },
  )
}

function go(draft: Draft, next: Next, context: Context): Draft {
  const { settings, facts, now } = context
  if (next.halted !== undefined) return wait(draft, next.halted.reason as RolloutReasonCode, next.halted.detail)
  const share = sharesOf(settings).find((one) => one > next.share)
  if (share !== undefined && isFrozen(context)) return frozen(draft, context)
  if (!facts.settled) return wait(draft, 'Listening', 'The Pods have not all had time to poll.')
  const refused = draft.state.setAside.filter(({ refuses }) => sameRelease(refuses, next.release))
  const stage = facts.reports.filter(
    (one) => countable(one) > 0 && !refused.some(({ namespace }) => namespace === one.namespace),
  )
  const soakMs = settings.soakMinutes * 60_000
  const watched = now - next.since
  const empty = facts.reports.every((one) => one.stage.pods === 0)
  if (empty && refused.length === 0 && share !== undefined)
    return step(draft, next, share, 'StageEmpty', `No Pod falls into ${inWords(next)}`, context)
  if (watched < soakMs)
    return wait(draft, 'Soaking', `${inWords(next)}, until ${new Date(next.since + soakMs).toISOString()}.`)
  const proven = stage.filter(isProven)
  if (stage.length > 0 && proven.length >= ENOUGH * stage.length)
    return step(draft, next, share, 'StageStood', `${inWords(next)} stood for ${minutes(watched)}`, context)
  if (proven.length === 0 && refused.length > 0 && watched >= 2 * soakMs)
    return halt(draft, 'NothingProven', refused.map(({ detail }) => detail).join(' '), now)
  if (stage.length === 0 && refused.length === 0)
    return step(draft, next, share, 'StageEmpty', `No Pod falls into ${inWords(next)}`, context)
  if (proven.length > 0 && watched >= PATIENCE * soakMs) {
    const late = stage.length - proven.length
    return step(
      draft,
      next,
      share,
      'StageLate',
      `${inWords(next)}: ${late} of ${stage.length} namespaces are behind`,
      context,
    )
  }
  return wait(draft, 'StageBehind', `In ${proven.length} of ${stage.length} namespaces most Pods of the stage run it.`)
}

/** Most Pods of the stage run it. */
const isProven = (report: NamespaceReport): boolean => report.stage.active * 2 >= countable(report)

function step(
  draft: Draft,
  next: Next,
  share: number | undefined,
  reason: RolloutReasonCode,
  why: string,
  context: Context,
): Draft {
  const { state } = draft
  const { release } = next
  if (share === undefined) {
    const setAside = state.setAside.filter(({ refuses }) => sameRelease(refuses, release))
    const done = { ...state, current: release, previous: state.current, next: null, setAside }
    return act(draft, done, {
      do: 'finish',
      reason: 'Finished',
      detail: `${why}: ${release.version} is current.`,
      release,
    })
  }
  const shares = sharesOf(context.settings)
  const stage = shares.indexOf(share)
  const wider = { ...next, stage, stages: shares.length, share, since: context.now }
  const detail = `${why}: ${release.version} goes on to stage ${stage + 1} of ${shares.length}, ${inWords(wider)}.`
  return act(draft, { ...state, next: wider }, { do: 'stage', reason, detail, release })
}

function frozen(draft: Draft, { orders }: Context): Draft {
  if ((orders.unreadable ?? []).length > 0)
    return wait(draft, 'OrdersUnreadable', `Not readable: ${orders.unreadable!.join(', ')}.`)
  const { until, by, why } = orders.freeze!
  return wait(draft, 'Frozen', `Until ${new Date(until).toISOString()} by ${by}: ${why}`)
}

/** `5 % of the Pods and canary namespaces lab` */
export function inWords({ share, canaries }: Pick<Next, 'share' | 'canaries'>): string {
  const whole =
    canaries.length === 0 ? '' : `namespaces ${canaries.slice(0, 3).join(', ')}${canaries.length > 3 ? ' …' : ''}`
  if (share === 0) return whole || 'no namespace'
  return share === 100 || whole === '' ? `${share} % of the Pods` : `${share} % of the Pods and ${whole}`
}
const minutes = (ms: number): string => `${Math.round(ms / 6000) / 10} min`
