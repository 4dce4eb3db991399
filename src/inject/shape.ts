/**
 * Whether an object has the form of a Pod as far as this room reads it. From the API server it always has; from a file, or from somebody
 * who talks to the webhook himself, it may have any. Everything not looked at here is never read.
 */
import type { Pod } from '../api/kube.ts'
import { type Note, note } from './note.ts'

type Unknown = Record<string, unknown>
const isObject = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const absent = (value: unknown): boolean => value === undefined || value === null

interface Fault {
  readonly path: string
  readonly expected: string
}

const texts = (value: unknown, path: string): Fault | undefined => {
  if (absent(value)) return undefined
  if (!isObject(value)) return { path, expected: 'a map' }
  const bad = Object.keys(value).find((key) => typeof value[key] !== 'string')
  return bad === undefined ? undefined : { path: `${path}.${bad}`, expected: 'a text' }
}

function list(value: unknown, path: string, each: (item: Unknown, at: string) => Fault | undefined): Fault | undefined {
  if (absent(value)) return undefined
  if (!Array.isArray(value)) return { path, expected: 'a list' }
  for (const [i, item] of value.entries()) {
    const at = `${path}[${i}]`
    const fault = isObject(item) ? each(item, at) : { path: at, expected: 'a map' }
    if (fault !== undefined) return fault
  }
  return undefined
}

const text = (item: Unknown, key: string, path: string): Fault | undefined =>
  absent(item[key]) || typeof item[key] === 'string' ? undefined : { path: `${path}.${key}`, expected: 'a text' }

const port = (item: Unknown, path: string): Fault | undefined => {
  const { containerPort } = item
  if (!Number.isInteger(containerPort)) return { path: `${path}.containerPort`, expected: 'a whole number' }
  return text(item, 'name', path) ?? text(item, 'protocol', path)
}

const named = (item: Unknown, path: string): Fault | undefined => text(item, 'name', path)

const container = (item: Unknown, path: string): Fault | undefined =>
  named(item, path) ??
  text(item, 'restartPolicy', path) ??
  list(item['ports'], `${path}.ports`, port) ??
  list(item['volumeMounts'], `${path}.volumeMounts`, named) ??
  list(item['volumeDevices'], `${path}.volumeDevices`, named) ??
  list(item['env'], `${path}.env`, named)

function faultOf(pod: unknown): Fault | undefined {
  if (!isObject(pod)) return { path: 'object', expected: 'a map' }
  const { metadata, spec } = pod
  if (!absent(metadata) && !isObject(metadata)) return { path: 'metadata', expected: 'a map' }
  const meta = (metadata ?? {}) as Unknown
  if (!isObject(spec)) return { path: 'spec', expected: 'a map' }
  if (!Array.isArray(spec['containers'])) return { path: 'spec.containers', expected: 'a list' }
  const os = spec['os']
  if (!absent(os) && !isObject(os)) return { path: 'spec.os', expected: 'a map' }
  return (
    texts(meta['labels'], 'metadata.labels') ??
    texts(meta['annotations'], 'metadata.annotations') ??
    list(spec['containers'], 'spec.containers', container) ??
    list(spec['initContainers'], 'spec.initContainers', container) ??
    list(spec['ephemeralContainers'], 'spec.ephemeralContainers', container) ??
    list(spec['volumes'], 'spec.volumes', named) ??
    list(spec['imagePullSecrets'], 'spec.imagePullSecrets', named) ??
    list(spec['tolerations'], 'spec.tolerations', () => undefined) ??
    texts(spec['nodeSelector'], 'spec.nodeSelector') ??
    text(spec, 'runtimeClassName', 'spec')
  )
}

export type WellFormed = Pod & { spec: NonNullable<Pod['spec']> }

/** The Pod, or what is wrong with its form. */
export function readPod(object: unknown): { readonly pod: WellFormed } | { readonly fault: Note } {
  const fault = faultOf(object)
  return fault === undefined ? { pod: object as WellFormed } : { fault: note('Malformed', { ...fault }) }
}
