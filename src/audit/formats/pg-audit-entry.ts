/**
 * pgAudit of Cloud SQL for PostgreSQL, as `cloudsql.instances.query` in the data access log.
 *
 *     "request":{"@type":"type.googleapis.com/google.cloud.sql.audit.v1.PgAuditEntry","auditClass":"READ","auditType":"SESSION",
 *       "command":"SELECT","statement":"SELECT …","object":"","objectType":"","database":"shop","user":"app","databaseSessionId":2209692,
 *       "statementId":2,"substatementId":1,"chunkIndex":"1","chunkCount":"1"}
 *
 * A long statement comes as several entries, in any order, some of them twice. They are kept until the last is there; what is still in
 * pieces at the end of the object, or when too much waits, is a record whose statement is not complete. There is no client's address: it
 * is that of the session, where postgres.log told it.
 */
import type { Read, Sessions } from '../../api/audit.ts'
import { BoundedMap } from './bounded.ts'
import { cloudSqlStore, isCloudSqlAgent, sessionKey } from './cloudsql.ts'
import { at, count, text } from './json.ts'
import type { Entry, EntryReader } from './log-entry.ts'
import { poison, record, skipped } from './record.ts'
import { statementOf } from './sql.ts'

const MAX_WAITING = 1000
const MAX_WAITING_TEXT = 8 * 1024 * 1024
const MAX_REMEMBERED = 10_000

interface Waiting {
  readonly first: Entry
  readonly key: string
  readonly chunks: Map<number, string>
  readonly total: number
}

/** One statement may be logged once for each table it touches: the object is part of what it is. */
const keyOf = (entry: Entry, request: unknown): string =>
  [
    text(at(entry.body, 'resource', 'labels', 'database_id')),
    ...['databaseSessionId', 'statementId', 'substatementId', 'auditType', 'command', 'objectType', 'object'].map(
      (name) => text(at(request, name)),
    ),
    // A session's number is used again.
    text(entry.body['timestamp']).slice(0, 13),
  ].join(' ')

export const openPgAuditEntries = (sessions: Sessions): EntryReader => {
  const waiting = new BoundedMap<Waiting>(MAX_WAITING)
  const done = new BoundedMap<true>(MAX_REMEMBERED)
  let held = 0

  const release = (one: Waiting): readonly Read[] => {
    for (const chunk of one.chunks.values()) held -= chunk.length
    const complete = one.chunks.size >= one.total
    const inOrder = [...one.chunks].sort(([a], [b]) => a - b)
    const id = complete ? one.key : `${one.key} chunks ${inOrder.map(([index]) => index).join(',')} of ${one.total}`
    return read(one.first, id, inOrder.map(([, chunk]) => chunk).join(''), complete, sessions)
  }

  return {
    entry: (entry) => {
      const request = at(entry.body, 'protoPayload', 'request')
      const statement = text(at(request, 'statement'))
      const total = count(at(request, 'chunkCount')) ?? 1
      if (total <= 1) return read(entry, entry.id, statement, true, sessions)
      const key = keyOf(entry, request)
      if (done.get(key)) return skipped(entry.line, 'a chunk that was there already')
      const one = waiting.take(key) ?? { first: entry, key, chunks: new Map<number, string>(), total }
      const index = count(at(request, 'chunkIndex')) ?? 0
      if (!one.chunks.has(index)) {
        one.chunks.set(index, statement)
        held += statement.length
      }
      if (one.chunks.size >= one.total) {
        done.set(key, true)
        return release(one)
      }
      const reads: Read[] = [...skipped(entry.line, 'a chunk of a statement, kept until the others are there')]
      const oldest = waiting.set(key, one)
      if (oldest) reads.push(...release(oldest))
      while (held > MAX_WAITING_TEXT) {
        const next = waiting.takeOldest()
        if (next === undefined) break
        reads.push(...release(next))
      }
      return reads
    },
    end: () => {
      const reads: Read[] = []
      for (let next = waiting.takeOldest(); next; next = waiting.takeOldest()) reads.push(...release(next))
      return reads
    },
  }
}

const read = (entry: Entry, id: string, sql: string, complete: boolean, sessions: Sessions): readonly Read[] => {
  const request = at(entry.body, 'protoPayload', 'request')
  const store = cloudSqlStore(entry)
  if (store === undefined) return poison(entry.line, 'it names no instance', entry.raw)
  const user = text(at(request, 'user'))
  const session = text(at(request, 'databaseSessionId'))
  const address = session === '' ? undefined : sessions.addressOf(sessionKey(store, session), entry.time)
  if (isCloudSqlAgent(user, address)) return skipped(entry.line, "one of Cloud SQL's own users")
  return record(
    {
      format: 'gcp-audit',
      id,
      time: entry.time,
      store,
      principal: { kind: 'database-user', id: user, ...(session !== '' && { credential: `session ${session}` }) },
      address,
      action: 'query',
      operation: text(at(request, 'command')) || text(at(request, 'auditClass')) || 'query',
      outcome: 'allowed',
      object: text(at(request, 'object')) || undefined,
      rows: count(at(request, 'rows')),
      statement: statementOf('postgresql', text(at(request, 'database')), sql, complete),
    },
    entry.line,
    entry.raw,
  )
}
