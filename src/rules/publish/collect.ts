/**
 * What nobody refers to any more is taken away: recipes of contents that are published nowhere, archives that the rollout no longer keeps,
 * namespaces without a Pod and a policy. Only by the leader, and only what was unneeded for a while, since what is about to be published is
 * kept before it is referred to.
 */
import type { RolloutState } from '../rollout/state.ts'
import type { Kept } from './kept.ts'
import { RECIPE_PREFIX, recipeName } from './recipes.ts'
import { RELEASE_PREFIX, releaseName } from './releases.ts'
import type { States } from './states.ts'

export interface CollectOptions {
  readonly kept: Pick<Kept, 'all' | 'delete'>
  readonly states: Pick<States, 'all' | 'drop'>
  readonly rollout: () => RolloutState
  readonly inUse: () => ReadonlySet<string>
  readonly now: () => number
  /** @default 10 min */
  readonly afterMs?: number
  /** In one round. @default 50 */
  readonly most?: number
}

/** One round; call it now and then. Gives what was taken away. */
export function createCollector(options: CollectOptions): { round(): Promise<readonly string[]>; forget(): void } {
  const { kept, states, rollout, inUse, now, afterMs = 600_000, most = 50 } = options
  /** Since when each is unneeded. */
  const unneeded = new Map<string, number>()

  const due = (key: string, needed: boolean): boolean => {
    if (needed) {
      unneeded.delete(key)
      return false
    }
    const since = unneeded.get(key) ?? now()
    unneeded.set(key, since)
    return now() - since >= afterMs
  }

  return {
    forget: () => unneeded.clear(),
    round: async () => {
      const used = inUse()
      const addresses = new Set<string>()
      const gone: string[] = []
      const empty: string[] = []
      for (const { namespace, targets } of states.all()) {
        if (due(`namespace ${namespace}`, used.has(namespace))) empty.push(namespace)
        for (const { published } of targets) for (const { address } of published) addresses.add(recipeName(address))
      }
      const { kept: releases, current, previous, next } = rollout()
      const named = [...releases.map(({ release }) => release), current, previous, next?.release]
      const archives = new Set(named.flatMap((one) => (one ? [releaseName(one)] : [])))
      for (const { name } of kept.all()) {
        const recipe = name.startsWith(RECIPE_PREFIX)
        if (!recipe && !name.startsWith(RELEASE_PREFIX)) continue
        if (due(name, (recipe ? addresses : archives).has(name))) gone.push(name)
      }
      const taken = gone.slice(0, most)
      for (const name of taken) await kept.delete(name)
      for (const namespace of empty.slice(0, most)) await states.drop(namespace)
      for (const key of [...taken, ...empty.map((one) => `namespace ${one}`)]) unneeded.delete(key)
      return [...taken, ...empty]
    },
  }
}
