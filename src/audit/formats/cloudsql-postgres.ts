/**
 * postgres.log of Cloud SQL: connections and refusals. Statements come by pgAudit, in gcp-audit.
 *
 *     "textPayload":"2021-10-07 09:58:45.919 UTC [1139]: [1-1] db=postgres,user=postgres FATAL:  password authentication failed for user \"postgres\""
 *
 * The address is in `connection received`, the name in what follows of the same process: they are put together by its number.
 */
import type { FormatOptions, Read, Sessions } from '../../api/audit.ts'
import { cloudSqlStore, isCloudSqlAgent, sessionKey } from './cloudsql.ts'
import { text } from './json.ts'
import type { Entry, EntryKind } from './log-entry.ts'
import { readPostgresMessage } from './postgres-message.ts'
import { poison, record, skipped } from './record.ts'

const PREFIX =
  /^(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? UTC) \[(?<pid>\d{1,10})\]:? (?:\[[\d-]+\] )?(?:db=(?<database>.{0,200}?),user=(?<user>.{0,200}?) )?(?<severity>[A-Z]{3,9}\d?):\s+(?<message>.*)$/s

export const cloudSqlPostgres: EntryKind = {
  name: 'cloudsql-postgres',
  description: 'postgres.log of Cloud SQL for PostgreSQL: connections, refusals',
  logs: /cloudsql\.googleapis\.com(%2F|\/)postgres\.log$/i,
  open: (_: FormatOptions, sessions) => ({ entry: (entry) => read(entry, sessions), end: () => [] }),
}

const read = (entry: Entry, sessions: Sessions): readonly Read[] => {
  const payload = text(entry.body['textPayload'])
  const store = cloudSqlStore(entry)
  if (store === undefined) return poison(entry.line, 'it names no instance', entry.raw)
  const groups = PREFIX.exec(payload)?.groups
  if (groups === undefined) return skipped(entry.line, 'no message of a session')
  const message = readPostgresMessage(groups['severity']!, groups['message']!)
  if (message === undefined) return skipped(entry.line, 'a message about something else')
  const time = Date.parse(groups['time']!.replace(' ', 'T').replace(' UTC', 'Z'))
  const key = sessionKey(store, groups['pid']!)
  if (message.kind === 'received') {
    if (message.address) sessions.connected(key, message.address, time)
    return skipped(entry.line, 'a connection that nobody logged in on yet')
  }
  const user = message.user ?? groups['user'] ?? ''
  const address = message.address ?? sessions.addressOf(key, time)
  if (isCloudSqlAgent(user, address)) return skipped(entry.line, "one of Cloud SQL's own users")
  return record(
    {
      format: cloudSqlPostgres.name,
      id: entry.id,
      time,
      store,
      principal: { kind: 'database-user', id: user, credential: `session ${groups['pid']}` },
      address,
      action: message.kind === 'denied' ? 'query' : 'connect',
      operation: message.operation,
      outcome: message.kind === 'connected' ? 'allowed' : 'denied',
      object: message.object ?? message.database ?? (groups['database'] || undefined),
    },
    entry.line,
    entry.raw,
  )
}
