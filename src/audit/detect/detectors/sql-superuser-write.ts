/** Superusers administrate; data is written by the application's users. */
import { statement } from './statement.ts'

export const sqlSuperuserWrite = statement(
  {
    name: 'sql-superuser-write',
    severity: 'medium',
    when: 'A superuser (`superusers`) changes data, tables or rights.',
    says: 'database user `postgres` wrote, as a superuser, to `orders-db`: `update accounts set balance = ?`, from 203.0.113.7',
  },
  ({ class: kind, tables }, { principal, outcome }, { superusers }) => {
    if (!superusers.has(principal.id) || outcome !== 'allowed') return undefined
    if (kind !== 'write' && kind !== 'schema' && kind !== 'rights') return undefined
    const did = {
      write: 'wrote, as a superuser, to',
      schema: 'changed, as a superuser, tables of',
      rights: 'changed, as a superuser, rights in',
    }[kind]
    return { severity: kind === 'rights' ? 'medium' : 'low', did, subject: JSON.stringify([kind, tables[0] ?? '']) }
  },
)
