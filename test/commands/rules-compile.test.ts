/** `sekisho rules compile` and `sekisho rules diff` as they are typed. */
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { main } from '../../src/cli.ts'
import { crsArchive, crsFiles } from '../rules/crs-files.ts'

const CRS = { version: '4.25.0', rules: 3 }
const RULE = `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,deny,status:403"\n`
const { privateKey } = generateKeyPairSync('ed25519')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const pem = { type: 'pkcs8', format: 'pem' } as const
const flat = (files: Record<string, string>) => {
  const tree: Record<string, Record<string, string> | string> = {}
  for (const [path, text] of Object.entries(files)) {
    const [folder, name] = path.split('/') as [string, string?]
    if (name === undefined) tree[folder] = text
    else tree[folder] = { ...(tree[folder] as Record<string, string>), [name]: text }
  }
  return tree
}
const folder = t.testdir({
  release: flat(crsFiles(CRS)),
  newer: flat(crsFiles({ ...CRS, rules: 4 })),
  'rules.conf': RULE,
  'bad.conf': `${RULE}SecRuleEngine Off\n`,
  'key.pem': privateKey.export(pem),
  'rsa.pem': rsa.export(pem),
  'policy.yaml':
    'languages: [php]\nexclusions:\n  - {rule: 942001, path: /api, parameter: q, reason: x, expires: "2999-01-01T00:00:00Z"}\n',
  'wrong.yaml':
    'exclusions:\n  - {rule: 942999, path: api, parameter: q, reason: x}\n  - {rule: 942999, path: /api, parameter: q, reason: x}\n',
  'typo.yaml': 'paranoiaLevel: 1\nparanoiaLevels: 2\n',
})
const at = (name: string): string => join(folder, name)
writeFileSync(at('release.tar.gz'), await crsArchive(CRS))

const run = async (...args: readonly string[]) => {
  const text = { stdout: '', stderr: '' }
  const stream = (key: keyof typeof text) =>
    new PassThrough().on('data', (chunk: Buffer) => {
      text[key] += chunk
    })
  const stdin = new PassThrough()
  stdin.end()
  const code = await main(['rules', ...args], { stdin, stdout: stream('stdout'), stderr: stream('stderr'), env: {} })
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}

t.test('rules compile says what the bundle of a policy holds, and when an exclusion ends', async (t) => {
  const { code, stdout } = await run('compile', '-r', at('release'), '-p', at('policy.yaml'), '-b', at('rules.conf'))
  t.equal(code, 0)
  t.match(
    stdout,
    /^CRS 4\.25\.0: 9 rules in 7 files, \d+ KiB; an exclusion ends at 2999-01-01T00:00:00\.000Z\ncontent [0-9a-f]{64}\n$/,
  )
})

t.test('rules compile makes the same of a folder and of an archive', async (t) => {
  const [one, two] = await Promise.all(
    ['release', 'release.tar.gz'].map((path) => run('compile', '-r', at(path), '-o', 'json')),
  )
  t.equal(one!.code, 0)
  t.strictSame(two, one)
  t.match(JSON.parse(one!.stdout), { release: '4.25.0', rules: 7, address: /^[0-9a-f]{64}$/, notes: [] })
})

t.test('rules compile with a key writes a whole, signed bundle', async (t) => {
  const out = at('bundle')
  const args = ['compile', '-r', at('release'), '-k', at('key.pem'), '-n', 'shop', '--sequence', '7', '--out', out]
  const { code, stdout } = await run(...args)
  t.equal(code, 0)
  t.match(stdout, /^generation crs-4\.25\.0-[0-9a-f]{16}$/m)
  const manifest = readFileSync(join(out, 'manifest'), 'utf8')
  t.match(manifest, /^namespace shop\nsequence 7\nrollback no$/m)
  const key = /^key (.*)$/m.exec(manifest)![1]
  writeFileSync(at('public.pem'), `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA${key}\n-----END PUBLIC KEY-----\n`)
  const verify = [
    'pkeyutl',
    '-verify',
    '-rawin',
    '-pubin',
    '-inkey',
    at('public.pem'),
    '-in',
    'manifest',
    '-sigfile',
    'manifest.sig',
  ]
  t.equal(spawnSync('openssl', verify, { cwd: out }).status, 0)
  const again = await run(...args)
  t.equal(again.code, 3)
  t.match(again.stderr, /Cannot write the bundle to /)
  t.ok(readdirSync(out).includes('REQUEST-900-10-SETUP.conf'))
})

t.test('rules compile refuses in lines that name the place, and writes nothing', async (t) => {
  const out = at('none')
  const { code, stdout } = await run(
    'compile',
    '-r',
    at('release'),
    '-p',
    at('wrong.yaml'),
    '-b',
    at('bad.conf'),
    '--out',
    out,
  )
  t.equal(code, 1)
  t.strictSame(
    stdout.split('\n').map((line) => line.split(': ', 1)[0]),
    ['bad.conf:2', 'exclusions[0].path', 'exclusions[1].rule', ''],
  )
  t.notOk(existsSync(out))
  const json = await run('compile', '-r', at('release'), '-p', at('wrong.yaml'), '-o', 'json')
  t.match(JSON.parse(json.stdout), { problems: [{ code: 'BadPath' }, { code: 'UnknownRule' }] })
})

for (const [what, args, expected] of [
  ['a setting that does not exist', ['-p', 'typo.yaml'], /typo\.yaml:2:1: .*paranoiaLevels.*paranoiaLevel/],
  ['a policy that is not there', ['-p', 'none.yaml'], /Cannot read .*none\.yaml/],
  ['rules that are not there', ['-b', 'none.conf'], /Cannot read .*none\.conf/],
  ['a key of another kind', ['-k', 'rsa.pem'], /Cannot sign with .*rsa\.pem: an Ed25519 private key in PEM is wanted/],
  ['a key that is none', ['-k', 'rules.conf'], /an Ed25519 private key in PEM is wanted/],
] as const)
  t.test(`rules compile does not try with ${what}`, async (t) => {
    const { code, stderr } = await run('compile', '-r', at('release'), args[0], at(args[1]))
    t.equal(code, 2)
    t.match(stderr, expected)
  })

t.test('rules compile does not try without a release, or with a sequence or namespace that cannot be', async (t) => {
  t.match(await run('compile', '-r', at('none')), {
    code: 2,
    stderr: /Cannot read the release .*none: there is no such file or folder\./,
  })
  t.match(await run('compile', '-r', at('rules.conf')), { code: 2, stderr: /Cannot read the release / })
  t.match(await run('compile', '-r', at('release'), '--sequence', '0'), {
    code: 2,
    stderr: /--sequence must be a whole number from 1, not '0'/,
  })
  t.match(await run('compile', '-r', at('release'), '-k', at('key.pem'), '-n', 'Shop'), {
    code: 2,
    stderr: /namespace: the name of a namespace is wanted/,
  })
})

t.test('rules diff tells what one release has more than another', async (t) => {
  t.match(await run('diff', at('release.tar.gz'), at('newer')), {
    code: 0,
    stdout: '+ 942003\n1 added, 0 removed, 0 changed\n',
  })
  const { stdout } = await run('diff', at('newer'), at('release'), '-o', 'json')
  t.match(JSON.parse(stdout), { added: [], removed: [{ id: 942003 }], changed: [] })
  t.match(await run('diff', at('none'), at('release')), { code: 2, stderr: /there is no such file/ })
})
