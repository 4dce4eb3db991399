/** SQL that runs programs or loads code on the server: nobody's application does. */
import { isSign, isWord, type Token } from '../sql/tokens.ts'
import { statement } from './statement.ts'

const LOADS = ['plpython3u', 'plpythonu', 'plperlu', 'pltclu', 'c', 'plsh']
const runs = (list: readonly Token[]): string | undefined => {
  if (
    isWord(list[0], 'copy') &&
    list.some((token, at) => isWord(token, 'program') && isWord(list[at - 1], 'from', 'to'))
  ) {
    return 'COPY PROGRAM'
  }
  if (list.some((token, at) => isWord(token, 'sys_exec', 'sys_eval') && isSign(list[at + 1], '('))) return 'sys_exec'
  const creates = isWord(list[0], 'create') && list.slice(1, 6).some((token) => isWord(token, 'function', 'procedure'))
  const language = list.findIndex((token) => isWord(token, 'language'))
  const named = list[language + 1]
  if (creates && language > 0 && named !== undefined && 'text' in named && LOADS.includes(named.text.toLowerCase())) {
    return 'CREATE FUNCTION'
  }
  return creates && list.some((token) => isWord(token, 'soname')) ? 'SONAME' : undefined
}

export const sqlProgram = statement(
  {
    name: 'sql-program',
    severity: 'critical',
    when: 'A statement runs a program or loads code on the database server: `COPY … PROGRAM`, functions in untrusted languages, `SONAME`, `sys_exec`.',
    says: 'database user `app` ran a program on the server of `orders-db`: `copy t from program ?`, from 203.0.113.7',
  },
  ({ tokens }) => {
    const how = runs(tokens)
    return how === undefined ? undefined : { severity: 'critical', did: 'ran a program on the server of', subject: how }
  },
)
