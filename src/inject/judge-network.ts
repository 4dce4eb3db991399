/**
 * Services and NetworkPolicies, when they are made or changed: do they lead round the WAF of a Pod that runs now? Pods that come later
 * are judged against them then. A change that leaves selector and ports alone passes, whatever they are.
 */
import type { KubeObject } from '../api/kube.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NetworkPolicyView, ServiceView } from '../api/views.ts'
import { refusal } from '../guard/wording.ts'
import { equal } from './equal.ts'
import { type Note, note, sentence, warningOf, wordsOf } from './note.ts'
import type { ProtectedPodView } from './reader.ts'
import { policyRounds, serviceRounds } from './rounds.ts'
import { readStatus, type StatusPort } from './status.ts'
import { objectSubject } from './subject.ts'
import { networkPolicyView, serviceView } from './views.ts'

interface Change {
  readonly namespace: string
  readonly object: KubeObject
  /** Absent on CREATE. */
  readonly old?: KubeObject | undefined
}

const passes = (): Verdict => allow('NotConcerned', sentence(note('NotConcerned')))

/** The view of a Service that has to be judged, or undefined. */
export function serviceToJudge({ namespace, object, old }: Change): ServiceView | undefined {
  const view = serviceView(object, namespace)
  const nothing = Object.keys(view.selector).length === 0 || view.ports.length === 0
  return nothing || (old !== undefined && equal(view, serviceView(old, namespace))) ? undefined : view
}

/** The view of a NetworkPolicy that has to be judged, or undefined. */
export function networkPolicyToJudge({ namespace, object, old }: Change): NetworkPolicyView | undefined {
  const view = networkPolicyView(object, namespace)
  const nothing = view.ingressPorts.length === 0
  return nothing || (old !== undefined && equal(view, networkPolicyView(old, namespace))) ? undefined : view
}

/** The same seen from here: the object is at hand, and which Pod it concerns is the news. */
const FROM_HERE = { ServiceByNumber: 'TargetsAppPort', PolicyByNumber: 'NamesAppPort' } as const
const fromHere = ({ code, values }: Note, pod: string): Note =>
  note(FROM_HERE[code as keyof typeof FROM_HERE], { ...values, pod })

type Rounds = (labels: Readonly<Record<string, string>>, taken: readonly StatusPort[]) => Note[]

/** One sentence a way round, however many Pods it concerns; one Pod in `block` is enough for a refusal. */
function judge(kind: string, change: Change, pods: readonly ProtectedPodView[], rounds: Rounds): Verdict {
  const subject = objectSubject(change.object, kind, change.namespace)
  const found = new Map<string, { it: Note; blocks: boolean }>()
  for (const { name, labels, status } of pods) {
    const read = readStatus(status)
    if (read === undefined) continue
    const blocks = read.mode === 'block'
    for (const it of rounds(labels, read.ports)) {
      const key = JSON.stringify(it)
      if (!found.has(key) || (blocks && !found.get(key)!.blocks)) found.set(key, { it: fromHere(it, name), blocks })
    }
  }
  const all = [...found.values()]
  const worst = all.find(({ blocks }) => blocks)?.it
  const warnings = all.filter(({ it }) => it !== worst).map(({ it }) => warningOf(it, subject))
  if (worst !== undefined) return deny(worst.code, refusal(wordsOf(worst, subject, subject.refused)), warnings)
  const [first] = all
  return first === undefined ? passes() : allow(first.it.code, sentence(first.it), warnings)
}

/** Judges a Service by the protected Pods it selects. */
export function judgeService(change: Change, pods: readonly ProtectedPodView[]): Verdict {
  const view = serviceToJudge(change)
  if (view === undefined) return passes()
  return judge('Service', change, pods, (labels, taken) => serviceRounds(view, labels, taken))
}

/** Judges a NetworkPolicy by the protected Pods it selects. */
export function judgeNetworkPolicy(change: Change, pods: readonly ProtectedPodView[]): Verdict {
  const view = networkPolicyToJudge(change)
  if (view === undefined) return passes()
  return judge('NetworkPolicy', change, pods, (labels, taken) => policyRounds(view, labels, taken))
}
