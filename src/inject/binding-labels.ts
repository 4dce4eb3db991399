/**
 * Labels of a Binding, which become those of the Pod: the API server itself puts the zone and the region of the node there. A Service or
 * NetworkPolicy that selects the Pod by them alone, and leads round its WAF, could not be seen when the Pod was made.
 */
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NetworkPolicyView, ServiceView } from '../api/views.ts'
import { refusal } from '../guard/wording.ts'
import { sentence, warningOf, wordsOf } from './note.ts'
import { labelRounds } from './pod-update.ts'
import type { ProtectedPodView } from './reader.ts'
import { podSubject } from './subject.ts'

type Labels = Readonly<Record<string, string>>
interface Network {
  /** All of the namespace. */
  readonly services: readonly ServiceView[]
  readonly networkPolicies: readonly NetworkPolicyView[]
}

/** Whether any of them selects by one of these labels: only then the Pod has to be looked at. */
export function selectedBy(labels: Labels, { services, networkPolicies }: Network): boolean {
  const keys = Object.keys(labels)
  if (keys.length === 0) return false
  const has = (selector: Labels | undefined) =>
    keys.some((key) => selector !== undefined && Object.hasOwn(selector, key))
  return (
    services.some(({ selector }) => has(selector)) ||
    networkPolicies.some(
      ({ podSelector: { matchLabels, matchExpressions = [] } }) =>
        has(matchLabels) || matchExpressions.some(({ key }) => keys.includes(key)),
    )
  )
}

/** Judges what the labels open; undefined where they open nothing. */
export function judgeBindingLabels(
  pod: ProtectedPodView,
  labels: Labels,
  namespace: string,
  { services, networkPolicies }: Network,
): Verdict | undefined {
  const after = { ...pod.labels, ...labels }
  const { blocks, rounds } = labelRounds({ before: pod.labels, after, status: pod.status, services, networkPolicies })
  const [first] = rounds
  if (first === undefined) return undefined
  const subject = podSubject({ metadata: { name: pod.name } }, namespace)
  if (blocks) return deny(first.code, refusal(wordsOf(first, subject, subject.refused)))
  return allow(
    first.code,
    sentence(first),
    rounds.map((it) => warningOf(it, subject)),
  )
}
