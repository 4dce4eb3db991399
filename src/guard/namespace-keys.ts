/** The keys of ours on a namespace: what each may be, how much it holds, and what is wrong with what stands there. */
import { ANNOTATION, LABEL } from '../api/names.ts'
import { parseNodeSelector } from './node-selector.ts'
import { type Override, type OverrideSettings, overrideLimits, readOverride } from './overrides.ts'
import type { ReasonCode } from './reasons.ts'
import type { Words } from './wording.ts'

export type Fault = Words & { readonly code: ReasonCode }

export type Keys = Readonly<Record<string, string>>
const VALUES: Readonly<Record<string, readonly string[]>> = {
  [LABEL.protected]: ['true', 'audit'],
  [LABEL.waf]: ['block', 'detect'],
}
const ANNOTATIONS = [ANNOTATION.nodeSelector, ANNOTATION.allowUncovered, ANNOTATION.breakGlass] as const
const KNOWN = new Set<string>([...Object.keys(VALUES), ...ANNOTATIONS])
/** How much a value holds: less than before is an opening. Unknown values hold nothing. */
const STRENGTH: Readonly<Record<string, number>> = { audit: 1, true: 2, detect: 1, block: 2 }
const strength = (value: string | undefined): number =>
  value !== undefined && Object.hasOwn(STRENGTH, value) ? (STRENGTH[value] ?? 0) : 0

/** An own key only: `constructor` is no label. */
export const get = (keys: Keys, key: string): string | undefined => (Object.hasOwn(keys, key) ? keys[key] : undefined)
const quote = (value: string | undefined): string => JSON.stringify((value ?? '').slice(0, 80))

/** Both objects of a request, and what differs between them. */
export interface Reading {
  readonly name: string
  readonly exists: boolean
  readonly now: { readonly labels: Keys; readonly annotations: Keys }
  readonly before: { readonly labels: Keys; readonly annotations: Keys }
  readonly differs: (kind: 'labels' | 'annotations', key: string) => boolean
  readonly conditions: boolean
}

/** Labels that hold less than they did. */
export function weakerLabels({ now, before }: Reading): string[] {
  return Object.keys(VALUES).flatMap((key) => {
    const is = get(now.labels, key)
    const was = get(before.labels, key)
    if (strength(is) >= strength(was)) return []
    return [is === undefined ? `takes ${key} away` : `sets ${key} from ${quote(was)} to ${quote(is)}`]
  })
}

/** Values outside the table: a fault where they are new; only told where they were there before us. */
export function wrongValues({ name, exists, now, differs }: Reading): { faults: Fault[]; warnings: Words[] } {
  const faults: Fault[] = []
  const warnings: Words[] = []
  for (const [key, allowed] of Object.entries(VALUES)) {
    const is = get(now.labels, key)
    if (is === undefined || allowed.includes(is)) continue
    const hint = key === LABEL.waf && is === 'off' ? '; "off" is for single Pods' : ''
    const words = {
      what: `namespace ${name}${differs('labels', key) ? ' is refused' : ''}: the label ${key} cannot be ${quote(is)}`,
      why: `it is one of ${allowed.map(quote).join(', ')}${hint}`,
      mend: exists
        ? `kubectl label namespace ${name} --overwrite ${key}=${allowed[0]}`
        : `write ${key}: ${quote(allowed[0])} under metadata.labels`,
    }
    if (differs('labels', key)) faults.push({ code: 'InvalidValue', ...words })
    else warnings.push(words)
  }
  return { faults, warnings }
}

/** A node selector that cannot be read. */
export function wrongSelector({ name, exists, now, differs, conditions }: Reading): Fault[] {
  const key = ANNOTATION.nodeSelector
  const text = get(now.annotations, key)
  if (text === undefined || parseNodeSelector(text) !== null || !(differs('annotations', key) || conditions)) return []
  return [
    {
      code: 'InvalidNodeSelector',
      what: `namespace ${name} is refused: the annotation ${key} cannot be ${quote(text)}`,
      why: 'it must be a list of key=value',
      mend: exists
        ? `kubectl annotate namespace ${name} --overwrite ${key}=pool=web`
        : `write ${key}: pool=web under metadata.annotations`,
    },
  ]
}

/** A key with our prefix that means nothing is most likely a slip that leaves the namespace unprotected. */
export const unknownKeys = (name: string, keys: readonly string[]): Words[] =>
  keys
    .filter((key) => !KNOWN.has(key))
    .map((key) => ({
      what: `namespace ${name}: Sekisho knows no key ${key}`,
      why: `a namespace takes the labels ${Object.keys(VALUES).join(', ')} and the annotations ${ANNOTATIONS.join(', ')}`,
      mend: 'correct the key, or take it away',
    }))

const FAULTS = {
  [ANNOTATION.breakGlass]: 'InvalidBreakGlass',
  [ANNOTATION.allowUncovered]: 'InvalidAllowUncovered',
} as const

/**
 * The overrides, checked when one is set and again when it is used: it may have been put there while the namespace bore no label of ours,
 * where the webhook sees nothing.
 */
export function overridesIn(
  { name, exists, now, differs, conditions }: Reading,
  { settings, now: time }: { readonly settings: OverrideSettings; readonly now: number },
): { overrides: Override[]; faults: Fault[] } {
  const overrides: Override[] = []
  const faults: Fault[] = []
  for (const [key, hours] of overrideLimits(settings)) {
    if (!(differs('annotations', key) || conditions)) continue
    const read = readOverride(now.annotations, key, time, hours)
    if (read?.ok) overrides.push({ key, why: read.why, until: read.until })
    else if (read !== undefined)
      faults.push({
        code: FAULTS[key],
        what: `namespace ${name} is refused: the annotation ${key} does not hold`,
        why: read.fault,
        mend: exists
          ? `kubectl annotate namespace ${name} ${key}-`
          : `take it out of metadata.annotations, or write {"why":"…","until":"2030-01-01T00:00:00Z"} with a time at most ${hours} h ahead`,
      })
  }
  return { overrides, faults }
}
