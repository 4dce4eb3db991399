/**
 * The audit log of RDS for MySQL and MariaDB (server_audit), and of Aurora MySQL, whose times are microseconds.
 *
 *     20220524 03:23:47,ip-10-19-0-161,admin,223.186.31.18,231,42427,QUERY,Connectors,'select …',1146
 *     1653362627000000,shop-db,admin,10.0.0.9,231,42427,CONNECT,shop,,0
 *     time,server,user,host,connection,query,operation,database,object,code
 *
 * Not RFC 4180: the statement is between single quotes, with backslashes before quotes in it. The other fields are not quoted at all, and
 * whoever fails to log in chose the user's name: a line with more commas than a few new columns could have is set aside, never guessed.
 */
import type { Action, Format, FormatOptions, Read } from '../../api/audit.ts'
import { origin } from './address.ts'
import { rdsStore } from './rds.ts'
import { poison, record, skipped } from './record.ts'
import { mysqlOutcome, statementOf, verbOf } from './sql.ts'

const OPERATION =
  'CONNECT|DISCONNECT|FAILED_CONNECT|QUERY|QUERY_DDL|QUERY_DML|QUERY_DML_NO_SELECT|QUERY_DCL|READ|WRITE|CREATE|ALTER|RENAME|DROP|CHANGEUSER'
const LINE = new RegExp(
  `^(?<time>\\d{8} \\d\\d:\\d\\d:\\d\\d|\\d{16}),(?<server>[^,]*),(?<user>[^,]*),(?<host>[^,]*),(?<connection>\\d+),(?<query>\\d+),(?<operation>${OPERATION}),(?<database>[^,]*),(?<rest>.*)$`,
  's',
)
/** Columns that a later version may add at the end. */
const MORE = 2

export const rdsMysqlAudit: Format = {
  name: 'rds-mysql-audit',
  description: 'audit log of RDS for MySQL and MariaDB (server_audit) and of Aurora MySQL',
  detect: (head) => {
    const lines = head.replace(/^\ufeff/, '').split('\n', 20)
    return LINE.test(lines[0]!) ? 0.95 : lines.slice(0, 20).some((line) => LINE.test(line)) ? 0.7 : 0
  },
  open: (object, options) => ({
    line: (text, number) => read(text, number, true, object, options),
    cut: (text, number) => read(text, number, false, object, options),
    end: () => [],
  }),
}

const read = (raw: string, line: number, whole: boolean, object: string, options: FormatOptions): readonly Read[] => {
  const groups = LINE.exec(raw)?.groups as Record<string, string> | undefined
  if (groups === undefined) return poison(line, 'its fields are not those of an audit log, or it broke off', raw)
  const { operation, user, host, database } = groups as Record<'operation' | 'user' | 'host' | 'database', string>
  const rest = restOf(groups['rest']!)
  const isQuery = operation.startsWith('QUERY')
  if (rest === undefined) return poison(line, 'it has more commas than columns', raw)
  if (isQuery ? rest.sql === undefined : rest.short) return poison(line, 'it broke off', raw)
  if (operation === 'DISCONNECT') return skipped(line, 'the end of a session')
  if (user === 'rdsadmin' && /^(localhost|127\.0\.0\.1|::1|)$/.test(host)) return skipped(line, "RDS's own user")
  const code = rest.code ?? 0
  const table =
    isQuery || rest.object === '' ? undefined : rest.object.includes('.') ? rest.object : `${database}.${rest.object}`
  return record(
    {
      format: rdsMysqlAudit.name,
      id: options.hash(raw),
      time: timeOf(groups['time']!),
      store: rdsStore(object, groups['server']!),
      principal: { kind: 'database-user', id: user, credential: `session ${groups['connection']}` },
      ...(host === 'localhost' ? {} : origin(host)),
      action: actionOf(operation),
      operation: isQuery ? verbOf(rest.sql!) || operation : operation,
      outcome: operation === 'FAILED_CONNECT' ? 'denied' : mysqlOutcome(code),
      object: table ?? (/CONNECT/.test(operation) && database !== '' ? database : undefined),
      statement: isQuery ? statementOf('mysql', database, rest.sql!, whole && rest.closed) : undefined,
    },
    line,
    raw,
  )
}

interface Rest {
  readonly object: string
  readonly sql?: string
  readonly closed: boolean
  /** The code's comma is not there; the code itself is left out for tables. */
  readonly short: boolean
  readonly code?: number
}
/** Object and code, or the quoted statement and code; undefined where the commas do not add up. */
const restOf = (text: string): Rest | undefined => {
  if (text[0] !== "'") {
    const fields = text.split(',')
    if (fields.length > 2 + MORE) return undefined
    return { object: fields[0]!, closed: true, short: fields.length < 2, ...codeOf(fields[1]) }
  }
  let end = 1
  while (end < text.length && text[end] !== "'") end += text[end] === '\\' ? 2 : 1
  const sql = plain(text.slice(1, end))
  if (end >= text.length) return { object: '', sql, closed: false, short: true }
  const fields = text.slice(end + 1).split(',')
  if (fields[0] !== '' || fields.length > 2 + MORE) return undefined
  return { object: '', sql, closed: true, short: false, ...codeOf(fields[1]) }
}
const codeOf = (text: string | undefined) =>
  text !== undefined && /^\d{1,5}$/.test(text) ? { code: Number(text) } : {}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\ufffd' }
const plain = (text: string): string =>
  text.includes('\\') ? text.replace(/\\([\s\S])/g, (_, char: string) => ESCAPES[char] ?? char) : text

const timeOf = (text: string): number =>
  text.includes(' ')
    ? Date.parse(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)}T${text.slice(9)}Z`)
    : Math.floor(Number(text) / 1000)

const actionOf = (operation: string): Action => {
  if (/CONNECT|CHANGEUSER/.test(operation)) return 'connect'
  if (operation === 'READ') return 'read'
  if (operation === 'WRITE') return 'write'
  return operation.startsWith('QUERY') ? 'query' : 'admin'
}
