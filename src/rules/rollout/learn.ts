/** First step: new releases are kept, results of trials noted; what another engine refused is asked of this one again. */
import { act, type Context, type Draft } from './facts.ts'
import { hold, keptOf } from './keep.ts'
import { sameRelease } from './stage.ts'
import { cut } from './stored.ts'

export const learn = (draft: Draft, context: Context): Draft =>
  results(again(arrivals(draft, context), context), context)

function arrivals(draft: Draft, { facts, now }: Context): Draft {
  const fresh = facts.verified.filter(
    ({ release }, i) =>
      keptOf(draft.state, release) === undefined &&
      facts.verified.findIndex((other) => sameRelease(other.release, release)) === i,
  )
  if (fresh.length === 0) return draft
  return {
    ...draft,
    state: { ...draft.state, kept: [...fresh.map((one) => ({ ...one, at: now })), ...draft.state.kept] },
  }
}

/** A verdict belongs to the engine that gave it. What runs already is not asked again here: serving asks for the engine itself. */
function again(draft: Draft, { facts: { engine } }: Context): Draft {
  if (engine === undefined) return draft
  const stale = draft.state.held.filter((one) => one.by === 'trial' && one.engine !== engine)
  if (stale.length === 0) return draft
  const isStale = (release: (typeof stale)[number]['release']) => stale.some((one) => sameRelease(one.release, release))
  return act(
    draft,
    {
      ...draft.state,
      held: draft.state.held.filter((one) => !stale.includes(one)),
      kept: draft.state.kept.map(({ trial, ...one }) =>
        trial === undefined || isStale(one.release) ? one : { ...one, trial },
      ),
    },
    ...stale.map(({ release }) => ({
      do: 'release' as const,
      reason: 'Released' as const,
      detail: `The bench runs engine ${engine} now.`,
      release,
    })),
  )
}

function results(draft: Draft, { facts, now }: Context): Draft {
  let result = draft
  for (const { release, verdict, reason, detail, engine } of facts.trials) {
    const { state } = result
    const one = keptOf(state, release)
    if (one === undefined || (one.trial?.engine === engine && one.trial.verdict === verdict)) continue
    const trial = { verdict, reason, detail: cut(detail), engine, at: now }
    const noted = {
      ...state,
      kept: state.kept.map((other) => (sameRelease(other.release, release) ? { ...other, trial } : other)),
    }
    // What Pods run already was taken on another verdict; a bench does not take it from them, their own engines do.
    const runs = sameRelease(state.current, release) || sameRelease(state.next?.release, release)
    if (verdict === 'passed' || runs) result = { ...result, state: noted }
    else {
      const why = verdict === 'held' ? 'TrialHeld' : 'TrialRefused'
      const said = `${reason}: ${detail}`
      result = act(result, hold(noted, { release, by: 'trial', engine, reason: why, detail: said, at: now }), {
        do: 'hold',
        reason: why,
        detail: said,
        release,
      })
    }
  }
  return result
}
