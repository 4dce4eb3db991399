/** The archive of the baseline rules: whole, in the release's layout, made from the pinned module, and valid for ModSecurity. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { attempt, command } from './command.ts'
import { ensureCrs } from './crs.ts'

const log = () => {}
const { version, tar, tests } = await ensureCrs({ log })
const files = (await command('tar', ['-tf', tar])).trim().split('\n')
const read = (path: string) => command('tar', ['-xOf', tar, `coreruleset-${version}/${path}`])

t.test('ensureCrs() takes the version that crs/go.mod pins and go.sum has the checksum of', async (t) => {
  const mod = readFileSync(join(import.meta.dirname, 'crs/go.mod'), 'utf8')
  t.match(mod, ` v${version}\n`)
  t.match(readFileSync(join(import.meta.dirname, 'crs/go.sum'), 'utf8'), ` v${version} h1:`)
  t.match(await read('crs-setup.conf.example'), `OWASP CRS ver.${version}`)
})

t.test('ensureCrs() lays out what the official release has', async (t) => {
  for (const path of [
    'LICENSE',
    'crs-setup.conf.example',
    'plugins/empty-config.conf',
    'plugins/empty-before.conf',
    'plugins/empty-after.conf',
    'rules/REQUEST-901-INITIALIZATION.conf',
    'rules/REQUEST-942-APPLICATION-ATTACK-SQLI.conf',
    'rules/RESPONSE-980-CORRELATION.conf',
    'rules/sql-errors.data',
  ])
    t.ok(files.includes(`coreruleset-${version}/${path}`), path)
  t.ok(files.every((file) => file.startsWith(`coreruleset-${version}/`)))
})

t.test('ensureCrs() leaves no data file behind that a rule reads', async (t) => {
  let read_ = 0
  for (const file of files.filter((one) => one.endsWith('.conf') && one.includes('/rules/'))) {
    const text = await command('tar', ['-xOf', tar, file])
    for (const [, data] of text.matchAll(/@(?:pmFromFile|pmf|ipMatchFromFile) ([^"\s]+)/g)) {
      read_++
      t.ok(files.includes(`coreruleset-${version}/rules/${data}`), `${data} of ${file}`)
    }
  }
  t.ok(read_ > 10)
})

t.test('ensureCrs() has upstream’s directives alone: none that only Coraza knows', async (t) => {
  const known = new Set(['SecRule', 'SecAction', 'SecMarker', 'SecComponentSignature', 'SecRuleUpdateTargetById'])
  const seen = new Set<string>()
  for (const file of files.filter((one) => one.includes('/rules/') && one.endsWith('.conf')))
    for (const [, directive] of (await command('tar', ['-xOf', tar, file])).matchAll(/^([A-Z]\w+)/gm))
      seen.add(directive!)
  t.same(
    [...seen].filter((directive) => !known.has(directive)),
    [],
  )
  t.ok(seen.has('SecRule'))
})

t.test('ensureCrs() makes the same bytes again', async (t) => {
  const sum = () => createHash('sha256').update(readFileSync(tar)).digest('hex')
  const before = sum()
  rmSync(tar)
  await ensureCrs({ log })
  t.equal(sum(), before)
})

t.test('ensureCrs() gives the release’s own regression tests', async (t) => {
  t.ok(existsSync(join(tests, 'REQUEST-942-APPLICATION-ATTACK-SQLI')))
  t.equal((await attempt('ls', [tests])).code, 0)
})
