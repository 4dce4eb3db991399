/** The rollout for people: what runs, how far the next release is, and what needs somebody. `sekisho rules status` prints it. */
import type { ReleaseRef } from '../model.ts'
import { inWords } from './advance.ts'
import { isNewer } from './keep.ts'
import { type OperatorOrders, ORDER_KINDS, type Order, type ParsedOrders } from './operator-orders.ts'
import { ROLLOUT_REASONS, type RolloutReasonCode } from './reasons.ts'
import type { FetchState, Held, Progress, RolloutState, SetAside, WentBack } from './state.ts'

export interface Attention {
  readonly reason: string
  readonly detail: string
  readonly remedy: string
}

export interface Summary {
  readonly current: ReleaseRef | null
  readonly previous: ReleaseRef | null
  readonly next?: {
    readonly release: ReleaseRef
    /** From 1. */
    readonly stage: number
    readonly stages: number
    /** `25 % of the Pods and namespaces lab` */
    readonly of: string
    readonly since: number
    readonly begun: number
    readonly pods: Progress['stage']
    readonly halted?: { readonly reason: string; readonly detail: string; readonly at: number }
  }
  readonly waiting?: { readonly reason: string; readonly detail: string }
  /** All protected Pods. */
  readonly pods: Progress['stage']
  readonly behind: Progress['behind']
  readonly setAside: readonly SetAside[]
  readonly held: readonly Held[]
  readonly kept: readonly ReleaseRef[]
  readonly fetch?: FetchState
  readonly wentBack?: WentBack
  readonly pin?: Order<'pin'>
  readonly freeze?: Order<'freeze'>
  /** When the service last wrote; 0 for never. */
  readonly at: number
  /** Empty: nobody is needed. */
  readonly attention: readonly Attention[]
}

/** The leader writes at least so often, with much to spare. */
export const SILENT_MS = 5 * 60_000
const FETCH_SILENT_MS = 24 * 60 * 60_000

/** @param isPassing whether a refusal of a source may well end by itself */
export function summary(
  state: RolloutState,
  { orders, problems }: ParsedOrders,
  now: number,
  isPassing: (reason: string) => boolean,
): Summary {
  const { current, previous, next, progress, setAside, held, fetch, wentBack } = state
  const none = { pods: 0, active: 0, failed: 0, pending: 0, outdated: 0 }
  const [stage, rest] = [progress?.stage ?? none, progress?.rest ?? none]
  const frozen = orders.freeze !== undefined && orders.freeze.until > now
  return {
    current,
    previous,
    ...(next !== null && {
      next: {
        release: next.release,
        stage: next.stage + 1,
        stages: next.stages,
        of: inWords(next),
        since: next.since,
        begun: next.begun,
        pods: stage,
        ...(next.halted && { halted: next.halted }),
      },
    }),
    ...(progress?.waiting && { waiting: progress.waiting }),
    pods: {
      pods: stage.pods + rest.pods,
      active: stage.active + rest.active,
      failed: stage.failed + rest.failed,
      pending: stage.pending + rest.pending,
      outdated: stage.outdated + rest.outdated,
    },
    behind: progress?.behind ?? [],
    setAside,
    held,
    kept: state.kept.map(({ release }) => release),
    ...(fetch && { fetch }),
    ...(wentBack && { wentBack }),
    ...(orders.pin && { pin: orders.pin }),
    ...(frozen && { freeze: orders.freeze }),
    at: progress?.at ?? 0,
    attention: [
      ...silent(state, now),
      ...(next?.halted ? [one(next.halted.reason, `${next.release.version}: ${next.halted.detail}`)] : []),
      ...setAside.map(({ reason, detail }) => one(reason, detail)),
      ...held
        .filter(({ by, release }) => by !== 'operator' && (current === null || isNewer(state, release, current)))
        .map(({ release, reason, detail }) => one(reason, `${release.version}: ${detail}`)),
      ...problems.map(({ detail, lost }) => one('OrdersUnreadable', `${detail}. Lost: ${lost}.`)),
      ...(progress?.waiting && isForPerson(progress.waiting.reason) && progress.waiting.reason !== next?.halted?.reason
        ? [one(progress.waiting.reason, progress.waiting.detail)]
        : []),
      ...notDone(state, orders),
      ...(rest.failed > 0 ? [one('PodsFailing', failing(progress))] : []),
      ...refused(fetch, now, isPassing),
    ],
  }
}

const known = (reason: string): reason is RolloutReasonCode => Object.hasOwn(ROLLOUT_REASONS, reason)
const isForPerson = (reason: string): boolean =>
  known(reason) && ROLLOUT_REASONS[reason].person && reason !== 'OrdersUnreadable'
const one = (reason: string, detail: string): Attention => ({
  reason,
  detail,
  remedy: known(reason) ? ROLLOUT_REASONS[reason].remedy : '',
})

const silent = ({ progress }: RolloutState, now: number): Attention[] => {
  const at = progress?.at ?? 0
  if (now - at <= SILENT_MS) return []
  return [
    one('ServiceSilent', at === 0 ? 'It has not written yet.' : `It last wrote at ${new Date(at).toISOString()}.`),
  ]
}

/** Orders that stand as they were given and could not be carried out. */
const notDone = ({ handled }: RolloutState, orders: OperatorOrders): Attention[] =>
  ORDER_KINDS.flatMap((kind) => {
    const told = kind === 'freeze' ? undefined : handled[kind]
    if (told === undefined || told.done || orders[kind]?.id !== told.id) return []
    return [one(told.reason, `\`sekisho rules ${kind}\` was not carried out: ${told.detail}`)]
  })

const failing = (progress: Progress | undefined): string =>
  (progress?.behind ?? [])
    .filter(({ failed }) => failed > 0)
    .slice(0, 5)
    .map(({ namespace, failed, pods }) => `${failed} of ${pods} Pods in ${namespace}`)
    .join(', ')

function refused(fetch: FetchState | undefined, now: number, isPassing: (reason: string) => boolean): Attention[] {
  if (fetch === undefined || fetch.lastStatus !== 'refused') return []
  if (isPassing(fetch.lastReason) && now - fetch.lastGoodAt <= FETCH_SILENT_MS) return []
  return [one('FetchRefused', `${fetch.lastReason}: ${fetch.lastDetail}`)]
}
