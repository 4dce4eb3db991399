/** Reading JSON that somebody else wrote: every step may be missing or of another type, and nothing throws. */

const LONE_SURROGATE =
  /\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89aAbB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}/g

/** An object, or undefined. What PostgreSQL cannot keep (NUL, half a surrogate pair) becomes U+FFFD before it is parsed. */
export const parseObject = (text: string): Record<string, unknown> | undefined => {
  try {
    const safe = text.includes('\\u') ? text.replaceAll('\\u0000', '\\ufffd').replace(LONE_SURROGATE, '\\ufffd') : text
    const value: unknown = JSON.parse(safe)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const at = (value: unknown, ...path: readonly string[]): unknown => {
  let now = value
  for (const key of path) {
    if (typeof now !== 'object' || now === null) return undefined
    now = (now as Record<string, unknown>)[key]
  }
  return now
}

/** A string, or a number as one; '' for anything else. */
export const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''

/** A number that is none below 0; int64 come as strings. */
export const count = (value: unknown): number | undefined => {
  const number = typeof value === 'string' && /^\d{1,19}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined
}

/** A list; of a single value, a list of one (CloudTrail and policies write either); of nothing, none. */
export const list = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null || value === '' ? [] : [value]

export const isTrue = (value: unknown): boolean => value === true || value === 'true'
export const isFalse = (value: unknown): boolean => value === false || value === 'false'
