/** A point in time as people type it: RFC 3339 with a zone, or how long from now (`90m`, `48h`, `7d`). */
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/** ms since 1970; undefined for what is neither. */
export function parseUntil(text: string, now: number): number | undefined {
  const span = /^([1-9]\d{0,4})([mhd])$/.exec(text)
  if (span) return now + Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS]
  if (!RFC3339.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : at
}
