/** What is known of a policy, gathered for `statusOf`: what is published, and what its Pods told last. */
import type { WafPolicy } from '../../api/waf-policy.ts'
import { safeText } from '../../cluster/safe-text.ts'
import type { PolicySettings } from '../../config/rules.ts'
import type { Heard, PodFact, Target } from '../model.ts'
import { MOST_POLICIES } from '../policy/follow.ts'
import { breakGlassOf, effectiveMode } from '../policy/mode.ts'
import { countCustomRules } from '../policy/recipe.ts'
import type { PolicyFacts } from '../policy/status.ts'
import type { Recipes } from './recipes.ts'
import { type BundleShelf, sealOf } from './shelf.ts'
import type { States } from './states.ts'
import type { View } from './view.ts'

export interface Gathering {
  readonly view: Pick<View, 'podsOf' | 'policyOf' | 'resolved' | 'policiesOf'>
  readonly states: Pick<States, 'of'>
  readonly shelf: Pick<BundleShelf, 'publishedFor' | 'isTried' | 'runs'>
  readonly heard: (uid: string) => Heard | undefined
  readonly recipes: Pick<Recipes, 'read'>
  readonly settings: PolicySettings
  /** The generation of the policy that the publisher looked at last. */
  readonly lookedAt: (target: Target) => number | undefined
  readonly now: () => number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Counts the rules of a content once. */
export function customRuleCounter(recipes: Pick<Recipes, 'read'>, most = 1000): (address: string) => number {
  const counts = new Map<string, number>()
  return (address) => {
    const known = counts.get(address)
    if (known !== undefined) return known
    let count = 0
    try {
      count = countCustomRules(recipes.read(address))
    } catch {
      // Not there yet: it is counted the next time.
      return 0
    }
    counts.set(address, count)
    if (counts.size > most) counts.delete(counts.keys().next().value!)
    return count
  }
}

export function gatherFacts(
  policy: WafPolicy,
  around: Gathering,
  countRules: (address: string) => number,
): PolicyFacts {
  const { view, states, shelf, settings, now } = around
  const { namespace, name } = policy
  if (!view.policiesOf(namespace).some((one) => one.name === name)) return factsBeyond(policy, settings)
  const state = states.of(namespace)
  const target = state.targets.find((one) => one.policy === name)
  const current = target?.published.find(({ slot }) => slot === 'current')
  const newest = target?.newest
  const pods: Mutable<PolicyFacts['pods']> = { total: 0, enforcing: 0, pending: 0, failed: 0, outdatedEngine: 0 }
  const failures = new Map<string, number>()
  const stand = (pod: PodFact) => {
    pods.total++
    const heard = around.heard(pod.uid)
    const published = shelf.publishedFor(pod)
    if (heard === undefined || published === undefined) pods.pending++
    else if (shelf.runs(pod, heard, published)) pods.enforcing++
    else if (heard.engine !== '' && !shelf.isTried(pod, heard, published)) pods.outdatedEngine++
    else if (heard.state === 'failed' && heard.wanted === sealOf(state, published)?.generation) {
      pods.failed++
      failures.set(heard.reason, (failures.get(heard.reason) ?? 0) + 1)
    } else pods.pending++
  }
  for (const pod of view.podsOf(namespace)) if (!pod.terminating && view.policyOf(pod) === name) stand(pod)

  const looked = around.lookedAt({ namespace, policy: name }) === policy.generation
  const generation = current && sealOf(state, current)?.generation
  const told = (text: string) => safeText(text, 2000)
  const problems =
    looked && newest?.outcome === 'refused' ? newest.problems.map((line) => ({ where: '', message: told(line) })) : []
  return {
    ...(current && { release: current.release.version }),
    ...(generation !== undefined && { generation }),
    customRules: current === undefined ? 0 : countRules(current.address),
    pods,
    problems,
    ...trialOf(looked, newest, problems.length > 0, told),
    failures: [...failures].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([reason, count]) => ({ reason, count })),
    conflictsWith: view.resolved(namespace).conflicts.get(`${namespace}/${name}`) ?? [],
    mode: effectiveMode(policy, settings),
    breakGlass: breakGlassOf(policy, settings, now()),
  }
}

/** One that has no effect: no Pod follows it, and nobody may be told that its glass is open. */
const factsBeyond = (policy: WafPolicy, settings: PolicySettings): PolicyFacts => ({
  customRules: 0,
  pods: { total: 0, enforcing: 0, pending: 0, failed: 0, outdatedEngine: 0 },
  problems: [
    {
      where: '',
      message: `it has no effect: the ${MOST_POLICIES} oldest policies of a namespace count, and it is younger: delete what is not needed, or let one policy select more Pods`,
    },
  ],
  failures: [],
  conflictsWith: [],
  mode: effectiveMode(policy, settings),
  breakGlass: { status: 'closed' },
})

function trialOf(
  looked: boolean,
  newest: { readonly outcome: string; readonly reason: string; readonly detail: string } | undefined,
  problems: boolean,
  told: (text: string) => string,
): Pick<PolicyFacts, 'trial'> {
  if (newest === undefined || problems) return {}
  if (!looked) return { trial: { verdict: 'waiting', detail: 'it has just been changed' } }
  if (newest.outcome === 'published') return {}
  const verdict = newest.outcome === 'trying' ? 'waiting' : newest.outcome === 'held' ? 'held' : 'refused'
  return { trial: { verdict, detail: told(newest.detail) } }
}
