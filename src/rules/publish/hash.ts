/** The hashes of this room: what the pure rooms are handed, and names made of them. */
export { sha256 } from '../archive/files.ts'

/** JSON with sorted keys, so that equal data has one text. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, one: unknown) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
