/**
 * The audit plugin of Cloud SQL for MySQL, as `cloudsql.instances.query` in the data access log.
 *
 *     "request":{"@type":"type.googleapis.com/google.cloud.sql.audit.v1.MysqlAuditEntry","cmd":"select","msgType":"activity","ip":"10.1.2.3",
 *       "user":"app","privUser":"app","query":"SELECT …","objects":[{"db":"shop","name":"orders","objType":"TABLE"}],"status":"0","errCode":"0",
 *       "threadId":"33","queryId":"17","date":"2021-10-07T09:58:45.919Z"}
 */
import type { Read } from '../../api/audit.ts'
import { origin } from './address.ts'
import { cloudSqlStore, isCloudSqlAgent } from './cloudsql.ts'
import { at, count, list, text } from './json.ts'
import type { Entry } from './log-entry.ts'
import { poison, record, skipped } from './record.ts'
import { mysqlOutcome, statementOf, verbOf } from './sql.ts'

const ENDS = new Set(['quit', 'disconnect', 'shutdown'])

export const mysqlAuditEntry = (entry: Entry): readonly Read[] => {
  const request = at(entry.body, 'protoPayload', 'request')
  const store = cloudSqlStore(entry)
  if (store === undefined) return poison(entry.line, 'it names no instance', entry.raw)
  const user = text(at(request, 'user')) || text(at(request, 'privUser'))
  const ip = text(at(request, 'ip'))
  if (isCloudSqlAgent(user, ip)) return skipped(entry.line, "one of Cloud SQL's own users")
  const cmd = text(at(request, 'cmd')).toLowerCase()
  if (ENDS.has(cmd)) return skipped(entry.line, 'the end of a session')
  const query = text(at(request, 'query'))
  const [first] = list(at(request, 'objects'))
  const thread = text(at(request, 'threadId'))
  const database = text(at(first, 'db'))
  const table = text(at(first, 'name'))
  return record(
    {
      format: 'gcp-audit',
      id: entry.id,
      // When it ran; the entry's own time is when it was taken in.
      time: timeOf(text(at(request, 'date')), entry.time),
      store,
      principal: { kind: 'database-user', id: user, ...(thread !== '' && { credential: `session ${thread}` }) },
      ...origin(ip),
      action: /connect|change_user/.test(cmd) ? 'connect' : 'query',
      operation: (cmd || verbOf(query) || 'query').toUpperCase(),
      outcome: mysqlOutcome(count(at(request, 'errCode')) ?? count(at(request, 'status')) ?? 0),
      object: table === '' ? undefined : database === '' ? table : `${database}.${table}`,
      rows: count(at(request, 'rows')),
      statement: query === '' ? undefined : statementOf('mysql', database, query),
    },
    entry.line,
    entry.raw,
  )
}

const timeOf = (date: string, otherwise: number): number => {
  const time = /^\d{4}-\d\d-\d\dT/.test(date) ? Date.parse(date) : Number.NaN
  return Number.isNaN(time) ? otherwise : time
}
