/** What is known of a namespace that asks for protection. */
import type { Override } from '../overrides.ts'
import type { CoveredCondition } from './condition.ts'
import type { Area } from './reach.ts'
import type { KeptNamespace } from './views.ts'

export interface NamespaceEntry {
  readonly view: KeptNamespace
  readonly protection: 'true' | 'audit'
  readonly area: Area
  readonly overrides: readonly Override[]
  /** As it stands in the annotation. */
  readonly is: CoveredCondition | undefined
  readonly should: CoveredCondition
}

/** `break-glass until 2030-01-01T00:00:00Z`. */
export const openText = ({ key, until }: Override): string =>
  `${key.slice(key.indexOf('/') + 1)} until ${new Date(until).toISOString().replace(/\.\d+Z$/, 'Z')}`
