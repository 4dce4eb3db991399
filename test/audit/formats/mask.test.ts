/** What is kept as text holds no secret, whole or cut. */
import fc from 'fast-check'
import t from 'tap'
import { mask, maskSql } from '../../../src/audit/formats/mask.ts'

const SECRET = 'hunter2'

const SQL = {
  mysql: [
    `CREATE USER eve IDENTIFIED BY '${SECRET}'`,
    `create user eve identified with mysql_native_password by "${SECRET}" require ssl`,
    `GRANT ALL ON *.* TO eve IDENTIFIED BY PASSWORD '${SECRET}'`,
    `SET PASSWORD FOR 'eve'@'%' = PASSWORD('${SECRET}')`,
    `SET PASSWORD = '${SECRET}'`,
    `CHANGE MASTER TO MASTER_PASSWORD='${SECRET}', MASTER_HOST='h'`,
    `ALTER USER eve IDENTIFIED BY 'it\\'s ${SECRET}' REPLACE 'old ${SECRET}'`,
    `ALTER USER eve IDENTIFIED /* x */ BY /**/ '${SECRET}`,
  ],
  postgresql: [
    `ALTER ROLE eve WITH LOGIN PASSWORD '${SECRET}' VALID UNTIL 'infinity'`,
    `CREATE USER eve ENCRYPTED PASSWORD E'a\\'${SECRET}'`,
    `alter role eve password $$${SECRET}$$`,
    `alter role eve password $x$${SECRET} $$ $x$`,
    `CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'b', password '${SECRET}')`,
    `SELECT dblink_connect('host=h password=${SECRET} dbname=x')`,
    `ALTER ROLE eve PASSWORD 'it''s ${SECRET}`,
  ],
}
for (const engine of ['mysql', 'postgresql'] as const)
  t.test(`maskSql() hides passwords in ${engine}`, async (t) => {
    for (const sql of SQL[engine]) {
      t.notMatch(maskSql(sql, engine), SECRET, sql)
      t.match(maskSql(sql, engine), '***', sql)
      t.notMatch(mask(sql), SECRET, sql)
    }
  })

t.test('maskSql() hides the literal alone: what follows is still to be seen', async (t) => {
  t.equal(
    maskSql("ALTER ROLE a PASSWORD '\\'; COPY t TO PROGRAM 'id'", 'postgresql'),
    "ALTER ROLE a PASSWORD '***'; COPY t TO PROGRAM 'id'",
  )
  t.equal(maskSql("SET PASSWORD = 'x'; DROP TABLE t", 'mysql'), "SET PASSWORD = '***'; DROP TABLE t")
  const harmless = "SELECT password FROM users WHERE name = 'ann'"
  t.equal(maskSql(harmless, 'mysql'), harmless)
})

t.test('mask() hides signatures and tokens of URLs, headers and JSON', async (t) => {
  for (const text of [
    `/b/o?GoogleAccessId=a@b&Expires=1&Signature=${SECRET}%2F`,
    `/b/o?X-Goog-Credential=a&X-Goog-Signature=${SECRET}`,
    `"GET /o?X-Amz-Security-Token=${SECRET}&X-Amz-Signature=${SECRET} HTTP/1.1"`,
    `{"password":"${SECRET}","a":1}`,
    `{"clientSecret":"${SECRET}`,
    `Authorization: Bearer ${SECRET}${SECRET}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}`,
  ])
    t.notMatch(mask(text), SECRET, text)
  t.match(mask('/b/o?GoogleAccessId=a@b&Expires=1&Signature=x'), 'GoogleAccessId=a@b&Expires=1&Signature=***')
  t.equal(mask('nothing of the kind'), 'nothing of the kind')
})

t.test('mask() takes time in proportion to the text, whatever the text', async (t) => {
  const pieces = [
    'PASSWORD ',
    'IDENTIFIED BY ',
    '/*',
    '*/',
    "'",
    '\\',
    '$$',
    ' ',
    'eyJ-',
    '-----BEGIN PRIVATE KEY-----',
    '"password":"',
    '?sig=',
  ]
  for (const piece of pieces) {
    const long = piece.repeat(Math.ceil(200_000 / piece.length))
    const before = performance.now()
    mask(`PASSWORD ${long}`)
    t.ok(performance.now() - before < 20_000, `200 kB of ${JSON.stringify(piece)}`)
  }
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 60 }),
      (words) => typeof mask(words.join('')) === 'string',
    ),
    { numRuns: 200 },
  )
})
