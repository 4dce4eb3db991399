/**
 * What a database user never ran. A new table or class of statement is told at once; a new form of statement alone is small, and many
 * within an hour are a deploy.
 */
import { databaseKey, isSomebody } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { place, quoted, span, storeName, who } from '../words.ts'

const TOPIC = 'sql'
const DOES = {
  write: 'writes',
  schema: 'changes tables',
  rights: 'changes rights',
  server: 'uses the server itself',
  read: 'reads',
} as const

export const unusualSql: Detector = {
  name: 'unusual-sql',
  severity: 'high',
  kind: 'learned',
  when: 'A database user whose learning period is over runs a class of statement (rights and server high, schema and write medium), reads or writes a table (medium), or uses a form of statement (low) never seen of it in this database. Several new forms are one digest: more than three after an hour, fewer after a day.',
  says: 'database user `app` used the table `cards` in `orders-db` for the first time in 31 days: `select * from cards`, from 10.0.3.7',
  needs: (record) =>
    record.statement !== undefined && isSomebody(record.principal) ? [databaseKey(TOPIC, record)] : [],
  judge(record, { learned, settings, sql }) {
    const { principal, time, store } = record
    if (sql === undefined || sql.class === 'session' || record.outcome !== 'allowed' || !isSomebody(principal))
      return NOTHING
    const key = databaseKey(TOPIC, record)
    const before = learned(key)
    const form = `f:${settings.hash(sql.fingerprint).slice(0, 16)}`
    const values = [`c:${sql.class}`, ...sql.tables.map((table) => `t:${table}`), form]
    const news = values.filter((value) => !isKnown(before, value, time, settings.forgetMs))
    const [first] = news
    if (first === undefined || !isGrown(before, time, settings))
      return { suspicions: [], lessons: [{ key, time, see: values }] }
    const since = span(time - before.first)
    const shown = quoted(sql.fingerprint, 160)
    const tail = `in ${storeName(store)} for the first time in ${since}: ${shown}, from ${place(record)}`
    const known = values.filter((value) => !news.includes(value))
    const base = { subject: first, hold: { key, values: news }, again: isHeld(before, first) }
    const lessons = known.length === 0 ? [] : [{ key, time, see: known }]
    if (first.startsWith('c:')) {
      const severity = sql.class === 'rights' || sql.class === 'server' ? 'high' : 'medium'
      return { suspicions: [{ ...base, severity, why: `${who(principal)} ${DOES[sql.class]} ${tail}` }], lessons }
    }
    if (first.startsWith('t:')) {
      return {
        suspicions: [
          { ...base, severity: 'medium', why: `${who(principal)} used the table ${quoted(first.slice(2))} ${tail}` },
        ],
        lessons,
      }
    }
    const gather = {
      group: key.entity,
      of: `new forms of statement of ${who(principal)} in ${storeName(store)}`,
      example: quoted(sql.fingerprint, 60),
    }
    return {
      suspicions: [{ ...base, severity: 'low', why: `${who(principal)} ran a new form of statement ${tail}`, gather }],
      lessons,
    }
  },
}
