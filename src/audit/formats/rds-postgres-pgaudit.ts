/**
 * The server log of RDS for PostgreSQL with pgAudit (log_line_prefix `%t:%r:%u@%d:[%p]:`).
 *
 *     2020-10-22 11:53:26 UTC:183.87.237.49(63661):postgres@testDB:[17796]:LOG:  AUDIT: SESSION,27,1,WRITE,DELETE,,,DELETE FROM employee,<none>
 *
 * A message goes on in lines that start with a tab, which PostgreSQL sets before every line of it: only what stands at the start of a
 * line is a prefix, so a statement cannot pretend to be another session's. With log_error_verbosity = verbose a SQLSTATE stands first.
 */
import type { Format, FormatOptions, LineReader, Read, StoreRef } from '../../api/audit.ts'
import { origin } from './address.ts'
import { csvRow } from './csv.ts'
import { count } from './json.ts'
import { readPostgresMessage } from './postgres-message.ts'
import { rdsStore } from './rds.ts'
import { poison, record, skipped } from './record.ts'
import { statementOf } from './sql.ts'

const PREFIX =
  /^(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? UTC):(?<host>[^\s()]{0,100})(?:\((?<port>\d+)\))?:(?<user>[^\n]{0,200}?)@(?<database>[^\n]{0,200}?):\[(?<pid>\d+)\]:(?<severity>[A-Z]{3,9}\d?):\s+(?<message>.*)$/s
/** Every one that the server writes has a digit, which `AUDIT:` has not. */
const SQLSTATE = /^(?=[A-Z]*\d)[0-9A-Z]{5}: {1,2}/
const MAX_MESSAGE = 1024 * 1024

export const rdsPostgresPgaudit: Format = {
  name: 'rds-postgres-pgaudit',
  description: 'server log of RDS and Aurora PostgreSQL with pgAudit',
  detect: (head) => {
    const lines = head
      .replace(/^\ufeff/, '')
      .split('\n', 50)
      .map((line) => line.replace(/\r$/, ''))
    return lines.slice(0, 50).some((line) => PREFIX.test(line)) ? 0.95 : 0
  },
  open: (object, options) => openMessages(rdsStore(object), options),
}

interface Message {
  readonly line: number
  text: string
  complete: boolean
}

const openMessages = (store: StoreRef, options: FormatOptions): LineReader => {
  let pending: Message | undefined
  const flush = (): readonly Read[] => {
    const message = pending
    pending = undefined
    return message ? readMessage(message, store, options) : []
  }
  const take = (text: string, line: number, complete: boolean): readonly Read[] => {
    if (PREFIX.test(text)) {
      const reads = flush()
      pending = { line, text, complete }
      return reads
    }
    if (pending === undefined) return poison(line, 'it goes on from a message that is not there', text)
    if (pending.text.length + text.length > MAX_MESSAGE) pending.complete = false
    else pending.text += `\n${text.startsWith('\t') ? text.slice(1) : text}`
    if (!complete) pending.complete = false
    return []
  }
  return {
    line: (text, number) => take(text, number, true),
    // A statement that is too long for a line is still somebody's statement.
    cut: (text, number) => take(text, number, false),
    end: flush,
  }
}

const readMessage = (
  { line, text: raw, complete }: Message,
  store: StoreRef,
  options: FormatOptions,
): readonly Read[] => {
  const groups = PREFIX.exec(raw)?.groups as Record<string, string | undefined>
  const message = groups['message']!.replace(SQLSTATE, '')
  const user = groups['user'] === '[unknown]' ? '' : groups['user']!
  const common = {
    format: rdsPostgresPgaudit.name,
    // The log gives none; session, statement's number and text together do.
    id: options.hash(raw),
    time: Date.parse(groups['time']!.replace(' ', 'T').replace(' UTC', 'Z')),
    store,
    ...origin(groups['host'] === '[local]' ? '' : groups['host']!),
  }
  const session = { credential: `session ${groups['pid']}` }
  if (message.startsWith('AUDIT: ')) {
    if (groups['severity'] !== 'LOG') return skipped(line, 'an audit line that is meant for the client')
    return audit(message.slice('AUDIT: '.length))
  }
  const found = readPostgresMessage(groups['severity']!, message)
  if (found === undefined || found.kind === 'received') return skipped(line, 'a message about something else')
  return record(
    {
      ...common,
      ...(found.address && origin(found.address)),
      principal: { kind: 'database-user', id: found.user ?? user, ...session },
      action: found.kind === 'denied' ? 'query' : 'connect',
      operation: found.operation,
      outcome: found.kind === 'connected' ? 'allowed' : 'denied',
      object: found.object ?? found.database ?? (groups['database'] || undefined),
    },
    line,
    raw,
  )

  /** AUDIT_TYPE, STATEMENT_ID, SUBSTATEMENT_ID, CLASS, COMMAND, OBJECT_TYPE, OBJECT_NAME, STATEMENT, PARAMETER, ROWS */
  function audit(text: string): readonly Read[] {
    const row = csvRow(text)
    const [type, , , kind, command, , object, sql] = row.fields
    if (sql === undefined || !/^(SESSION|OBJECT)$/.test(type!))
      return poison(line, 'it is no line of pgAudit, or broke off', raw)
    if (user === 'rdsadmin') return skipped(line, "RDS's own user")
    return record(
      {
        ...common,
        principal: { kind: 'database-user', id: user, ...session },
        action: 'query',
        operation: command || kind || 'query',
        outcome: 'allowed',
        object: object || undefined,
        rows: row.fields.length > 9 ? count(row.fields.at(-1)) : undefined,
        statement: statementOf('postgresql', groups['database']!, sql, complete && row.complete),
      },
      line,
      raw,
    )
  }
}
