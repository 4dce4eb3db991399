/**
 * Third step: what the Pods of the stage say.
 *
 *     engines refuse it   in `failingNamespaces` namespaces, or in `failingShare` of the stage's Pods  ─► all go back
 *                         in one namespace                                                             ─► that namespace goes back alone
 *                         in a canary namespace                                                        ─► and it halts
 *     other share blocked in a workload                                                                ─► it halts, since attackers can move it
 *
 * A namespace's word counts for itself: whoever rules the Pods of one namespace cannot take a release from the others. So the share of
 * failing Pods counts only if they lie in two namespaces, or if there is but one.
 */

import { isEngineFailure } from './engine-failures.ts'
import { act, type Context, type Draft, type NamespaceReport } from './facts.ts'
import { goBack, hold } from './keep.ts'
import type { RolloutReasonCode } from './reasons.ts'
import { sameRelease } from './stage.ts'
import type { Next, RolloutState, SetAside } from './state.ts'

/** Fewer failing Pods are no share of anything: one Pod of one is 100 %. */
export const FEWEST_FAILING = 3

export const watch = (draft: Draft, context: Context): Draft => blocked(engines(draft, context), context)

/** Pods of the stage whose word counts. */
export const countable = ({ stage }: NamespaceReport): number => stage.pods - stage.outdated

function engines(draft: Draft, { facts, settings, now }: Context): Draft {
  const { state } = draft
  const { next, current } = state
  if (next === null || current === null) return draft
  const already = state.setAside.filter(({ refuses }) => sameRelease(refuses, next.release))
  const aside = new Set(already.map(({ namespace }) => namespace))
  const reports = facts.reports.filter(({ namespace }) => !aside.has(namespace))
  const withFailed = reports.filter(({ stage }) => stage.failed > 0)
  const failing = withFailed.filter((one) => one.stage.failed * 100 >= settings.failingShare * countable(one))
  const pods = sum(reports, countable) + sum(already, (one) => one.pods)
  const failed = sum(withFailed, ({ stage }) => stage.failed) + sum(already, (one) => one.failed)
  const namespaces = failing.length + already.length
  const spread = withFailed.length + already.length > 1 || facts.reports.length === 1
  const tooMany = namespaces >= settings.failingNamespaces && (namespaces > 1 || failed >= FEWEST_FAILING)
  const tooLarge = spread && failed >= FEWEST_FAILING && failed * 100 >= settings.failingShare * pods
  if (withFailed.length > 0 && (tooMany || tooLarge)) {
    const where = [...already.map(({ namespace }) => namespace), ...withFailed.map(({ namespace }) => namespace)]
    const detail = `${failed} of ${pods} Pods in ${next.share} % refuse ${next.release.version}, in ${list(where)}: ${codes(withFailed)}.`
    return act(
      draft,
      hold(goBack(state, current, { by: 'automatic', reason: 'EnginesFailing', detail, at: now }), {
        release: next.release,
        by: 'engines',
        reason: 'EnginesFailing',
        detail,
        at: now,
      }),
      { do: 'rollback', reason: 'EnginesFailing', detail, release: next.release },
    )
  }
  return failing.reduce((result, one) => setAside(result, one, next, current, now), draft)
}

function setAside(draft: Draft, report: NamespaceReport, next: Next, current: Next['release'], now: number): Draft {
  const { namespace, stage } = report
  const pods = countable(report)
  const detail = `${stage.failed} of ${pods} Pods of namespace ${namespace} in the stage refuse ${next.release.version}: ${codes([report])}.`
  const said = { reason: 'NamespaceFailing' as const, detail, at: now }
  const { state } = draft
  // One that was set aside for an earlier release still stays with the one before that.
  const former = state.setAside.find((one) => one.namespace === namespace && sameRelease(one.refuses, current))
  const entry: SetAside = {
    namespace,
    stays: former?.stays ?? current,
    refuses: next.release,
    pods,
    failed: stage.failed,
    ...said,
  }
  const entries = [...state.setAside.filter((one) => one.namespace !== namespace), entry]
  const result = act(
    draft,
    { ...state, setAside: entries.toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1)) },
    { do: 'setAside', release: next.release, reason: said.reason, detail },
  )
  return next.canaries.includes(namespace) ? halt(result, 'CanaryFailing', detail, now) : result
}

function blocked(draft: Draft, { facts, now }: Context): Draft {
  const { next } = draft.state
  if (next === null || next.blockedAccepted || facts.blocked.length === 0) return draft
  const told = facts.blocked.toSorted((a, b) =>
    `${a.namespace}/${a.workload}` < `${b.namespace}/${b.workload}` ? -1 : 1,
  )
  const more = told.length > 3 ? ` And in ${told.length - 3} more.` : ''
  return halt(
    draft,
    'BlockedShareChanged',
    told
      .slice(0, 3)
      .map(({ detail }) => detail)
      .join(' ') + more,
    now,
  )
}

/** The first halt stands: what came first is what to look at. */
export function halt(draft: Draft, reason: RolloutReasonCode, detail: string, now: number): Draft {
  const { next } = draft.state
  if (next === null || next.halted !== undefined) return draft
  const state: RolloutState = { ...draft.state, next: { ...next, halted: { reason, detail, at: now } } }
  return act(draft, state, { do: 'halt', reason, detail, release: next.release })
}

const sum = <T>(list: readonly T[], of: (one: T) => number): number => list.reduce((all, one) => all + of(one), 0)
const list = (names: readonly string[]): string =>
  names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more namespaces`
/** `ConfigRefused 3, RuleCountDiffers 1` */
const codes = (reports: readonly NamespaceReport[]): string => {
  const all = new Map<string, number>()
  for (const { reasons } of reports)
    for (const [code, pods] of Object.entries(reasons))
      if (isEngineFailure(code)) all.set(code, (all.get(code) ?? 0) + pods)
  const sorted = [...all].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return sorted.map(([code, pods]) => `${code} ${pods}`).join(', ') || 'no reason given'
}
