/** SQL that writes or reads files of the server. `COPY … TO STDOUT` goes to the client, `LOAD DATA LOCAL` comes from it: neither is meant. */
import { isSign, isWord, type Token } from '../sql/tokens.ts'
import { statement } from './statement.ts'

const READS = ['load_file', 'pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'lo_import']
const WRITES = ['lo_export', 'pg_file_write']
const called = (list: readonly Token[], names: readonly string[]): boolean =>
  list.some((token, at) => isWord(token, ...names) && isSign(list[at + 1], '('))

function file(list: readonly Token[]): 'wrote' | 'read' | undefined {
  const into = (token: Token, at: number): boolean =>
    isWord(token, 'outfile', 'dumpfile') &&
    isWord(list[at - 1], 'into') &&
    ['text', 'parameter', undefined].includes(list[at + 1]?.kind)
  if (list.some(into)) return 'wrote'
  if (called(list, WRITES)) return 'wrote'
  if (isWord(list[0], 'copy')) {
    if (list.some((token, at) => isWord(token, 'to') && list[at + 1]?.kind === 'text')) return 'wrote'
    if (list.some((token, at) => isWord(token, 'from') && list[at + 1]?.kind === 'text')) return 'read'
  }
  if (called(list, READS)) return 'read'
  const load =
    isWord(list[0], 'load') &&
    isWord(list[1], 'data', 'xml') &&
    !list.slice(2, 4).some((token) => isWord(token, 'local'))
  return load ? 'read' : undefined
}

export const sqlServerFile = statement(
  {
    name: 'sql-server-file',
    severity: 'critical',
    when: "A statement writes a file on the database server (critical) or reads one (high): `INTO OUTFILE`, `COPY … TO 'file'`, `LOAD_FILE`, `pg_read_file` and the like.",
    says: 'database user `app` wrote a file on the server of `orders-db`: `select * from cards into outfile ?`, from 203.0.113.7',
  },
  ({ tokens }) => {
    const did = file(tokens)
    if (did === undefined) return undefined
    return { severity: did === 'wrote' ? 'critical' : 'high', did: `${did} a file on the server of`, subject: did }
  },
)
