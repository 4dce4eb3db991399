/**
 * The general log of Cloud SQL for MySQL.
 *
 *     "textPayload":"2023-10-28T14:34:48.262698Z\troot[root] @  [127.0.0.1] 1437 1709744194 Query\tSelect 1"
 *                    time                         user[privileges of] @ host [address] thread server command, argument
 */
import type { Read } from '../../api/audit.ts'
import { isAddress } from './address.ts'
import { BoundedMap } from './bounded.ts'
import { cloudSqlStore, isCloudSqlAgent, sessionKey } from './cloudsql.ts'
import { text } from './json.ts'
import type { Entry, EntryKind } from './log-entry.ts'
import { poison, record, skipped } from './record.ts'
import { statementOf, verbOf } from './sql.ts'

const LINE =
  /^(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)\s+(?<user>[^[]{0,100})\[(?<privileges>[^\]]{0,100})\] @\s+(?<host>\S*)\s*\[(?<ip>[^\]]{0,60})\]\s+(?<thread>\d+)\s+\d+\s+(?<command>[A-Z][A-Za-z]*(?: [A-Za-z]+)?)\t?(?<argument>.*)$/s
const STATEMENTS = new Set(['Query', 'Execute', 'Prepare'])
/** Who is let in and into which database; a refusal is logged as a Connect too. */
const CONNECT = /^(?<user>.*)@(?<host>\S*) on (?<database>\S*)(?: using .*)?$/s
const REFUSED = /^Access denied for user '(?<user>.*)'@'(?<host>[^']*)'/s
const MAX_THREADS = 10_000

export const cloudSqlMysqlGeneral: EntryKind = {
  name: 'cloudsql-mysql-general',
  description: 'general log of Cloud SQL for MySQL: connections, refusals, statements',
  logs: /cloudsql\.googleapis\.com(%2F|\/)mysql-general\.log$/i,
  open: () => {
    const databases = new BoundedMap<string>(MAX_THREADS)
    return { entry: (entry) => read(entry, databases), end: () => [] }
  },
}

const read = (entry: Entry, databases: BoundedMap<string>): readonly Read[] => {
  const store = cloudSqlStore(entry)
  if (store === undefined) return poison(entry.line, 'it names no instance', entry.raw)
  const groups = LINE.exec(text(entry.body['textPayload']))?.groups
  if (groups === undefined) return skipped(entry.line, 'no line of a session')
  const { ip, thread, command, argument } = groups as Record<'ip' | 'thread' | 'command' | 'argument', string>
  const refused = command === 'Connect' ? REFUSED.exec(argument.slice(0, 1000))?.groups : undefined
  const connect = command === 'Connect' ? CONNECT.exec(argument.slice(0, 1000))?.groups : undefined
  const user = refused?.['user'] ?? connect?.['user'] ?? (groups['user']!.trim() || groups['privileges']!)
  if (isCloudSqlAgent(user, ip)) return skipped(entry.line, "one of Cloud SQL's own users")
  const key = sessionKey(store, thread)
  if (connect?.['database']) databases.set(key, connect['database'])
  if (command === 'Init DB') databases.set(key, argument.trim())
  if (command !== 'Connect' && !STATEMENTS.has(command)) return skipped(entry.line, 'a command that touches no data')
  const database = databases.get(key) ?? ''
  const host = [ip, refused?.['host'], connect?.['host']].find((one) => one !== undefined && isAddress(one))
  return record(
    {
      format: cloudSqlMysqlGeneral.name,
      id: entry.id,
      time: Date.parse(groups['time']!),
      store,
      principal: { kind: 'database-user', id: user, credential: `session ${thread}` },
      address: host,
      action: command === 'Connect' ? 'connect' : 'query',
      operation: command === 'Connect' ? 'Connect' : verbOf(argument) || command,
      outcome: refused ? 'denied' : 'allowed',
      object: command === 'Connect' && database !== '' ? database : undefined,
      statement: command === 'Connect' ? undefined : statementOf('mysql', database, argument),
    },
    entry.line,
    entry.raw,
  )
}
