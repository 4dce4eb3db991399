/**
 * Who looks for what there is. Tools and object mappers ask the catalogue about a table they know; whoever does not know asks for all of
 * it, or through a UNION. Tables of passwords have no other readers than administrators.
 */
import type { Settings } from '../settings.ts'
import { isWord } from '../sql/tokens.ts'
import { statement } from './statement.ts'

const PASSWORDS = new Set(['pg_authid', 'pg_shadow', 'mysql.user', 'mysql.global_priv', 'mysql.db'])
const CATALOGUE =
  /^(?:information_schema\.(?:tables|columns|schemata|routines)|(?:pg_catalog\.)?(?:pg_class|pg_attribute|pg_tables|pg_namespace|pg_database|pg_user|pg_roles))$/
const bare = (table: string): string => table.replace(/^pg_catalog\./, '')

export const sqlCatalogueDump = statement(
  {
    name: 'sql-catalogue-dump',
    severity: 'critical',
    when: 'The catalogue is read through a UNION (critical), a table of passwords is read by one who is no superuser (high), or the catalogue is read without a condition or in more rows than `rowsFloor` (medium).',
    says: 'database user `app` read the catalogue of `orders-db` through a UNION: `select id from t union select table_name from information_schema.tables`, from 203.0.113.7',
  },
  ({ tokens, tables, class: kind }, { principal, rows }, { superusers, rowsFloor }: Settings) => {
    if (kind !== 'read' && kind !== 'write') return undefined
    const administrates = superusers.has(principal.id)
    if (!administrates && tables.some((table) => PASSWORDS.has(bare(table)))) {
      return { severity: 'high', did: 'read the passwords of', subject: 'passwords' }
    }
    if (!tables.some((table) => CATALOGUE.test(table))) return undefined
    const union = tokens.some((token) => isWord(token, 'union'))
    const others = tables.some((table) => !CATALOGUE.test(table) && !/^(?:pg_|information_schema\.)/.test(table))
    if (union && others)
      return { severity: 'critical', did: 'read, through a UNION, the catalogue of', subject: 'union' }
    if (administrates) return undefined
    const whole = !tokens.some((token) => isWord(token, 'where', 'limit', 'on', 'using'))
    if (!whole && (rows ?? 0) < rowsFloor) return undefined
    return { severity: 'medium', did: 'read the whole catalogue of', subject: 'whole' }
  },
)
