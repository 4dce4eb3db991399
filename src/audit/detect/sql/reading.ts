/** What detectors ask of a statement: its fingerprint, what class it is of, which tables it names. */
import type { Statement } from '../../../api/audit.ts'
import { fingerprintOf } from './fingerprint.ts'
import { isSign, isWord, type Token, tokens } from './tokens.ts'

/** `session` is what sets up and ends work (BEGIN, SET, SHOW): nobody is asked about it. */
export type StatementClass = 'read' | 'write' | 'schema' | 'rights' | 'server' | 'session'

export interface SqlReading {
  readonly fingerprint: string
  readonly class: StatementClass
  /** In lower case, as `table` or `schema.table`, each once. */
  readonly tables: readonly string[]
}
/** With the tokens, for rules that look for a form. */
export interface TokenReading extends SqlReading {
  readonly tokens: readonly Token[]
}

const CLASSES: Readonly<Record<string, StatementClass>> = {
  select: 'read', table: 'read', values: 'read', fetch: 'read', handler: 'read',
  insert: 'write', update: 'write', delete: 'write', merge: 'write', replace: 'write', truncate: 'write',
  create: 'schema', alter: 'schema', drop: 'schema', rename: 'schema', comment: 'schema', reindex: 'schema',
  grant: 'rights', revoke: 'rights', reassign: 'rights',
  load: 'server', call: 'server', do: 'server', install: 'server', uninstall: 'server', shutdown: 'server', kill: 'server', flush: 'server',
} // biome-ignore format: one class a line
const RIGHTS = ['user', 'role', 'group', 'policy']
const MOST_TABLES = 50

export function readStatement(statement: Statement): TokenReading {
  const list = tokens(statement.text, statement.engine)
  return { tokens: list, fingerprint: fingerprintOf(list), class: classOf(list), tables: tablesOf(list) }
}

function classOf(list: readonly Token[]): StatementClass {
  let at = 0
  while (isSign(list[at], '(')) at++
  if (isWord(list[at], 'explain', 'analyze', 'analyse', 'describe', 'desc')) {
    // EXPLAIN ANALYZE runs the statement.
    const runs = list.slice(at, at + 6).some((token) => isWord(token, 'analyze', 'analyse'))
    const main = list.findIndex(
      (token, index) => index > at && isWord(token, 'select', 'insert', 'update', 'delete', 'with'),
    )
    return runs && main > at ? classOf(list.slice(main)) : 'session'
  }
  if (isWord(list[at], 'with')) {
    const main = mainOfWith(list, at)
    // WITH x AS (DELETE … RETURNING …) SELECT … writes.
    const writes = list
      .slice(at, main)
      .some((token, index, all) => isWord(token, 'insert', 'update', 'delete') && isSign(all[index - 1], '('))
    return writes ? 'write' : main < list.length ? classOf(list.slice(main)) : 'read'
  }
  const token = list[at]
  if (token?.kind !== 'word') return 'session'
  if (token.lower === 'copy') return list.some((one) => isWord(one, 'program')) ? 'server' : copies(list)
  if (token.lower === 'set' && isWord(list[at + 1], 'password', 'role', 'global')) return 'rights'
  const known = CLASSES[token.lower]
  if (known === 'schema' && list.slice(at + 1, at + 4).some((one) => isWord(one, ...RIGHTS))) return 'rights'
  return known ?? 'session'
}
const copies = (list: readonly Token[]): StatementClass => {
  let depth = 0
  for (const token of list) {
    if (isSign(token, '(')) depth++
    else if (isSign(token, ')')) depth--
    else if (depth === 0 && isWord(token, 'from')) return 'write'
    else if (depth === 0 && isWord(token, 'to')) return 'read'
  }
  return 'read'
}
function mainOfWith(list: readonly Token[], start: number): number {
  let depth = 0
  for (let at = start + 1; at < list.length; at++) {
    const token = list[at]
    if (isSign(token, '(')) depth++
    else if (isSign(token, ')')) depth--
    else if (
      depth === 0 &&
      isWord(token, 'select', 'insert', 'update', 'delete', 'merge', 'values', 'table', 'replace')
    )
      return at
  }
  return list.length
}

/** After these a table is named. */
const BEFORE_TABLE = ['from', 'join', 'into', 'update', 'table', 'copy', 'truncate']
/** Words that may stand between. */
const BETWEEN = [
  'only',
  'table',
  'if',
  'not',
  'exists',
  'low_priority',
  'ignore',
  'quick',
  'lateral',
  'concurrently',
  'or',
]
const NO_TABLE = [
  'select',
  'values',
  'set',
  'outfile',
  'dumpfile',
  'stdin',
  'stdout',
  'program',
  'of',
  'unnest',
  'where',
  'nowait',
  'skip',
  'on',
]

function tablesOf(list: readonly Token[]): readonly string[] {
  const own = new Set(withNames(list))
  const found = new Set<string>()
  /** EXTRACT(x FROM y), SUBSTRING(x FROM y), TRIM(x FROM y): no table. */
  const functions: boolean[] = []
  for (let at = 0; at < list.length && found.size < MOST_TABLES; at++) {
    const token = list[at]!
    if (isSign(token, '(')) functions.push(isWord(list[at - 1], 'extract', 'substring', 'trim', 'overlay', 'position'))
    else if (isSign(token, ')')) functions.pop()
    if (!isWord(token, ...BEFORE_TABLE) || isSign(list[at - 1], '.')) continue
    if (token.kind === 'word' && token.lower === 'from' && (functions.at(-1) || isWord(list[at - 1], 'distinct')))
      continue
    // ON CONFLICT DO UPDATE, FOR UPDATE, ON DUPLICATE KEY UPDATE
    if (isWord(token, 'update') && isWord(list[at - 1], 'do', 'for', 'key', 'on', 'no')) continue
    let next = at + 1
    do {
      while (isWord(list[next], ...BETWEEN)) next++
      const name = nameAt(list, next)
      if (name === undefined) break
      next = name.end
      if (!isSign(list[next], '(') || !isWord(token, 'from', 'join')) if (!own.has(name.text)) found.add(name.text)
      // FROM a AS x, b: an alias, then further ones.
      if (isWord(list[next], 'as')) next++
      if (isSign(list[next + 1], ',') && (list[next]?.kind === 'word' || list[next]?.kind === 'name')) next++
    } while (isWord(token, 'from', 'table', 'truncate') && isSign(list[next], ',') && next++ > 0)
  }
  return [...found]
}
function nameAt(list: readonly Token[], start: number): { text: string; end: number } | undefined {
  let text = ''
  let at = start
  for (;;) {
    const token = list[at]
    if (token?.kind !== 'name' && (token?.kind !== 'word' || (text === '' && NO_TABLE.includes(token.lower))))
      return undefined
    text += token.lower
    at++
    if (!isSign(list[at], '.')) return { text: text.slice(0, 150), end: at }
    text += '.'
    at++
  }
}
/** The names that WITH gives. */
function withNames(list: readonly Token[]): string[] {
  if (!list.some((token) => isWord(token, 'with'))) return []
  return list.flatMap((token, at) =>
    (token.kind === 'word' || token.kind === 'name') &&
    isWord(list[at + 1], 'as') &&
    (isSign(list[at + 2], '(') || isWord(list[at + 2], 'materialized', 'not'))
      ? [token.lower]
      : [],
  )
}
