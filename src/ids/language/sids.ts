/**
 * Which ids rules of ConfigMaps may have. 1000000–1999999 are by convention for local use; the first thousand is Sekisho's own (the canary is
 * 1000000). Others belong to the sources: a local rule with one of theirs and a higher `rev` would silently take its place.
 */
export const RESERVED_SIDS = { first: 1_000_000, last: 1_000_999 } as const
export const LOCAL_SIDS = { first: 1_001_000, last: 1_999_999 } as const

export const isReserved = (sid: number): boolean => sid >= RESERVED_SIDS.first && sid <= RESERVED_SIDS.last
export const isLocal = (sid: number): boolean => sid >= LOCAL_SIDS.first && sid <= LOCAL_SIDS.last
/** `1001000 to 1999999` */
export const LOCAL_RANGE = `${LOCAL_SIDS.first} to ${LOCAL_SIDS.last}`
