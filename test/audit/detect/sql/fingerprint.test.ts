/** fingerprint: the same statement with other values is the same, another is another. */
import fc from 'fast-check'
import t from 'tap'
import { fingerprint } from '../../../../src/audit/detect/sql/fingerprint.ts'

for (const [sql, expected] of [
  // values
  ['SELECT c FROM t WHERE id=1', 'select c from t where id = ?'],
  ["select  c\n\tfrom t  where id = 'x'", 'select c from t where id = ?'],
  ["SELECT 'it''s', \"dq\", 'back\\'slash'", 'select ?, ?, ?'],
  ['SELECT 1, -1, +1, 1.5, .5, 1e10, 1.5E-3, 0xFF, 0b101', 'select ?, ?, ?, ?, ?, ?, ?, ?, ?'],
  ["SELECT x'4D', b'01', N'abc', _utf8'x'", 'select ?, ?, ?, ?'],
  ['SELECT a-1, a - 1, a -1 FROM t', 'select a - ?, a - ?, a - ? from t'],
  ['SELECT * FROM t WHERE a = -5', 'select * from t where a = ?'],
  ['SELECT ?, ? FROM t', 'select ?, ? from t'],
  ['INSERT INTO t (a, b) VALUES (NULL, TRUE)', 'insert into t (a, b) values (?+)'],
  ['UPDATE t SET a = NULL WHERE b IS NULL AND c IS NOT NULL', 'update t set a = ? where b is null and c is not null'],
  // names
  ['SELECT `c`.`a b` FROM `t1`', 'select c.a b from t1'],
  ['SELECT t1.id2 FROM db1.t1', 'select t1.id2 from db1.t1'],
  ['SELECT * FROM Users', 'select * from users'],
  ['SELECT größe FROM straße', 'select größe from straße'],
  // lists
  ['SELECT * FROM t WHERE id IN (1)', 'select * from t where id in (?+)'],
  ["SELECT * FROM t WHERE id IN ( 1,2 ,3, 'x')", 'select * from t where id in (?+)'],
  ['SELECT * FROM t WHERE id NOT IN (1, 2)', 'select * from t where id not in (?+)'],
  [
    'SELECT * FROM t WHERE id IN (SELECT id FROM u WHERE x = 1)',
    'select * from t where id in (select id from u where x = ?)',
  ],
  ['INSERT INTO t VALUES (1, 2), (3, 4), (5, 6)', 'insert into t values (?+)'],
  ['INSERT INTO t VALUES (now(), 2), (now(), 4)', 'insert into t values (?+)'],
  [
    'INSERT INTO t (a) VALUE (1) ON DUPLICATE KEY UPDATE a = 2',
    'insert into t (a) value (?+) on duplicate key update a = ?',
  ],
  ['REPLACE INTO t SET a=1', 'replace into t set a = ?'],
  // limits, order
  ['SELECT * FROM t LIMIT 5', 'select * from t limit ?'],
  ['SELECT * FROM t LIMIT 5, 10', 'select * from t limit ?'],
  ['SELECT * FROM t LIMIT 5 OFFSET 10', 'select * from t limit ?'],
  ['SELECT * FROM t ORDER BY a ASC, b DESC', 'select * from t order by a, b desc'],
  // comments
  ['SELECT 1 -- comment', 'select ?'],
  ['SELECT 1 # comment', 'select ?'],
  ['SELECT /* one */ 1 /* two */', 'select ?'],
  ['/* trace=4711 */ SELECT a FROM t;', 'select a from t'],
  ['SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`', 'select sql_no_cache * from t'],
  ["SELECT '/* no comment */', a -- 'no text\nFROM t", 'select ?, a from t'],
  ['SELECT 5--1', 'select ? - ?'],
  // unions
  ['SELECT 1 UNION SELECT 2 UNION SELECT 3', 'select ?'],
  ['SELECT a FROM t UNION ALL SELECT b FROM u', 'select a from t union all select b from u'],
  // others
  ['CALL db.proc(1, 2)', 'call db.proc'],
  ['USE shop', 'use ?'],
  ['SELECT COUNT(*) FROM t', 'select count (*) from t'],
  ['BEGIN', 'begin'],
  // cut off by the log
  ["SELECT * FROM t WHERE a = 'never end", 'select * from t where a = ?'],
  ['SELECT * FROM t WHERE id IN (1, 2, 3', 'select * from t where id in (?+)'],
  ['SELECT 1 /* never end', 'select ?'],
  ['', ''],
] as const) {
  t.test(`fingerprint(${sql.replaceAll(/\s/g, ' ') || 'nothing'}) of MySQL`, async (t) =>
    t.equal(fingerprint(sql, 'mysql'), expected),
  )
}
for (const [sql, expected] of [
  ['SELECT "A b" FROM t WHERE x = $1', 'select a b from t where x = ?'],
  ["SELECT E'a\\'b', 'a\\', 'c'", 'select ?, ?, ?'],
  ["SELECT $$it's$$, $tag$ $$ $tag$", 'select ?, ?'],
  ['SELECT 1 /* a /* nested */ b */ + 2', 'select ? + ?'],
  ['SELECT x::text FROM t WHERE y = ANY($1)', 'select x :: text from t where y = any (?+)'],
  ['SELECT 1 -- x\n+ 2', 'select ? + ?'],
] as const) {
  t.test(`fingerprint(${sql.replaceAll(/\s/g, ' ')}) of PostgreSQL`, async (t) =>
    t.equal(fingerprint(sql, 'postgresql'), expected),
  )
}

t.test('fingerprint() is the same whatever the values are, and bounded', async () => {
  const literal = fc.oneof(
    fc.nat().map(String),
    fc.string().map((text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`),
    fc.constant('NULL'),
  )
  fc.assert(
    fc.property(literal, fc.array(literal, { minLength: 1 }), (one, list) => {
      const sql = `SELECT a FROM t WHERE b = ${one} AND c IN (${list.join(', ')})`
      return fingerprint(sql, 'mysql') === 'select a from t where b = ? and c in (?+)'
    }),
  )
})
t.test('fingerprint() stands any text', async () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom(
          '(',
          ')',
          "'",
          '"',
          '`',
          '/*',
          '*/',
          '/*!',
          '--',
          '$',
          '$$',
          ',',
          'in',
          'values',
          'union',
          'select',
          '\\',
          '.',
          '?',
        ),
      )
      .map((parts) => parts.join(' ')),
  )
  fc.assert(
    fc.property(
      hostile,
      fc.constantFrom('mysql' as const, 'postgresql' as const),
      (text, engine) => fingerprint(text, engine).length <= 520,
    ),
  )
})
t.test('fingerprint() takes time by the length, however nested or unfinished', async (t) => {
  const start = process.hrtime.bigint()
  for (const part of ['(', 'in (', 'in ( x ', '(1,2),', 'union ', '/*', "'", '$a', '`', 'select ', '.', '-']) {
    for (const end of ['', ' select']) fingerprint(`SELECT 1 ${part.repeat(100_000 / part.length)}${end}`, 'postgresql')
  }
  // About a second; seconds for each if passes were counted by parentheses.
  t.ok(Number(process.hrtime.bigint() - start) / 1e9 < 10)
})
