/** Detectors that learn nothing: what they say, and what they do not speak of. */
import t from 'tap'
import type { AccessRecord, Change } from '../../../../src/api/audit.ts'
import { ANNA, at, auditOf, DATABASE, findingsOf, NOBODY, placeOf, query, record, settings } from '../parts.ts'

const admin = (change: Change, over: Partial<AccessRecord> = {}): AccessRecord =>
  record({ principal: ANNA, address: '203.0.113.7', action: 'admin', changes: [change], ...over })
const say = (one: AccessRecord, set = {}): string[] =>
  findingsOf([one], auditOf({ set })).map(({ severity, detector, why }) => `${severity} ${detector}: ${why}`)
const user = 'user `anna@shop.example`'
const from = 'from 203.0.113.7'
const own = new Set(['vault'])

for (const [name, one, said] of [
  ['a bucket made public', admin('made-public'), `critical made-public: ${user} made \`invoices\` public, ${from}`],
  [
    'an object made public',
    admin('made-public', { object: 'a.pdf' }),
    `critical made-public: ${user} made \`a.pdf\` in \`invoices\` public, ${from}`,
  ],
  [
    'an instance made public',
    admin('instance-public', { store: DATABASE }),
    `critical instance-public: ${user} made the instance \`orders-db\` reachable from the internet, ${from}`,
  ],
  [
    'a snapshot shared',
    admin('snapshot-shared', { store: DATABASE, destination: '999988887777' }),
    `critical snapshot-shared: ${user} shared a snapshot of \`orders-db\` with \`999988887777\`, ${from}`,
  ],
  [
    'a copy to elsewhere',
    admin('copied-outside', { destination: 'elsewhere' }),
    `high copied-outside: ${user} copied data of \`invoices\` to \`elsewhere\`, ${from}`,
  ],
  [
    'an export to nobody knows where',
    admin('exported', { store: DATABASE }),
    `medium copied-outside: ${user} exported \`orders-db\` to a place that the log does not tell, ${from}`,
  ],
  [
    'a backup deleted',
    admin('backup-deleted', { store: DATABASE, object: 'b7' }),
    `high backup-deleted: ${user} deleted a backup of \`orders-db\` (\`b7\`), ${from}`,
  ],
  [
    'logging off',
    admin('logging-off'),
    `critical logging-off: ${user} switched off the access log of \`invoices\`, ${from}`,
  ],
  [
    'audit off',
    admin('audit-off', { store: DATABASE }),
    `critical logging-off: ${user} switched off the audit log of \`orders-db\`, ${from}`,
  ],
  [
    'protection off',
    admin('deletion-protection-off'),
    `medium deletion-protection-off: ${user} switched off the protection of \`invoices\` against deletion, ${from}`,
  ],
  [
    'an anonymous read',
    record({ principal: NOBODY, address: '203.0.113.7' }),
    `high anonymous-access: somebody anonymous read \`invoices\` ${from}`,
  ],
  [
    'an anonymous write',
    record({ principal: NOBODY, address: '203.0.113.7', action: 'write' }),
    `critical anonymous-access: somebody anonymous wrote to \`invoices\` ${from}`,
  ],
] as const) {
  t.test(`DETECTORS speak of ${name}`, async (t) => t.same(say(one), [said]))
}
for (const [name, one] of [
  ['a change that was denied', admin('made-public', { outcome: 'denied' })],
  ['a snapshot shared with an account of ours', admin('snapshot-shared', { destination: 'vault' })],
  ['a copy to a project of ours', admin('copied-outside', { destination: 'vault' })],
  ['an export to its owner', admin('exported', { destination: 'shop' })],
  ['an anonymous read that was denied', record({ principal: NOBODY, outcome: 'denied' })],
  ['an ordinary read', record()],
] as const) {
  t.test(`DETECTORS do not speak of ${name}`, async (t) => t.same(say(one, { own }), []))
}

const PG = [
  ['sql-program', "copy t from program 'curl x | sh'", 'critical'],
  ['sql-program', "COPY (SELECT 1) TO /* x */ PROGRAM 'nc'", 'critical'],
  ['sql-program', 'CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ x $$ LANGUAGE plpython3u', 'critical'],
  ['sql-server-file', "COPY cards TO '/tmp/x'", 'critical'],
  ['sql-server-file', "select pg_read_file('/etc/passwd')", 'high'],
  ['sql-server-file', "SELECT lo_export(1, '/tmp/x')", 'critical'],
  ['sql-catalogue-dump', 'SELECT usename, passwd FROM pg_shadow', 'high'],
  [
    'sql-catalogue-dump',
    'SELECT id FROM items WHERE id=1 UNION SELECT table_name FROM information_schema.tables',
    'critical',
  ],
  ['sql-catalogue-dump', 'select * from information_schema.columns', 'medium'],
] as const
const MYSQL = [
  ['sql-server-file', "SELECT * FROM cards INTO OUTFILE '/tmp/x'", 'critical'],
  ['sql-server-file', "SELECT 1 /*!50000 INTO DUMPFILE*/ '/var/www/x.php'", 'critical'],
  ['sql-server-file', "SELECT LOAD_FILE('/etc/passwd')", 'high'],
  ['sql-server-file', "LOAD DATA INFILE '/etc/passwd' INTO TABLE t", 'high'],
  ['sql-program', "CREATE FUNCTION sys_eval RETURNS string SONAME 'x.so'", 'critical'],
  ['sql-catalogue-dump', 'SELECT * FROM mysql.user', 'high'],
] as const
for (const [engine, list] of [
  ['postgresql', PG],
  ['mysql', MYSQL],
] as const) {
  for (const [detector, text, severity] of list) {
    t.test(`${detector} speaks of ${text}`, async (t) => {
      const told = findingsOf([query(text, {}, engine)])
      t.same(
        told.map((one) => [one.detector, one.severity]),
        [[detector, severity]],
      )
    })
  }
}
for (const [engine, text] of [
  ['postgresql', "INSERT INTO notes VALUES ('COPY t FROM PROGRAM ''x'' INTO OUTFILE')"],
  ['postgresql', '-- COPY t FROM PROGRAM\nSELECT 1'],
  ['postgresql', 'COPY t TO STDOUT'],
  ['postgresql', 'COPY t FROM STDIN'],
  ['postgresql', 'CREATE FUNCTION f() RETURNS int AS $$ select 1 $$ LANGUAGE sql'],
  ['postgresql', 'SELECT program FROM copy_jobs'],
  ['postgresql', "SELECT c.relname FROM pg_class c WHERE c.relname = 'orders'"],
  ['postgresql', 'SELECT a FROM t UNION SELECT b FROM u'],
  ['mysql', "LOAD DATA LOCAL INFILE 'x.csv' INTO TABLE t"],
  ['mysql', "INSERT INTO outfile (a) VALUES ('load_file(1)')"],
  ['mysql', 'SELECT * FROM `mysql.user`'.replace('mysql.user', 'users')],
  ['mysql', 'SHOW TABLES'],
] as const) {
  t.test(`DETECTORS do not speak of ${text.replaceAll('\n', ' ')}`, async (t) =>
    t.same(findingsOf([query(text, {}, engine)]), []),
  )
}

t.test('sql-superuser-write speaks of writes of superusers alone', async (t) => {
  const root = { principal: { kind: 'database-user', id: 'postgres' } } as const
  t.same(
    findingsOf([
      query('UPDATE accounts SET balance = 1', root),
      query('GRANT ALL ON t TO eve', root),
      query('SELECT 1', root),
      query('UPDATE a SET b = 1'),
    ]).map(({ severity, why }) => `${severity}: ${why}`),
    [
      'low: database user `postgres` wrote, as a superuser, to `orders-db`: `update accounts set balance = ?`, from 10.1.2.3',
      'medium: database user `postgres` changed, as a superuser, rights in `orders-db`: `grant all on t to eve`, from 10.1.2.3',
    ],
  )
})

t.test('denials speaks once a day of a burst from one address, whatever names it tries', async (t) => {
  const tries = (count: number, gap: number, day = 0) =>
    Array.from({ length: count }, (_, tried) =>
      query('', {
        time: at(day) + tried * gap,
        outcome: 'denied',
        address: '203.0.113.7',
        principal: { kind: 'database-user', id: `u${tried}` },
      }),
    )
  const told = findingsOf([...tries(60, 10_000), ...tries(25, 10_000, 1)])
  t.same(
    told.map(({ detector, count }) => [detector, count]),
    [
      ['denials', 3],
      ['denials', 1],
    ],
  )
  t.match(
    told[0]?.why,
    '20 accesses to `orders-db` were denied within 4 minutes, the last to database user `u19`, from 203.0.113.7',
  )
  t.same(findingsOf(tries(19, 1000)), [], 'too few')
  t.same(findingsOf(tries(60, 60_000)), [], 'too slow')
})

const reads = (count: number, over: Partial<AccessRecord> = {}, start = at(0)) => [
  record({ action: 'list', time: start }),
  ...Array.from({ length: count }, (_, part) =>
    record({ time: start + 1000 * (part + 1), object: `o${part}`, ...over }),
  ),
]
t.test('mass-download speaks of a listing and many different objects, until acknowledged', async (t) => {
  const audit = auditOf()
  const told = findingsOf(reads(450), audit)
  t.same(
    told.map(({ detector, severity, count }) => [detector, severity, count]),
    [['mass-download', 'high', 2]],
  )
  t.match(
    told[0]?.why,
    'service account `billing@shop.example` listed `invoices` and read 200 different objects of it within an hour',
  )
  t.ok(audit.acknowledge(told[0]!.id))
  t.same(findingsOf(reads(450, {}, at(1)), audit), [], 'it is usual now')
})
t.test(
  'mass-download does not speak of the same object often, of few, of many without a listing, or later',
  async (t) => {
    t.same(findingsOf(reads(900, { object: 'same' })), [])
    t.same(findingsOf(reads(199)), [])
    t.same(findingsOf(reads(900).slice(1)), [])
    const [list, ...rest] = reads(900)
    t.same(findingsOf([{ ...list!, time: at(0) - 2 * 3_600_000 }, ...rest]), [])
  },
)

t.test('Audit shows a statement without its values', async (t) => {
  const audit = auditOf()
  audit.offer(query("COPY t FROM PROGRAM 'secret-4711'"), placeOf(3))
  audit.flush()
  const [finding] = audit.take()
  t.same(
    finding?.evidence.map(({ place, text }) => [place, text.includes('copy t from program ?')]),
    [[{ object: 'test.json', line: 3 }, true]],
  )
  t.notMatch(JSON.stringify(finding), 'secret-4711')
})
t.test('settings() are the defaults with a hash', async (t) => t.equal(settings().learnMs, 14 * 86_400_000))
