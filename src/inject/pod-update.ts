/**
 * UPDATE of a Pod, of `pods/ephemeralcontainers` and of `pods/resize`: old compared with new, never with a rendering, so that a Pod made
 * by an earlier version, or under other settings, can still be changed as Kubernetes allows. What must not change is what protects it.
 */
import type { Container, Pod, PodSpec } from '../api/kube.ts'
import { ANNOTATION, KEY_PREFIX, LABEL, TAINT_IDS_NOT_READY } from '../api/names.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { NamespaceView, NetworkPolicyView, ServiceView } from '../api/views.ts'
import { type Toleration, tolerates } from '../guard/tolerations.ts'
import { refusal } from '../guard/wording.ts'
import { isReserved } from './entries.ts'
import { equal } from './equal.ts'
import { type Note, note, sentence, warningOf, wordsOf } from './note.ts'
import { networkRounds } from './rounds.ts'
import { readPod } from './shape.ts'
import { readStatus } from './status.ts'
import { podSubject } from './subject.ts'

export interface PodUpdate {
  readonly pod: Pod
  readonly old: Pod
  readonly namespace: NamespaceView
  /** All of the namespace. */
  readonly services: readonly ServiceView[]
  readonly networkPolicies: readonly NetworkPolicyView[]
}

const TAINT = { key: TAINT_IDS_NOT_READY, effect: 'NoSchedule' } as const

function keyChange(pod: Pod, old: Pod): Note | undefined {
  for (const [field, kind] of [
    ['labels', 'label'],
    ['annotations', 'annotation'],
  ] as const) {
    const [before, after] = [old.metadata?.[field] ?? {}, pod.metadata?.[field] ?? {}]
    const key = Object.keys({ ...before, ...after }).find((it) => it.startsWith(KEY_PREFIX) && before[it] !== after[it])
    if (key !== undefined) return note('KeyChanged', { kind, key })
  }
  return undefined
}

const sidecars = (spec: PodSpec): readonly Container[] =>
  [...spec.containers, ...(spec.initContainers ?? [])].filter(({ name }) => isReserved(name))

function sidecarChange(pod: Pod, old: Pod): Note | undefined {
  const [before, after] = [sidecars(old.spec!), sidecars(pod.spec!)]
  const changed =
    before.find(
      ({ name }, i) =>
        !equal(
          before[i],
          after.find((it) => it.name === name),
        ),
    ) ?? after.find(({ name }) => !before.some((it) => it.name === name))
  return changed && note('SidecarChanged', { container: changed.name })
}

function ephemeralTouch(pod: Pod, old: Pod): Note | undefined {
  const before = new Set((old.spec?.ephemeralContainers ?? []).map(({ name }) => name))
  for (const container of pod.spec?.ephemeralContainers ?? []) {
    if (before.has(container.name)) continue
    const target = container['targetContainerName']
    const mounts = [...(container.volumeMounts ?? []), ...((container['volumeDevices'] ?? []) as { name: string }[])]
    const mount = mounts.find(({ name }) => isReserved(name))
    const touch = isReserved(container.name)
      ? 'has a name that belongs to the WAF'
      : isReserved(target)
        ? `targets ${target}`
        : mount && `mounts the volume ${mount.name}`
    if (touch !== undefined) return note('EphemeralTouches', { container: container.name ?? '', touch })
  }
  return undefined
}

/** Tolerations of a running Pod can only be added. Ours matters in protected namespaces, where the taint keeps blind nodes free. */
function tolerationAdded(pod: Pod, old: Pod, namespace: NamespaceView): Note | undefined {
  if (namespace.labels[LABEL.protected] !== 'true') return undefined
  const before: readonly Toleration[] = old.spec?.tolerations ?? []
  const added = (pod.spec?.tolerations ?? []).find(
    (it) => tolerates(it, TAINT) && !before.some((earlier) => equal(earlier, it)),
  )
  return added && note('TolerationAdded', { toleration: JSON.stringify(added) })
}

export interface LabelChange extends Pick<PodUpdate, 'services' | 'networkPolicies'> {
  readonly before: Readonly<Record<string, string>>
  readonly after: Readonly<Record<string, string>>
  /** The annotation `sekisho.dev/status` of the Pod. */
  readonly status: string | undefined
}

/** Services and NetworkPolicies that were there first and select the Pod by its new labels alone: made with such labels, it was refused. */
export function labelRounds({ before, after: now, status: text, services, networkPolicies }: LabelChange): {
  blocks: boolean
  rounds: readonly Note[]
} {
  const status = readStatus(text)
  if (status === undefined || equal(now, before)) return { blocks: false, rounds: [] }
  const there = networkRounds(before, services, networkPolicies, status.ports)
  const rounds = networkRounds(now, services, networkPolicies, status.ports).filter(
    (it) => !there.some((earlier) => equal(earlier, it)),
  )
  return { blocks: status.mode === 'block', rounds }
}

/** Judges a change of a Pod that exists. */
export function judgePodUpdate(update: PodUpdate): Verdict {
  const { pod, old, namespace } = update
  const subject = podSubject(pod, namespace.name)
  const fault = [pod, old].map(readPod).find((it) => 'fault' in it)
  const found =
    (fault && 'fault' in fault ? fault.fault : undefined) ??
    keyChange(pod, old) ??
    sidecarChange(pod, old) ??
    ephemeralTouch(pod, old) ??
    tolerationAdded(pod, old, namespace)
  if (found !== undefined) return deny(found.code, refusal(wordsOf(found, subject, subject.refused)))
  const { blocks, rounds } = labelRounds({
    ...update,
    before: old.metadata?.labels ?? {},
    after: pod.metadata?.labels ?? {},
    status: old.metadata?.annotations?.[ANNOTATION.status],
  })
  const [first] = rounds
  if (first === undefined) return allow('NotConcerned', sentence(note('NotConcerned')))
  if (blocks) return deny(first.code, refusal(wordsOf(first, subject, subject.refused)))
  return allow(
    first.code,
    sentence(first),
    rounds.map((it) => warningOf(it, subject)),
  )
}
