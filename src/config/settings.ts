/**
 * The settings of a schema as a flat list: `inject.resources.waf.limits.cpu`, its type in words, its default and its
 * sentence. `sekisho config check` explains with it, errors name keys from it, and a test compares the reference page.
 */
import type { z } from 'zod'

export interface Setting {
  readonly path: readonly string[]
  /** What values are allowed, in words: `whole number 1…4`, `block | detect`. */
  readonly type: string
  readonly sentence: string
  /** Absent where the setting must be given. */
  readonly fallback?: unknown
}

/** The parts of zod's definition that are read here; it is zod's documented introspection (`schema.def`). */
interface Definition {
  type: string
  innerType?: Schema
  shape?: Record<string, Schema>
  element?: Schema
  entries?: Record<string, string>
  defaultValue?: unknown
  /** `safeint` of a whole number. */
  format?: string
}
interface Schema {
  def: Definition
  description?: string
  minValue?: number | null
  maxValue?: number | null
}

const unwrap = (schema: Schema): Schema =>
  (schema.def.type === 'default' || schema.def.type === 'prefault') && schema.def.innerType
    ? unwrap(schema.def.innerType)
    : schema

const inWords = (schema: Schema): string => {
  const { def } = unwrap(schema)
  if (def.type === 'enum') return Object.values(def.entries ?? {}).join(' | ')
  // The one thing we read through a preprocessor is a quantity, which may be a bare number.
  if (def.type === 'pipe') return 'quantity'
  if (def.type === 'array') return `list of ${inWords(def.element as Schema)}s`
  if (def.type === 'number') {
    const { minValue, maxValue } = unwrap(schema)
    const max = maxValue === Number.MAX_SAFE_INTEGER ? null : maxValue
    const kind = def.format === 'safeint' ? 'whole number' : 'number'
    return `${kind}${minValue == null ? '' : max == null ? ` from ${minValue}` : ` ${minValue}…${max}`}`
  }
  return def.type === 'boolean' ? 'true | false' : def.type
}

/** Every leaf of the schema, in the order it is written in. */
export const settingsOf = (schema: z.ZodType, path: readonly string[] = []): Setting[] => {
  const outer = schema as unknown as Schema
  const { def } = unwrap(outer)
  if (def.shape) {
    return Object.entries(def.shape).flatMap(([key, child]) =>
      settingsOf(child as unknown as z.ZodType, [...path, key]),
    )
  }
  return [
    {
      path,
      type: inWords(outer),
      sentence: outer.description ?? '',
      ...(outer.def.type === 'default' ? { fallback: outer.def.defaultValue } : {}),
    },
  ]
}

/** Every key that may stand in a file, with those of the groups between: `inject`, `inject.resources`, … */
export const knownKeys = (settings: readonly Setting[]): string[] => [
  ...new Set(settings.flatMap(({ path }) => path.map((_, i) => path.slice(0, i + 1).join('.')))),
]
