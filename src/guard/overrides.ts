/**
 * What a namespace opens for a time, by annotations that need the right to open:
 *
 *   sekisho.dev/allow-uncovered   it is admitted, and its Pods come to nodes, while these are blind
 *   sekisho.dev/break-glass       the same, and its Pods leave its node selector and tolerate our taint; a day at most, and an alert
 *
 * Neither opens hostNetwork, nor the WAF. Each counts by the clock of the moment it is asked about: what is over, or cannot be read, opens
 * nothing.
 */
import { ANNOTATION } from '../api/names.ts'
import type { NamespaceView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import type { ReasonCode } from './reasons.ts'
import { type Limited, parseLimited } from './time-limit.ts'
import { line } from './wording.ts'

export interface Override {
  readonly key: typeof ANNOTATION.allowUncovered | typeof ANNOTATION.breakGlass
  readonly why: string
  /** ms since the epoch. */
  readonly until: number
}

export type OverrideSettings = Pick<GuardSettings, 'allowUncoveredHours' | 'breakGlassHours'>

/** The annotations and how many hours ahead each may end. The wider one comes first. */
export const overrideLimits = (settings: OverrideSettings) =>
  [
    [ANNOTATION.breakGlass, settings.breakGlassHours],
    [ANNOTATION.allowUncovered, settings.allowUncoveredHours],
  ] as const

/** Reads one of them; undefined where it is not set. */
export function readOverride(
  annotations: NamespaceView['annotations'],
  key: Override['key'],
  now: number,
  hours: number,
): Limited | undefined {
  const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined
  return text === undefined ? undefined : parseLimited(text, now, hours)
}

/** Those that hold now, the wider one first. */
export const overridesOf = (
  { annotations }: Pick<NamespaceView, 'annotations'>,
  settings: OverrideSettings,
  now: number,
): readonly Override[] =>
  overrideLimits(settings).flatMap(([key, hours]) => {
    const read = readOverride(annotations, key, now, hours)
    return read?.ok ? [{ key, why: read.why, until: read.until }] : []
  })

/** True while the glass is broken. */
export const glassBroken = (overrides: readonly Override[]): boolean =>
  overrides.some(({ key }) => key === ANNOTATION.breakGlass)

const BY_BROKEN_GLASS = new Set<ReasonCode>(['NodeNotSelected', 'ToleratesIdsTaint'])
/** What is let by: blindness by either; what keeps Pods to nodes by a broken glass alone; and nothing else. */
export const waives = (overrides: readonly Override[], { code }: { readonly code: ReasonCode }): boolean =>
  code === 'NodeBlind' ? overrides.length > 0 : BY_BROKEN_GLASS.has(code) && glassBroken(overrides)

/** Which of the two let it by. */
export const waivedReason = (overrides: readonly Override[]): 'GlassBroken' | 'UncoveredAllowed' =>
  glassBroken(overrides) ? 'GlassBroken' : 'UncoveredAllowed'

const OPENS: Readonly<Record<Override['key'], string>> = {
  [ANNOTATION.breakGlass]: 'its Pods may run on blind nodes and outside its node selector',
  [ANNOTATION.allowUncovered]: 'its Pods may run on blind nodes',
}

/** Told at each admission while it lasts. */
export const overrideWarning = (namespace: string, { key, why, until }: Override): string =>
  line(
    `namespace ${namespace}: ${key} holds until ${new Date(until).toISOString()} (${why}): ${OPENS[key]}; to mend: kubectl annotate namespace ${namespace} ${key}-`,
  )
