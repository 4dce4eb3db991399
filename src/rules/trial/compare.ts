/**
 * What the corpus made of a candidate, beside what it made of the set that stands. Pure.
 *
 *   release, against a set   held when one attack passes that the set stops, or one harmless request does not that the set lets pass
 *   release, alone           held when less than FIRST.stopped of a class is stopped, or less than FIRST.passed of all harmless ones pass
 *   delta, against a set     held when all of a class pass of which the set stops any, or more than DELTA.blocked of the harmless ones that the
 *                            set lets pass do not
 *   delta, alone             held when more than half of all attacks pass, or more than DELTA.blocked of all harmless ones do not
 *
 * A delta is what a person wants of a namespace: an exclusion opens one parameter, a rule closes one page, and that is no mistake. What opens a
 * whole class or closes nearly everything is.
 */
import type { TrialKind } from '../model.ts'

export interface Seen {
  readonly group: string
  readonly name: string
  readonly expect: 'stopped' | 'passed'
  /**
   * `passed`: the application got it and its answer came back. `stopped`: 403, and the application saw nothing. `rejected`: answered otherwise, and
   * the application saw nothing. `cut`: the application got it, its answer did not come back. `silent`: no answer.
   */
  readonly result: 'passed' | 'stopped' | 'rejected' | 'cut' | 'silent'
  /** Of the answer; 0 without one. */
  readonly status: number
}

export type Compared =
  | { readonly verdict: 'passed' }
  | { readonly verdict: 'held'; readonly reason: 'LetsAttackPass' | 'BlocksGoodTraffic'; readonly detail: string }

export const FIRST = { stopped: 0.8, passed: 0.98 } as const
export const DELTA = { blocked: 0.75, passing: 0.5 } as const
const PASSED: Compared = { verdict: 'passed' }
const MOST_NAMES = 5

const keyOf = ({ expect, group, name }: Seen): string => `${expect} ${group}/${name}`
const reached = ({ result }: Seen): boolean => result === 'passed' || result === 'cut'
const fine = ({ result }: Seen): boolean => result === 'passed'
const attack = ({ expect }: Seen): boolean => expect === 'stopped'

/** `union-select, sleep and 3 more` */
const names = (list: readonly Seen[]): string => {
  const first = list.slice(0, MOST_NAMES).map(({ name }) => name)
  return list.length > MOST_NAMES ? `${first.join(', ')} and ${list.length - MOST_NAMES} more` : first.join(', ')
}
interface Lost {
  readonly group: string
  /** Those of it that count. */
  readonly of: readonly Seen[]
  readonly lost: readonly Seen[]
}
/** By group, the one that lost most first. */
function byGroup(of: readonly Seen[], isLost: (one: Seen) => boolean): Lost[] {
  const groups = Map.groupBy(of, ({ group }) => group)
  return [...groups]
    .map(([group, list]) => ({ group, of: list, lost: list.filter(isLost) }))
    .toSorted((a, b) => b.lost.length - a.lost.length)
}

const letsPass = (lost: readonly Lost[], yardstick: string): Compared =>
  lost.length === 0
    ? PASSED
    : {
        verdict: 'held',
        reason: 'LetsAttackPass',
        detail: lost
          .map(
            (one) => `class ${one.group}: ${one.lost.length} of ${one.of.length} ${yardstick} pass: ${names(one.lost)}`,
          )
          .join('; '),
      }
const statuses = (list: readonly Seen[]): string =>
  [...Map.groupBy(list, ({ status }) => status)]
    .map(([status, some]) => `${some.length} × ${status === 0 ? 'no answer' : status}`)
    .join(', ')
const blocks = (lost: readonly Lost[], yardstick: string): Compared => {
  const all = lost.flatMap((one) => one.lost)
  const of = sum(lost, 'of')
  return all.length === 0
    ? PASSED
    : {
        verdict: 'held',
        reason: 'BlocksGoodTraffic',
        detail: `${all.length} of ${of} harmless requests ${yardstick} do not pass (${statuses(all)}): ${lost
          .filter((one) => one.lost.length > 0)
          .map((one) => `${one.group}: ${names(one.lost)}`)
          .join('; ')}`,
      }
}

/** The first that does not pass. */
const both = (...verdicts: readonly Compared[]): Compared =>
  verdicts.find(({ verdict }) => verdict === 'held') ?? PASSED
const sum = (list: readonly Lost[], part: 'of' | 'lost'): number => list.reduce((all, one) => all + one[part].length, 0)
/** Which part of them is lost, or with `kept` is not. */
const share = (list: readonly Lost[], kept = false): number => {
  const of = sum(list, 'of')
  const lost = sum(list, 'lost')
  return (kept ? of - lost : lost) / Math.max(of, 1)
}

/** @param before what the set that stands made of the same requests; undefined for the first set ever, or where the engine no longer takes it */
export function compare(kind: TrialKind, before: readonly Seen[] | undefined, after: readonly Seen[]): Compared {
  const stood = before && new Map(before.map((one) => [keyOf(one), one]))
  // A request that the set that stands was not asked counts by what the corpus expects of it.
  const stoodWell = (one: Seen): boolean => {
    const then = stood?.get(keyOf(one))
    return then === undefined || (attack(one) ? !reached(then) : fine(then))
  }
  const attacks = byGroup(
    after.filter((one) => attack(one) && stoodWell(one)),
    reached,
  )
  const harmless = byGroup(
    after.filter((one) => !attack(one) && stoodWell(one)),
    (one) => !fine(one),
  )
  const some = (list: readonly Lost[]) => list.filter(({ lost }) => lost.length > 0)
  if (kind === 'release' && before)
    return both(
      letsPass(some(attacks), 'that the set that stands stops'),
      blocks(some(harmless).length > 0 ? harmless : [], 'that the set that stands lets pass'),
    )
  if (kind === 'release')
    return both(
      letsPass(
        attacks.filter(({ of, lost }) => of.length - lost.length < of.length * FIRST.stopped),
        'of the corpus',
      ),
      share(harmless, true) < FIRST.passed ? blocks(harmless, 'of the corpus') : PASSED,
    )
  const blocked = share(harmless) > DELTA.blocked
  if (before)
    return both(
      letsPass(
        attacks.filter(({ of, lost }) => lost.length === of.length),
        'that the release stops',
      ),
      blocked ? blocks(harmless, 'that the release lets pass') : PASSED,
    )
  return both(
    share(attacks) > DELTA.passing ? letsPass(some(attacks), 'of the corpus') : PASSED,
    blocked ? blocks(harmless, 'of the corpus') : PASSED,
  )
}
