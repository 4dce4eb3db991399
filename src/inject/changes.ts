/**
 * The operations that turn a Pod into what it should be. Each step writes only what differs, so a Pod that is already right gets none,
 * and a Pod that carries forged or outdated pieces gets exactly those replaced.
 *
 *   rename ports, probes by number → take ours out → put ours in → volumes → the rest
 *
 * Indexes in the first two steps are those of the incoming object; the second counts down, so no removal moves another.
 */
import type { Container, Pod } from '../api/kube.ts'
import { ANNOTATION } from '../api/names.ts'
import type { Capture } from './captures.ts'
import { type Entry, isReserved, type ListKey, movedName } from './entries.ts'
import { PatchWriter, type Path } from './patch.ts'
import { differenceOf, type Tolerance } from './same.ts'
import type { WellFormed } from './shape.ts'
import type { Sidecars } from './sidecars.ts'

export interface Wanted {
  readonly captures: readonly Capture[]
  /** Undefined for a Pod that gets no WAF: then only what is ours, or forged, is taken out. */
  readonly sidecars?: Sidecars
  readonly status?: string
  readonly nodeSelector: readonly (readonly [string, string])[]
  readonly imagePullSecrets: readonly string[]
}

export const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container'
const LISTS = ['containers', 'initContainers'] as const

/** Probes and hooks that can hold a port, each with the way to its action. */
const ACTIONS: readonly Path[] = [
  ['readinessProbe'],
  ['livenessProbe'],
  ['startupProbe'],
  ['lifecycle', 'postStart'],
  ['lifecycle', 'preStop'],
]

const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((it, key) => (it as Record<string, unknown> | null | undefined)?.[key], value)

function renamePorts(patch: PatchWriter, entries: readonly Entry[], captures: readonly Capture[]): void {
  const captured = new Set(captures.flatMap(({ entries: own }) => own))
  for (const entry of entries) {
    if (entry.name === undefined) continue
    const wanted = captured.has(entry) ? movedName(entry.port) : entry.name
    if (wanted === entry.present) continue
    patch.replace(['spec', entry.list, entry.container, 'ports', entry.index, 'name'], wanted)
  }
}

/** The kubelet looks a probe's port name up in the probe's own container, where the name is now another one. */
function numberProbes(patch: PatchWriter, pod: WellFormed, captures: readonly Capture[]): void {
  const moved = new Map<string, Map<string, number>>()
  for (const { name: taken, entries } of captures)
    for (const { list, container, name, present, port } of entries) {
      if (present === undefined) continue
      const key = `${list}/${container}`
      const ports = moved.get(key) ?? new Map<string, number>()
      moved.set(key, ports)
      // The name at the WAF counts as well: probes may have been written anew since the entry was renamed. The first of a name wins.
      for (const used of [name ?? taken, taken]) if (!ports.has(used)) ports.set(used, port)
    }
  for (const [key, ports] of moved) {
    const [list, index] = key.split('/') as [ListKey, string]
    const container = pod.spec[list]?.[Number(index)]
    for (const way of ACTIONS) {
      const holder = at(container, way) as Record<string, { port?: unknown } | null> | null | undefined
      if (holder === undefined || holder === null) continue
      for (const action of ['httpGet', 'tcpSocket']) {
        const number = ports.get(holder[action]?.port as string)
        if (number !== undefined) patch.replace(['spec', list, Number(index), ...way, action, 'port'], number)
      }
    }
  }
}

/** What keeps the Pod's list from being right: it begins with our two, and nothing else bears such a name. */
function misplaced(pod: WellFormed, sidecars: Sidecars, tolerance: Tolerance): string | undefined {
  const init = pod.spec.initContainers ?? []
  for (const [i, wanted] of sidecars.containers.entries()) {
    const there = init[i]?.name === wanted.name
    const difference = there ? differenceOf(init[i], wanted, tolerance) : ' is not in its place'
    if (difference !== undefined) return `${wanted.name}${difference}`
  }
  const others = [...pod.spec.containers, ...init.slice(sidecars.containers.length)]
  const other = others.find(({ name }) => isReserved(name))
  return other && `a further container ${other.name}`
}

function placeContainers(
  patch: PatchWriter,
  pod: WellFormed,
  sidecars: Sidecars | undefined,
  tolerance: Tolerance,
): void {
  if (sidecars !== undefined) {
    const difference = misplaced(pod, sidecars, tolerance)
    if (difference === undefined) return
    patch.differences.push(difference)
  }
  for (const list of LISTS) {
    const containers: readonly Container[] = pod.spec[list] ?? []
    for (let i = containers.length - 1; i >= 0; i--)
      if (isReserved(containers[i]?.name)) patch.remove(['spec', list, i])
  }
  if (sidecars === undefined) return
  if (!Array.isArray(pod.spec.initContainers)) patch.add(['spec', 'initContainers'], [])
  for (const container of sidecars.containers.toReversed()) patch.add(['spec', 'initContainers', 0], container)
}

function placeVolumes(patch: PatchWriter, pod: WellFormed, wanted: Sidecars['volumes'], tolerance: Tolerance): void {
  const volumes = pod.spec.volumes ?? []
  const kept = new Set<string>()
  for (let i = volumes.length - 1; i >= 0; i--) {
    const volume = volumes[i]!
    if (!isReserved(volume.name)) continue
    const ours = wanted.find(({ name }) => name === volume.name)
    if (ours !== undefined && !kept.has(ours.name) && differenceOf(volume, ours, tolerance) === undefined)
      kept.add(ours.name)
    else patch.remove(['spec', 'volumes', i])
  }
  const missing = wanted.filter(({ name }) => !kept.has(name))
  if (missing.length > 0 && !Array.isArray(pod.spec.volumes)) patch.add(['spec', 'volumes'], [])
  for (const volume of missing) patch.add(['spec', 'volumes', '-'], volume)
}

function addMissing(patch: PatchWriter, pod: WellFormed, { nodeSelector, imagePullSecrets }: Wanted): void {
  const present = pod.spec['imagePullSecrets'] as { name?: string }[] | null | undefined
  const names = new Set((present ?? []).map(({ name }) => name))
  const secrets = [...new Set(imagePullSecrets)].filter((name) => !names.has(name))
  if (secrets.length > 0 && !Array.isArray(present)) patch.add(['spec', 'imagePullSecrets'], [])
  for (const name of secrets) patch.add(['spec', 'imagePullSecrets', '-'], { name })

  if (nodeSelector.length > 0 && !pod.spec['nodeSelector']) patch.add(['spec', 'nodeSelector'], {})
  for (const [key, value] of nodeSelector) patch.add(['spec', 'nodeSelector', key], value)
}

function annotate(patch: PatchWriter, pod: Pod, wanted: Wanted): void {
  const present = pod.metadata?.annotations ?? {}
  const status = present[ANNOTATION.status]
  const add: [string, string][] = []
  if (wanted.status !== undefined && wanted.status !== status) add.push([ANNOTATION.status, wanted.status])
  const app = pod.spec?.containers.find(({ name }) => typeof name === 'string' && name !== '' && !isReserved(name))
  if (wanted.sidecars !== undefined && app !== undefined && !present[DEFAULT_CONTAINER])
    add.push([DEFAULT_CONTAINER, app.name])
  if (add.length > 0) {
    if (!pod.metadata) patch.add(['metadata'], {})
    if (!pod.metadata?.annotations) patch.add(['metadata', 'annotations'], {})
    for (const [key, value] of add) patch.add(['metadata', 'annotations', key], value)
  }
  if (wanted.status === undefined && status !== undefined) patch.remove(['metadata', 'annotations', ANNOTATION.status])
}

/** All operations, in order. */
export function changesFor(
  pod: WellFormed,
  entries: readonly Entry[],
  wanted: Wanted,
  tolerance: Tolerance,
): PatchWriter {
  const patch = new PatchWriter()
  renamePorts(patch, entries, wanted.captures)
  numberProbes(patch, pod, wanted.captures)
  placeContainers(patch, pod, wanted.sidecars, tolerance)
  placeVolumes(patch, pod, wanted.sidecars?.volumes ?? [], tolerance)
  addMissing(patch, pod, wanted)
  annotate(patch, pod, wanted)
  return patch
}
