/**
 * What a request about a namespace means to the guard, before anything is looked up.
 * Judged are CREATE and those UPDATEs that add, change or take away `sekisho.dev/*` keys or weaken Pod Security. All the rest passes, so
 * that a later loss of coverage never makes a namespace unchangeable.
 */
import type { KubeObject, UserInfo } from '../api/kube.ts'
import { ANNOTATION, KEY_PREFIX, LABEL } from '../api/names.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { type AllowUncovered, parseAllowUncovered } from './allow-uncovered.ts'
import { nodeSelectorAnnotations, parseNodeSelector } from './node-selector.ts'
import { forbidsHostNetwork, weakens } from './pod-security.ts'
import type { ReasonCode } from './reasons.ts'
import { cleansUp } from './users.ts'
import type { Words } from './wording.ts'

export interface NamespaceRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly object: KubeObject | null
  readonly oldObject: KubeObject | null
  readonly user: UserInfo
  readonly settings: Pick<GuardSettings, 'podNodeSelector' | 'allowUncoveredHours'>
  readonly now: number
}

export type Fault = Words & { readonly code: ReasonCode }

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
      /** The override, where it is used. */
      readonly override: Extract<AllowUncovered, { ok: true }> | null
    }

type Keys = Readonly<Record<string, string>>
const VALUES: Readonly<Record<string, readonly string[]>> = {
  [LABEL.protected]: ['true', 'audit'],
  [LABEL.waf]: ['block', 'detect'],
}
const KNOWN = new Set<string>([...Object.keys(VALUES), ANNOTATION.nodeSelector, ANNOTATION.allowUncovered])
/** How much a value holds: less than before is an opening. Unknown values hold nothing. */
const STRENGTH: Readonly<Record<string, number>> = { audit: 1, true: 2, detect: 1, block: 2 }
const strength = (value: string | undefined): number =>
  value !== undefined && Object.hasOwn(STRENGTH, value) ? (STRENGTH[value] ?? 0) : 0

const labelsOf = (object: KubeObject | null): Keys => object?.metadata?.labels ?? {}
const annotationsOf = (object: KubeObject | null): Keys => object?.metadata?.annotations ?? {}
const get = (keys: Keys, key: string): string | undefined => (Object.hasOwn(keys, key) ? keys[key] : undefined)
const quote = (value: string | undefined): string => JSON.stringify((value ?? '').slice(0, 80))

/** Reads a request. */
export function namespaceChange(request: NamespaceRequest): NamespaceChange {
  const { operation, object, oldObject, settings } = request
  if (operation !== 'CREATE' && operation !== 'UPDATE') return pass('it is being deleted')
  if (cleansUp(request.user)) return pass('the namespace controller and the garbage collector are always let through')
  if (object?.metadata?.deletionTimestamp || oldObject?.metadata?.deletionTimestamp) return pass('it is being deleted')
  const now = { labels: labelsOf(object), annotations: annotationsOf(object) }
  const before =
    operation === 'CREATE'
      ? { labels: {}, annotations: {} }
      : { labels: labelsOf(oldObject), annotations: annotationsOf(oldObject) }
  const differs = (kind: 'labels' | 'annotations', key: string) => get(now[kind], key) !== get(before[kind], key)
  const ours = (kind: 'labels' | 'annotations') =>
    [...new Set([...Object.keys(now[kind]), ...Object.keys(before[kind])])].filter((key) => key.startsWith(KEY_PREFIX))
  const changed = [
    ...ours('labels').filter((key) => differs('labels', key)),
    ...ours('annotations').filter((key) => differs('annotations', key)),
  ]
  const value = get(now.labels, LABEL.protected)
  const protection = value === 'true' || value === 'audit' ? value : 'none'
  const selectorKeys = settings.podNodeSelector ? nodeSelectorAnnotations : [ANNOTATION.nodeSelector]
  const reachChanges = protection !== 'none' && selectorKeys.some((key) => differs('annotations', key))
  const wasProtected = get(before.labels, LABEL.protected) === 'true'
  const weaker = protection !== 'none' && operation === 'UPDATE' && weakens(before.labels, now.labels)
  if (changed.length === 0 && !reachChanges && !weaker) return pass('it changes no key of ours and weakens nothing')

  const conditions = protection !== 'none' && (differs('labels', LABEL.protected) || reachChanges)
  const faults: Fault[] = []
  const warnings: Words[] = []
  const openings: string[] = []
  const name = object?.metadata?.name || `${object?.metadata?.generateName ?? ''}…`
  const exists = operation === 'UPDATE'

  for (const [key, allowed] of Object.entries(VALUES)) {
    const is = get(now.labels, key)
    if (strength(is) < strength(get(before.labels, key)))
      openings.push(
        is === undefined ? `takes ${key} away` : `sets ${key} from ${quote(get(before.labels, key))} to ${quote(is)}`,
      )
    if (is === undefined || allowed.includes(is)) continue
    const words = {
      what: `namespace ${name}${differs('labels', key) ? ' is refused' : ''}: the label ${key} cannot be ${quote(is)}`,
      why: `it is one of ${allowed.map(quote).join(', ')}${key === LABEL.waf && is === 'off' ? '; "off" is for single Pods' : ''}`,
      mend: exists
        ? `kubectl label namespace ${name} --overwrite ${key}=${allowed[0]}`
        : `write ${key}: ${quote(allowed[0])} under metadata.labels`,
    }
    if (differs('labels', key)) faults.push({ code: 'InvalidValue', ...words })
    else warnings.push(words)
  }
  const selector = get(now.annotations, ANNOTATION.nodeSelector)
  if (
    selector !== undefined &&
    parseNodeSelector(selector) === null &&
    (differs('annotations', ANNOTATION.nodeSelector) || conditions)
  )
    faults.push({
      code: 'InvalidNodeSelector',
      what: `namespace ${name} is refused: the annotation ${ANNOTATION.nodeSelector} cannot be ${quote(selector)}`,
      why: 'it must be a list of key=value',
      mend: exists
        ? `kubectl annotate namespace ${name} --overwrite ${ANNOTATION.nodeSelector}=pool=web`
        : `write ${ANNOTATION.nodeSelector}: pool=web under metadata.annotations`,
    })
  for (const key of changed.filter((key) => !KNOWN.has(key) && (key in now.labels || key in now.annotations)))
    warnings.push({
      what: `namespace ${name}: Sekisho knows no key ${key}`,
      why: `a namespace takes the labels ${Object.keys(VALUES).join(', ')} and the annotations ${ANNOTATION.nodeSelector}, ${ANNOTATION.allowUncovered}`,
      mend: 'correct the key, or take it away',
    })
  // A weaker level that still forbids hostNetwork weakens all the same; a newly protected namespace is judged by its new level instead.
  if (weaker && wasProtected && protection === 'true')
    openings.push(
      forbidsHostNetwork(now.labels) ? 'weakens the Pod Security level' : 'lets Pods use hostNetwork (Pod Security)',
    )

  // The annotation may have been put there while no label of ours was, where the webhook sees nothing: so it is checked when it is used.
  const overrideText = get(now.annotations, ANNOTATION.allowUncovered)
  let override: Extract<AllowUncovered, { ok: true }> | null = null
  if (overrideText !== undefined && (differs('annotations', ANNOTATION.allowUncovered) || conditions)) {
    const parsed = parseAllowUncovered(overrideText, request.now, settings.allowUncoveredHours)
    if (parsed.ok) {
      override = parsed
      if (protection === 'true') openings.push(`sets ${ANNOTATION.allowUncovered}`)
    } else
      faults.push({
        code: 'InvalidAllowUncovered',
        what: `namespace ${name} is refused: the annotation ${ANNOTATION.allowUncovered} does not hold`,
        why: parsed.fault,
        mend: exists
          ? `kubectl annotate namespace ${name} ${ANNOTATION.allowUncovered}-`
          : `take it out of metadata.annotations, or write {"why":"…","until":"2030-01-01T00:00:00Z"} with a time at most ${settings.allowUncoveredHours} h ahead`,
      })
  }
  return { kind: 'judge', name, exists, ...now, protection, conditions, openings, faults, warnings, override }
}

const pass = (detail: string): NamespaceChange => ({ kind: 'pass', detail })
