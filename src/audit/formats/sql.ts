/** What formats of SQL logs share. The SQL itself is read by detectors. */
import type { Statement } from '../../api/audit.ts'
import { maskSql } from './mask.ts'

const BEFORE_VERB = /^(?:\s+|\/\*(?!!)[^*]*\*+(?:[^/*][^*]*\*+)*\/|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\()*/
/** The first word of a statement: `SELECT`; '' where it starts with none. */
export const verbOf = (sql: string): string => {
  const start = BEFORE_VERB.exec(sql.slice(0, 4096))?.[0].length ?? 0
  return (/^[A-Za-z]{1,20}/.exec(sql.slice(start, start + 20))?.[0] ?? '').toUpperCase()
}

export const statementOf = (
  engine: Statement['engine'],
  database: string,
  text: string,
  complete = true,
): Statement => ({ engine, database, text: maskSql(text, engine), complete })

/** Errors of MySQL and MariaDB that say no: access to a database, table, column or routine, a privilege, an account. */
const DENIED = new Set([1044, 1045, 1130, 1142, 1143, 1227, 1370, 1410, 1698, 1820, 3118, 3879, 4151])
export const mysqlOutcome = (code: number): 'allowed' | 'denied' | 'failed' =>
  code === 0 ? 'allowed' : DENIED.has(code) ? 'denied' : 'failed'
