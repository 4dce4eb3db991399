/** The cluster as `sekisho rules` sees it: Pods with our sidecars, policies, ConfigMaps of rules; by namespace, and which policy a Pod follows. */
import type { WafPolicy } from '../../api/waf-policy.ts'
import { createStore, type Store } from '../../cluster/store.ts'
import type { PodFact } from '../model.ts'
import { type Resolved, resolve } from '../policy/follow.ts'
import type { RulesView } from './project.ts'

export interface View {
  readonly pods: Store<PodFact>
  readonly policies: Store<WafPolicy>
  /** Those with the label, and those named `sekisho-rules`: two watches, which may hold the same one. */
  readonly labelled: Store<RulesView>
  readonly named: Store<RulesView>
  podsOf(namespace: string): readonly PodFact[]
  pod(namespace: string, name: string): PodFact | undefined
  policiesOf(namespace: string): readonly WafPolicy[]
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
function indexed<V extends Named>(changed: (namespace: string) => void) {
  const spaces = new Map<string, Map<string, V>>()
  const store = createStore<V>((_, before, after) => {
    const { namespace, name } = (after ?? before)!
    const there = spaces.get(namespace) ?? new Map<string, V>()
    if (after === undefined) there.delete(name)
    else there.set(name, after)
    if (there.size === 0) spaces.delete(namespace)
    else spaces.set(namespace, there)
    changed(namespace)
  })
  return { store, spaces }
}

/** @param changed told of each namespace in which something of it is another now */
export function createView(changed: (namespace: string, what: 'pods' | 'policies' | 'rules') => void): View {
  /** Of the policies of a namespace: what a Pod follows is remembered with it. */
  const revisions = new Map<string, number>()
  const followed = new WeakMap<PodFact, { readonly revision: number; readonly policy: string }>()
  const pods = indexed<PodFact>((namespace) => changed(namespace, 'pods'))
  const policies = indexed<WafPolicy>((namespace) => {
    revisions.set(namespace, (revisions.get(namespace) ?? 0) + 1)
    changed(namespace, 'policies')
  })
  const labelled = indexed<RulesView>((namespace) => changed(namespace, 'rules'))
  const named = indexed<RulesView>((namespace) => changed(namespace, 'rules'))
  const policiesOf = (namespace: string) => [...(policies.spaces.get(namespace)?.values() ?? [])]
  const podsOf = (namespace: string) => [...(pods.spaces.get(namespace)?.values() ?? [])]

  return {
    pods: pods.store,
    policies: policies.store,
    labelled: labelled.store,
    named: named.store,
    podsOf,
    pod: (namespace, name) => pods.spaces.get(namespace)?.get(name),
    policiesOf,
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
    resolved: (namespace) => resolve(policiesOf(namespace), podsOf(namespace)),
    namespaces: () => new Set([...pods.spaces.keys(), ...policies.spaces.keys()]),
    get podCount() {
      return pods.store.all().length
    },
  }
}
