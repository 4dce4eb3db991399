/** readStatement: the class of a statement, and the tables it names. */
import t from 'tap'
import type { Statement } from '../../../../src/api/audit.ts'
import { readStatement } from '../../../../src/audit/detect/sql/reading.ts'

const read = (text: string, engine: Statement['engine']) =>
  readStatement({ engine, database: 'd', text, complete: true })
for (const [text, kind, tables] of [
  ['SELECT * FROM a, b AS x, c y JOIN s.d ON true', 'read', ['a', 'b', 'c', 's.d']],
  ['(SELECT 1 FROM a) UNION (SELECT 2 FROM b)', 'read', ['a', 'b']],
  ['INSERT INTO a SELECT * FROM b', 'write', ['a', 'b']],
  ['UPDATE ONLY a SET x = 1 FROM b', 'write', ['a', 'b']],
  ['DELETE FROM a USING b', 'write', ['a']],
  ['TRUNCATE TABLE a, b', 'write', ['a', 'b']],
  ['WITH x AS (SELECT * FROM a) SELECT * FROM x', 'read', ['a']],
  ['WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x', 'write', ['a']],
  ['WITH x AS (SELECT 1) INSERT INTO b SELECT * FROM x', 'write', ['b']],
  ['SELECT extract(epoch FROM ts) FROM a', 'read', ['a']],
  ['SELECT a IS DISTINCT FROM b FROM t', 'read', ['t']],
  ['SELECT * FROM a FOR UPDATE', 'read', ['a']],
  ['SELECT * FROM generate_series(1, 2)', 'read', []],
  ['INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET x = 1', 'write', ['a']],
  ['SELECT * FROM "Ab"."C d"', 'read', ['ab.c d']],
  ['CREATE TABLE IF NOT EXISTS a (x int)', 'schema', ['a']],
  ['ALTER TABLE a ADD b int', 'schema', ['a']],
  ['DROP TABLE a, b', 'schema', ['a', 'b']],
  ['CREATE ROLE eve', 'rights', []],
  ['ALTER USER eve PASSWORD x', 'rights', []],
  ['GRANT ALL ON a TO eve', 'rights', []],
  ['COPY a FROM STDIN', 'write', ['a']],
  ['COPY a (x) TO STDOUT', 'read', ['a']],
  ['COPY (SELECT x FROM a) TO STDOUT', 'read', ['a']],
  ["COPY a FROM PROGRAM 'x'", 'server', ['a']],
  ['EXPLAIN SELECT * FROM a', 'session', ['a']],
  ['EXPLAIN ANALYZE DELETE FROM a', 'write', ['a']],
  ['SET ROLE postgres', 'rights', []],
  ['SET search_path = x', 'session', []],
  ['BEGIN', 'session', []],
  ['', 'session', []],
] as const) {
  t.test(`readStatement(${text || 'nothing'}) is of class ${kind}`, async (t) => {
    const { class: is, tables: named } = read(text, 'postgresql')
    t.equal(is, kind)
    t.same(named, tables)
  })
}
t.test('readStatement() reads what MySQL runs in comments', async (t) => {
  t.same(read('SELECT 1/*!50000 FROM mysql.user*/', 'mysql').tables, ['mysql.user'])
  t.same(read('SELECT 1/* FROM mysql.user*/', 'mysql').tables, [])
  t.same(read('INSERT INTO `a` VALUES (1) ON DUPLICATE KEY UPDATE b = 1', 'mysql').tables, ['a'])
})
