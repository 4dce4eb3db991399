/**
 * Server access logs of S3: fields between spaces, some in brackets or quotes.
 *
 *     OWNER BUCKET [06/Feb/2019:00:00:38 +0000] 192.0.2.3 REQUESTER REQUEST_ID REST.GET.OBJECT KEY "GET /b/k HTTP/1.1" 200 - 113 113 7 6
 *     "REFERER" "AGENT" VERSION …
 *
 * The caller writes key, address line, referer and agent, and quotes in them are not escaped. Neither an address nor a key of it can
 * hold a space, so what comes before the referer cannot be shifted by it; what comes behind the agent is not used.
 */
import type { Action, Format, Outcome, Read } from '../../api/audit.ts'
import { origin } from './address.ts'
import { requesterPrincipal } from './aws-principal.ts'
import { poison, record } from './record.ts'

const LINE =
  /^(?<owner>\S+) (?<bucket>\S+) \[(?<time>[^\]]{26})\] (?<ip>\S+) (?<requester>\S+) (?<id>\S+) (?<operation>[A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)+) (?<key>\S+) (?:"-"|-|"\S+ \S+(?: HTTP\/[\d.]+)?") (?<status>\d{3}|-) (?<error>\S+) (?<sent>\d+|-) (?<size>\d+|-) (?:\d+|-) (?:\d+|-)(?<rest> .*)?$/s
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export const s3Access: Format = {
  name: 's3-access',
  description: 'server access logs of S3',
  detect: (head) => {
    const lines = head
      .replace(/^\ufeff/, '')
      .split('\n', 20)
      .slice(0, 20)
    return lines.some((line) => LINE.test(line.replace(/\r$/, ''))) && LINE.test(lines[0]!.replace(/\r$/, ''))
      ? 0.95
      : lines.some((line) => LINE.test(line.replace(/\r$/, '')))
        ? 0.7
        : 0
  },
  open: () => ({ line: read, end: () => [] }),
}

const read = (raw: string, line: number): readonly Read[] => {
  const groups = LINE.exec(raw)?.groups as Record<string, string | undefined> | undefined
  if (groups === undefined) return poison(line, 'its fields are not those of an access log, or it broke off', raw)
  const operation = groups['operation']!
  const action = actionOf(operation)
  const key = groups['key']!
  const bytes = groups[action === 'write' ? 'size' : 'sent']!
  const { agent, version } = restOf(groups['rest'] ?? '')
  return record(
    {
      format: s3Access.name,
      // One request may have several lines: a copy two, a deletion of many one for each key.
      id: `${groups['id']} ${operation} ${key} ${version}`,
      time: timeOf(groups['time']!),
      store: { cloud: 'aws', kind: 'object-storage', name: groups['bucket']! },
      principal: requesterPrincipal(groups['requester']!),
      ...origin(groups['ip']!),
      action,
      operation,
      outcome: outcomeOf(groups['status']!, groups['error']!),
      object: key === '-' ? undefined : decodeKey(key),
      bytes: bytes === '-' ? undefined : Number(bytes),
      userAgent: agent === '-' ? undefined : agent || undefined,
    },
    line,
    raw,
  )
}

/** ` "REFERER" "AGENT" VERSION …`; a quote ends where a space follows it. */
const restOf = (text: string): { readonly agent: string; readonly version: string } => {
  let at = 0
  const next = (): string => {
    const quoted = text.startsWith(' "', at)
    const from = at + (quoted ? 2 : 1)
    const end = text.indexOf(quoted ? '" ' : ' ', from)
    const field = text.slice(from, end < 0 ? undefined : end)
    at = end < 0 ? text.length : end + (quoted ? 1 : 0)
    return end < 0 && quoted ? field.replace(/"$/, '') : field
  }
  next()
  return { agent: next(), version: next().slice(0, 100) || '-' }
}

/** `06/Feb/2019:00:00:38 +0000` */
const timeOf = (text: string): number => {
  const [, day, month, year, clock, zone] = /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})$/.exec(text) ?? []
  const number = MONTHS.indexOf(month ?? '') + 1
  if (number === 0) return Number.NaN
  return Date.parse(`${year}-${String(number).padStart(2, '0')}-${day}T${clock}${zone!.slice(0, 3)}:${zone!.slice(3)}`)
}

const outcomeOf = (status: string, error: string): Outcome => {
  if (status === '401' || status === '403' || error === 'AccessDenied') return 'denied'
  // What S3 does by itself, such as expiry, has no status.
  return status === '-' || /^[23]/.test(status) ? 'allowed' : 'failed'
}

/** `REST.GET.OBJECT`, `BATCH.DELETE.OBJECT`, `S3.EXPIRE.OBJECT`, `WEBSITE.GET.OBJECT`: how, what, of what. */
const actionOf = (operation: string): Action => {
  const [, method = '', of = ''] = operation.split('.')
  const ofObject = /^(OBJECT(_GET|_TAGGING|_VERSION)?|PART|UPLOADS?|DOCUMENT)$/.test(of)
  if (method === 'COPY') return of === 'OBJECT_GET' || of === 'PART_GET' ? 'read' : 'write'
  if (/^(GET|HEAD)$/.test(method))
    return /^(BUCKET|BUCKETVERSIONS|VERSIONING_LIST|SERVICE|UPLOADS)$/.test(of) ? 'list' : ofObject ? 'read' : 'admin'
  if (/^(DELETE|EXPIRE|CREATE)$/.test(method)) return ofObject ? 'delete' : 'admin'
  return ofObject || of === 'MULTI_OBJECT_DELETE' ? (of.endsWith('DELETE') ? 'delete' : 'write') : 'admin'
}

/** Keys are encoded twice. What does not decode stays as it was logged. */
const decodeKey = (key: string): string => {
  if (!key.includes('%')) return key
  try {
    return decodeURIComponent(decodeURIComponent(key)).replaceAll('\0', '\ufffd')
  } catch {
    return key
  }
}
