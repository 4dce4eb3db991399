/** What should become of a Pod, decided before a single operation is written: carries a WAF, goes without, or is refused. */
import { ANNOTATION } from '../api/names.ts'
import { type Captures, chooseCaptures } from './captures.ts'
import { type Entry, entriesOf, isReserved } from './entries.ts'
import type { InjectInput } from './input.ts'
import { type Mode, type Wish, wishOf } from './mode.ts'
import { kindOf, type Note, note } from './note.ts'
import { obstacleOf } from './obstacles.ts'
import { parsePortAnnotation } from './port-annotation.ts'
import { podRounds } from './rounds.ts'
import type { WellFormed } from './shape.ts'

export type Plan =
  | { readonly kind: 'refuse'; readonly note: Note }
  /** Nobody asked: only forged or outdated pieces are taken out. */
  | { readonly kind: 'bare'; readonly note: Note }
  /** Asked for, but it stays without; the status says why. */
  | { readonly kind: 'skip'; readonly note: Note }
  | {
      readonly kind: 'carry'
      readonly mode: Mode
      readonly from: 'pod' | 'namespace' | 'platform'
      readonly captures: Captures
      readonly notes: readonly Note[]
    }

const refuse = (it: Note): Plan => ({ kind: 'refuse', note: it })

/** Uses of what is ours by what is not. Refused in every Pod, with a WAF or without: silently dropping a mount would break the app. */
function misuse(pod: WellFormed, entries: readonly Entry[]): Note | undefined {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? []), ...(pod.spec.ephemeralContainers ?? [])]
  const app = all.filter(({ name }) => !isReserved(name))
  for (const { name: container, volumeMounts, volumeDevices } of app) {
    const mount = [...(volumeMounts ?? []), ...((volumeDevices ?? []) as { name: string }[])].find(({ name }) =>
      isReserved(name),
    )
    if (mount !== undefined) return note('ReservedVolume', { container: container ?? '', volume: mount.name })
  }
  if (pod.spec.containers.length > 0 && pod.spec.containers.every(({ name }) => isReserved(name)))
    return note('NoContainerLeft')
  const port = entries.find(({ present }) => isReserved(present))
  return port && note('ReservedPortName', { container: port.containerName, name: port.present! })
}

type Asked = Extract<Wish, { kind: 'mode' }>

/** Why it cannot be protected, weighed: see `Kind` in reasons.ts. */
function without(why: Note, wish: Asked, input: InjectInput): Plan {
  const kind = kindOf(why)
  const strict = kind === 'obstacle' && (wish.mode === 'block' || input.settings.lowestMode !== 'off')
  return kind === 'refusal' || wish.itself || strict ? refuse(why) : { kind: 'skip', note: why }
}

function captureOrNot(pod: WellFormed, entries: readonly Entry[], wish: Asked, input: InjectInput): Plan {
  const annotations = pod.metadata?.annotations ?? {}
  const upstream = annotations[ANNOTATION.wafUpstream]
  if (upstream !== undefined && upstream !== 'loopback')
    return refuse(note('UnknownUpstream', { value: JSON.stringify(upstream) }))
  const text = annotations[ANNOTATION.wafPorts]
  const listed = text === undefined ? undefined : parsePortAnnotation(text)
  if (listed !== undefined && 'fault' in listed)
    return refuse(note('BadPorts', { value: JSON.stringify(text), fault: listed.fault }))

  const captures = chooseCaptures(entries, listed, wish.itself)
  const obstacle = obstacleOf(pod.spec)
  // A Pod with nothing to protect is not refused for what would stand in the way of protecting it.
  if ('problem' in captures && kindOf(captures.problem) === 'nothing') {
    return without(wish.itself && obstacle ? obstacle : captures.problem, wish, input)
  }
  if (obstacle !== undefined) return without(obstacle, wish, input)
  if ('problem' in captures) return without(captures.problem, wish, input)

  const rounds = podRounds(captures.captures, pod.metadata?.labels ?? {}, input.services, input.networkPolicies)
  if (wish.mode === 'block' && rounds[0] !== undefined) return refuse(rounds[0])
  const notes = [...wish.notes, ...captures.notes, ...rounds]
  return { kind: 'carry', mode: wish.mode, from: wish.from, captures, notes }
}

/** Decides. */
export function planFor(
  pod: WellFormed,
  input: InjectInput,
): { readonly entries: readonly Entry[]; readonly plan: Plan } {
  const entries = entriesOf(pod)
  const misused = misuse(pod, entries)
  if (misused !== undefined) return { entries, plan: refuse(misused) }
  const { labels, name } = input.namespace
  const wish = wishOf(pod.metadata?.labels ?? {}, labels, input.settings, name)
  switch (wish.kind) {
    case 'unknown':
      return { entries, plan: refuse(wish.note) }
    case 'unasked':
      return { entries, plan: { kind: 'bare', note: note('NotAsked') } }
    case 'off':
      return { entries, plan: { kind: 'bare', note: note('Off') } }
    case 'mode':
      return { entries, plan: captureOrNot(pod, entries, wish, input) }
  }
}
