/**
 * What is kept in ConfigMaps: read with care, printed so that equal state has equal bytes.
 *
 *     none     there is nothing yet: begin with the empty state
 *     read     take it
 *     damaged  it is no state of ours any more: `detail` says where, `lost` what is not known without it
 *     newer    a newer version wrote it: do not write over it, it knows more
 */
import { z } from 'zod'

export type Parsed<T> =
  | { readonly status: 'none'; readonly state: T }
  | { readonly status: 'read'; readonly state: T }
  | { readonly status: 'damaged'; readonly detail: string; readonly lost: string }
  | { readonly status: 'newer'; readonly detail: string; readonly lost: string }

/** Rises only when an older version could not read what is written; a further key needs no new form. */
export const FORM = 1

export const instant = z.int().min(0).describe('ms since 1970')
/** Longer text is cut when it is written, never refused when it is read. */
export const MOST_TEXT = 1000
export const cut = (text: string, most = MOST_TEXT): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`

export const releaseRef = z.object({
  version: z.string().min(1).max(64),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in lower-case hexadecimal'),
})

/** JSON with sorted keys and without `undefined`, ended by a newline. */
export const printJson = (value: unknown): string => `${JSON.stringify(value, sorted, 1)}\n`

const sorted = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value

interface Document<T> {
  /** `sekisho-rules-rollout/state`, as errors name it. */
  readonly where: string
  readonly schema: z.ZodType<T>
  readonly empty: T
  readonly lost: string
}

/** @param text undefined or empty where nothing was written yet */
export function parseJson<T>(text: string | undefined, { where, schema, empty, lost }: Document<T>): Parsed<T> {
  if (text === undefined || text.trim() === '') return { status: 'none', state: empty }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { status: 'damaged', detail: `${where} is not JSON: ${cut((error as Error).message, 200)}`, lost }
  }
  const { form } = (value ?? {}) as { form?: unknown }
  if (typeof form === 'number' && form > FORM)
    return { status: 'newer', detail: `${where} has form ${form}, this version reads up to ${FORM}`, lost }
  const { success, data, error } = schema.safeParse(value)
  if (success) return { status: 'read', state: data }
  const [first] = error.issues
  const at = first && first.path.length > 0 ? `/${first.path.join('/')}` : ''
  return { status: 'damaged', detail: `${where}${at}: ${cut(first?.message ?? 'not readable', 200)}`, lost }
}
