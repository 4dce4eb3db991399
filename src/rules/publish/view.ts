/** The cluster as `sekisho rules` sees it: Pods with our sidecars, policies, ConfigMaps of rules; by namespace, and which policy a Pod follows. */
import { isDeepStrictEqual } from 'node:util'
import type { WafPolicy } from '../../api/waf-policy.ts'
import { createStore, type Store } from '../../cluster/store.ts'
import type { PodFact } from '../model.ts'
import { byAge, MOST_POLICIES, type Resolved, resolve } from '../policy/follow.ts'
import type { RulesView } from './project.ts'

export interface View {
  readonly pods: Store<PodFact>
  readonly policies: Store<WafPolicy>
  /** Those with the label, and those named `sekisho-rules`: two watches, which may hold the same one. */
  readonly labelled: Store<RulesView>
  readonly named: Store<RulesView>
  podsOf(namespace: string): readonly PodFact[]
  pod(namespace: string, name: string): PodFact | undefined
  /** The oldest, which count. */
  policiesOf(namespace: string): readonly WafPolicy[]
  /** The younger ones beyond MOST_POLICIES: they have no effect. */
  beyond(namespace: string): readonly WafPolicy[]
  rulesOf(namespace: string): readonly RulesView[]
  /** Name of the policy that a Pod follows; '' for none. */
  policyOf(pod: PodFact): string
  resolved(namespace: string): Resolved
  /** Namespaces with a Pod of ours or a policy. */
  namespaces(): ReadonlySet<string>
  readonly podCount: number
}

interface Named {
  readonly namespace: string
  readonly name: string
}

/** A store that also finds by namespace. */
function indexed<V extends Named>(changed: (namespace: string, before: V | undefined, after: V | undefined) => void) {
  const spaces = new Map<string, Map<string, V>>()
  const store = createStore<V>((_, before, after) => {
    const { namespace, name } = (after ?? before)!
    const there = spaces.get(namespace) ?? new Map<string, V>()
    if (after === undefined) there.delete(name)
    else there.set(name, after)
    if (there.size === 0) spaces.delete(namespace)
    else spaces.set(namespace, there)
    changed(namespace, before, after)
  })
  return { store, spaces }
}

/** @param changed told of each namespace in which something of it is another now */
export function createView(changed: (namespace: string, what: 'pods' | 'policies' | 'rules' | 'status') => void): View {
  /** Of the policies of a namespace, and of its Pods: what a Pod follows is remembered with it. */
  const revisions = new Map<string, number>()
  const followed = new WeakMap<PodFact, { readonly revision: number; readonly policy: string }>()
  const byAges = new Map<string, readonly WafPolicy[]>()
  const resolvedOnce = new Map<string, Resolved>()
  const pods = indexed<PodFact>((namespace) => {
    resolvedOnce.delete(namespace)
    changed(namespace, 'pods')
  })
  const policies = indexed<WafPolicy>((namespace, before, after) => {
    byAges.delete(namespace)
    // A status, ours as a rule: it changes nothing of what is wanted, and must not end a trial that is under way.
    if (before !== undefined && before.uid === after?.uid && before.generation === after.generation)
      return changed(namespace, 'status')
    resolvedOnce.delete(namespace)
    revisions.set(namespace, (revisions.get(namespace) ?? 0) + 1)
    changed(namespace, 'policies')
  })
  const rulesChanged = (namespace: string, before: RulesView | undefined, after: RulesView | undefined) => {
    if (!isDeepStrictEqual(before, after)) changed(namespace, 'rules')
  }
  const labelled = indexed<RulesView>(rulesChanged)
  const named = indexed<RulesView>(rulesChanged)
  const allOf = (namespace: string): readonly WafPolicy[] => {
    const known = byAges.get(namespace) ?? [...(policies.spaces.get(namespace)?.values() ?? [])].toSorted(byAge)
    if (known.length > 0) byAges.set(namespace, known)
    return known
  }
  const policiesOf = (namespace: string) => allOf(namespace).slice(0, MOST_POLICIES)
  const podsOf = (namespace: string) => [...(pods.spaces.get(namespace)?.values() ?? [])]

  return {
    pods: pods.store,
    policies: policies.store,
    labelled: labelled.store,
    named: named.store,
    podsOf,
    pod: (namespace, name) => pods.spaces.get(namespace)?.get(name),
    policiesOf,
    beyond: (namespace) => allOf(namespace).slice(MOST_POLICIES),
    rulesOf: (namespace) => [
      ...new Map([...(labelled.spaces.get(namespace) ?? []), ...(named.spaces.get(namespace) ?? [])]).values(),
    ],
    policyOf: (pod) => {
      const revision = revisions.get(pod.namespace) ?? 0
      const known = followed.get(pod)
      if (known?.revision === revision) return known.policy
      const policy = resolve(policiesOf(pod.namespace), [pod]).followed.get(pod.uid) ?? ''
      followed.set(pod, { revision, policy })
      return policy
    },
    resolved: (namespace) => {
      const known = resolvedOnce.get(namespace) ?? resolve(policiesOf(namespace), podsOf(namespace))
      resolvedOnce.set(namespace, known)
      return known
    },
    namespaces: () => new Set([...pods.spaces.keys(), ...policies.spaces.keys()]),
    get podCount() {
      return pods.store.all().length
    },
  }
}
