/**
 * What a request about a namespace means to the guard, before anything is looked up.
 * Judged are CREATE and those UPDATEs that add, change or take away `sekisho.dev/*` keys or weaken Pod Security. All the rest passes, so
 * that a later loss of coverage never makes a namespace unchangeable.
 */
import type { KubeObject, UserInfo } from '../api/kube.ts'
import { ANNOTATION, KEY_PREFIX, LABEL } from '../api/names.ts'
import type { GuardSettings } from '../config/webhook.ts'
import {
  type Fault,
  get,
  type Keys,
  overridesIn,
  type Reading,
  unknownKeys,
  weakerLabels,
  wrongSelector,
  wrongValues,
} from './namespace-keys.ts'
import { nodeSelectorAnnotations } from './node-selector.ts'
import type { Override } from './overrides.ts'
import { forbidsHostNetwork, weakens } from './pod-security.ts'
import { cleansUp } from './users.ts'
import type { Words } from './wording.ts'

export interface NamespaceRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly object: KubeObject | null
  readonly oldObject: KubeObject | null
  readonly user: UserInfo
  readonly settings: Pick<GuardSettings, 'podNodeSelector' | 'allowUncoveredHours' | 'breakGlassHours'>
  readonly now: number
}

export type NamespaceChange =
  | { readonly kind: 'pass'; readonly detail: string }
  | {
      readonly kind: 'judge'
      readonly name: string
      readonly exists: boolean
      readonly labels: Keys
      readonly annotations: Keys
      readonly protection: 'true' | 'audit' | 'none'
      /** Whether coverage, Pod Security and the Pods there are asked about. */
      readonly conditions: boolean
      /** What the change takes away, each a clause; not empty: the user must have the right to open. */
      readonly openings: readonly string[]
      readonly faults: readonly Fault[]
      readonly warnings: readonly Words[]
      /** The overrides, where they are used. */
      readonly overrides: readonly Override[]
    }

const labelsOf = (object: KubeObject | null): Keys => object?.metadata?.labels ?? {}
const annotationsOf = (object: KubeObject | null): Keys => object?.metadata?.annotations ?? {}
/** Reads a request. */
export function namespaceChange(request: NamespaceRequest): NamespaceChange {
  const { operation, object, oldObject, settings } = request
  if (operation !== 'CREATE' && operation !== 'UPDATE') return pass('it is being deleted')
  if (cleansUp(request.user)) return pass('the namespace controller and the garbage collector are always let through')
  if (object?.metadata?.deletionTimestamp || oldObject?.metadata?.deletionTimestamp) return pass('it is being deleted')
  const exists = operation === 'UPDATE'
  const old = exists ? oldObject : null
  const now = { labels: labelsOf(object), annotations: annotationsOf(object) }
  const before = { labels: labelsOf(old), annotations: annotationsOf(old) }
  const differs = (kind: 'labels' | 'annotations', key: string) => get(now[kind], key) !== get(before[kind], key)
  const changed = (['labels', 'annotations'] as const).flatMap((kind) =>
    [...new Set([...Object.keys(now[kind]), ...Object.keys(before[kind])])].filter(
      // What the guard tells of a namespace changes nothing of it.
      (key) => key.startsWith(KEY_PREFIX) && key !== ANNOTATION.coverage && differs(kind, key),
    ),
  )
  const value = get(now.labels, LABEL.protected)
  const protection = value === 'true' || value === 'audit' ? value : 'none'
  const selectorKeys = settings.podNodeSelector ? nodeSelectorAnnotations : [ANNOTATION.nodeSelector]
  const reachChanges = protection !== 'none' && selectorKeys.some((key) => differs('annotations', key))
  const weaker = exists && protection !== 'none' && weakens(before.labels, now.labels)
  if (changed.length === 0 && !reachChanges && !weaker) return pass('it changes no key of ours and weakens nothing')

  const name = object?.metadata?.name || `${object?.metadata?.generateName ?? ''}…`
  const conditions = protection !== 'none' && (differs('labels', LABEL.protected) || reachChanges)
  const reading: Reading = { name, exists, now, before, differs, conditions }
  const values = wrongValues(reading)
  const { overrides, faults } = overridesIn(reading, request)
  const openings = weakerLabels(reading)
  // A newly protected namespace is judged by its new level instead.
  if (weaker && protection === 'true' && get(before.labels, LABEL.protected) === 'true')
    openings.push(
      forbidsHostNetwork(now.labels) ? 'weakens the Pod Security level' : 'lets Pods use hostNetwork (Pod Security)',
    )
  if (protection === 'true') openings.push(...overrides.map(({ key }) => `sets ${key}`))
  const present = changed.filter((key) => key in now.labels || key in now.annotations)
  return {
    kind: 'judge',
    name,
    exists,
    ...now,
    protection,
    conditions,
    openings,
    faults: [...values.faults, ...wrongSelector(reading), ...faults],
    warnings: [...values.warnings, ...unknownKeys(name, present)],
    overrides,
  }
}

const pass = (detail: string): NamespaceChange => ({ kind: 'pass', detail })
