/**
 * Which policy a Pod follows: of those of its namespace that select it the oldest, and of equally old ones the first by name. A younger one that
 * selects the Pod as well is told so, since what it says has no effect there.
 */
import type { WafPolicy } from '../../api/waf-policy.ts'
import { matches } from '../../inject/selector.ts'
import type { PodFact, TargetKey } from '../model.ts'

/** An older policy that has Pods which this one selects too. */
export interface Conflict {
  readonly policy: string
  readonly pods: number
}
export interface Resolved {
  /** Uid of each Pod → name of the policy it follows; '' for none. */
  readonly followed: ReadonlyMap<string, string>
  /** `namespace/policy` of the younger → the older ones, by name. Policies without a conflict are not in it. */
  readonly conflicts: ReadonlyMap<TargetKey, readonly Conflict[]>
}

/**
 * So many policies of a namespace count, the oldest. What is known of one costs time and room for each, and one namespace shall not take those
 * of the others.
 */
export const MOST_POLICIES = 50

type Selecting = Pick<WafPolicy, 'namespace' | 'name' | 'created'> & {
  readonly spec: Pick<WafPolicy['spec'], 'selector'>
}

export const byAge = (a: Pick<Selecting, 'created' | 'name'>, b: Pick<Selecting, 'created' | 'name'>): number =>
  a.created - b.created || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** Terminating Pods count as well: they serve until they are gone. */
export function resolve(
  policies: readonly Selecting[],
  pods: readonly Pick<PodFact, 'namespace' | 'uid' | 'labels'>[],
): Resolved {
  const inNamespace = Map.groupBy(policies.toSorted(byAge), ({ namespace }) => namespace)
  const followed = new Map<string, string>()
  const counts = new Map<TargetKey, Map<string, number>>()
  for (const { namespace, uid, labels } of pods) {
    const selecting = (inNamespace.get(namespace) ?? []).filter(({ spec }) => matches(spec.selector ?? {}, labels))
    const [first, ...younger] = selecting
    followed.set(uid, first?.name ?? '')
    for (const { name } of younger) {
      const key: TargetKey = `${namespace}/${name}`
      const older = counts.get(key) ?? new Map<string, number>()
      older.set(first!.name, (older.get(first!.name) ?? 0) + 1)
      counts.set(key, older)
    }
  }
  const conflicts = new Map(
    [...counts].map(([key, older]) => [
      key,
      [...older].map(([policy, pods]) => ({ policy, pods })).toSorted((a, b) => (a.policy < b.policy ? -1 : 1)),
    ]),
  )
  return { followed, conflicts }
}
