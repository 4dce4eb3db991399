/** The program of the sekisho image, run by the Node that the image holds. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import manifest from '../../package.json' with { type: 'json' }
import { bundle, machineArchitecture } from './bundle.ts'
import { attempt } from './command.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-bundle-'))
t.teardown(() => rmSync(folder, { recursive: true }))
await bundle(folder, { log: () => {} })
const node = join(folder, `linux-${machineArchitecture()}`, 'node')
// A folder without node_modules above it: what the bundle does not hold, it does not find.
const sekisho = (...args: string[]) =>
  attempt(node, [join(folder, 'app/sekisho.mjs'), ...args], { cwd: folder, env: {} })

t.test('bundle() makes a program that needs no node_modules', async (t) => {
  t.match(await sekisho('version'), { code: 0, stdout: `sekisho ${manifest.version}\n`, stderr: '' })
})

t.test('bundle() holds every subcommand: each loads and shows its help', async (t) => {
  const { stdout } = await sekisho('--help')
  const commands = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Examples:'))
  const words = [...commands.matchAll(/^ {2}([a-z-]+) .*/gm)].map(([, word]) => word!).filter((word) => word !== 'help')
  t.ok(words.length > 2, `the help lists ${words.join(', ')}`)
  for (const word of words) t.match(await sekisho(word, '--help'), { code: 0, stderr: '' }, word)
})

t.test('bundle() is small: below 6 MB', async (t) => {
  const bytes = readdirSync(join(folder, 'app')).map((file) => statSync(join(folder, 'app', file)).size)
  t.ok(bytes.reduce((sum, size) => sum + size, 0) < 6_000_000)
})

t.test('bundle() writes the licence of each package it holds', async (t) => {
  const text = readFileSync(join(folder, 'LICENSES.txt'), 'utf8')
  const packages = [...text.matchAll(/^==== (\S+) (\S+) \((.*)\)$/gm)]
  t.ok(packages.some(([, name]) => name === 'commander'))
  for (const [, name, , licence] of packages)
    t.match(licence, name === 'openpgp' ? /^LGPL/ : /MIT|Apache|BSD|ISC|Unlicense/, `${name} is ${licence}`)
  t.equal(
    readFileSync(join(folder, 'app/openpgp.mjs'), 'utf8'),
    readFileSync('node_modules/openpgp/dist/node/openpgp.min.mjs', 'utf8'),
    'what is under the LGPL can be replaced: it is a file of its own',
  )
  t.same(readdirSync(folder).sort(), ['LICENSES.txt', 'app', `linux-${machineArchitecture()}`])
})
