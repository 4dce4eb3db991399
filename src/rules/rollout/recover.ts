/**
 * The rollout when its state is lost, by damage or by a deleted ConfigMap: what most namespaces were last published with counts as current. A
 * newer release then goes in stages again, where an empty state would give it to all at once as the first one.
 */
import type { ReleaseRef } from '../model.ts'
import { EMPTY_ROLLOUT, type RolloutState } from './state.ts'
import type { NamespaceState } from './target-state.ts'

/** @param now ms since 1970: Pods of a stage that nobody knows of any more may have seen higher sequences, so all is sealed anew. */
export function recoverRollout(namespaces: Iterable<NamespaceState>, now: number): RolloutState {
  const votes = new Map<string, { readonly release: ReleaseRef; count: number }>()
  for (const { targets } of namespaces)
    for (const { slot, release } of targets.flatMap(({ published }) => published)) {
      if (slot !== 'current') continue
      const key = `${release.version} ${release.sha256}`
      const vote = votes.get(key) ?? { release, count: 0 }
      vote.count++
      votes.set(key, vote)
    }
  const [most] = [...votes].toSorted(([a, x], [b, y]) => y.count - x.count || (a < b ? -1 : 1))
  return most === undefined ? EMPTY_ROLLOUT : { ...EMPTY_ROLLOUT, current: most[1].release, sealAfter: now }
}
