/** JSON with `why` and `until`: how the annotations that open say for what reason, and for how long. */

export type Limited =
  | { readonly ok: true; readonly why: string; readonly until: number }
  | { readonly ok: false; readonly fault: string }

const fault = (text: string): Limited => ({ ok: false, fault: text })
const HOUR = 3_600_000
/** RFC 3339 with seconds and an offset: a date alone would mean another moment to everybody. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

/** Parses it and holds it against the clock. At `until` itself it is over. */
export function parseLimited(text: string, now: number, limitHours: number): Limited {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault('it is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fault('it is not a JSON object')
  const { why, until, ...rest } = value as Record<string, unknown>
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) return fault(`it has the unknown key ${JSON.stringify(unknown.slice(0, 40))}`)
  if (typeof why !== 'string' || why.trim() === '' || why.length > 500)
    return fault('"why" must be a text of 1 to 500 characters')
  if (typeof until !== 'string' || !TIME.test(until) || Number.isNaN(Date.parse(until)))
    return fault('"until" must be a time like 2030-01-01T00:00:00Z')
  const at = Date.parse(until)
  if (at <= now) return fault(`"until" is over: ${until}`)
  if (at > now + limitHours * HOUR) return fault(`"until" is more than ${limitHours} h ahead: ${until}`)
  return { ok: true, why: why.trim(), until: at }
}
