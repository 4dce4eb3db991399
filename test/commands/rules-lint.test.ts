/** `sekisho rules lint` as it is typed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { main } from '../../src/cli.ts'
import { tarGzOf } from '../rules/archive/pack.ts'

const GOOD = `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,deny,status:403"\n`
const folder = t.testdir({
  'good.conf': GOOD,
  'bad.conf': '# a\nSecRule ARGS "@detectSQLI" "id:100001,phase:2,deny"\nSecRuleEngine Off\n',
  'taken.conf': `SecRule REQUEST_FILENAME "@streq /a" "id:942100,phase:1,pass,nolog"\n`,
  'configmap.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sekisho-rules}\ndata:\n  rules.conf: |\n    SecRuleEngine Off\n  notes.txt: hello\n`,
  'other.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n',
  release: {
    'crs-setup.conf.example': 'SecDefaultAction "phase:1,log,pass"\n',
    plugins: { 'x-after.conf': 'SecRuleRemoveById 942100\n', 'empty-before.conf': '# nothing\n' },
    rules: {
      'REQUEST-942.conf':
        'SecRule ARGS "@pmFromFile words.data" "id:942100,phase:2,deny,skipAfter:END"\nSecMarker END\n',
      'words.data': 'a\n',
    },
  },
  empty: {},
})
const run = async (args: readonly string[], input = '') => {
  const text = { stdout: '', stderr: '' }
  const stream = (key: keyof typeof text) =>
    new PassThrough().on('data', (chunk: Buffer) => {
      text[key] += chunk
    })
  const stdin = new PassThrough()
  stdin.end(input)
  const io = { stdin, stdout: stream('stdout'), stderr: stream('stderr'), env: {} }
  const code = await main(['rules', 'lint', ...args], io)
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}
const at = (name: string): string => join(folder, name)

t.test('rules lint says that nothing is wrong', async (t) => {
  t.strictSame(await run([at('good.conf')]), { code: 0, stdout: '1 file, 1 rule: nothing is wrong\n', stderr: '' })
})

t.test('rules lint says what is wrong, a line each, and exits with 1', async (t) => {
  const { code, stdout } = await run([at('bad.conf')])
  t.equal(code, 1)
  t.strictSame(stdout.split('\n'), [
    `${at('bad.conf')}:2: unknown operator "@detectSQLI" (nearest: @detectSQLi)`,
    `${at('bad.conf')}:3: "SecRuleEngine" is not allowed here: only SecRule, SecAction, SecMarker are; the rest is set by the platform`,
    '',
  ])
})

t.test('rules lint reads stdin and writes JSON', async (t) => {
  const { code, stdout } = await run(['-', '--output', 'json'], 'SecRuleX\n')
  t.equal(code, 1)
  t.match(JSON.parse(stdout), [{ code: 'UnknownDirective', file: 'stdin', line: 1, column: 1 }])
  t.strictSame(await run(['-', '-o', 'json'], GOOD), { code: 0, stdout: '[]\n', stderr: '' })
})

t.test('rules lint reads the .conf keys of a ConfigMap', async (t) => {
  const { code, stdout } = await run([at('configmap.yaml')])
  t.equal(code, 1)
  t.match(stdout, `${at('configmap.yaml')}#rules.conf:1: "SecRuleEngine" is not allowed here`)
  t.match(await run([at('other.yaml')]), { code: 2, stderr: /no ConfigMap in it has a key that ends in \.conf/ })
})

t.test('rules lint reads a release in the order of loading, with its data', async (t) => {
  t.match(await run(['--kind', 'release', at('release')]), { code: 0, stdout: '4 files, 1 rule: nothing is wrong\n' })
  writeFileSync(
    at('release/rules/REQUEST-943.conf'),
    'SecRule ARGS "@pmFromFile wrods.data" "id:943100,phase:2,deny"\n',
  )
  t.match(await run(['--kind', 'release', at('release')]), {
    code: 1,
    stdout: /REQUEST-943\.conf:1: the file wrods\.data/,
  })
})

t.test('rules lint knows the rules of the release', async (t) => {
  t.match(await run([at('taken.conf')]), { code: 1, stdout: /id 942100 must be from 1 to 199999\n$/ })
  t.match(await run([at('taken.conf'), '--release', at('release')]), {
    code: 1,
    stdout: /id 942100 is taken by .*REQUEST-942\.conf:1/,
  })
})

t.test('rules lint reads a release as it is packed, alone and for the ids that it takes', async (t) => {
  const rule = (id: number, operator = '@rx a') =>
    `SecRule ARGS "${operator}" "id:${id},phase:2,pass,ver:'OWASP_CRS/4.25.0'"\n`
  const bodies = {
    'crs-setup.conf.example': 'SecDefaultAction "phase:1,log,pass"\n',
    'rules/REQUEST-901-INITIALIZATION.conf': rule(901001),
    'rules/REQUEST-942.conf': rule(942100, '@pmFromFile words.data'),
    'rules/REQUEST-949-BLOCKING-EVALUATION.conf': rule(949001),
    'rules/RESPONSE-959-BLOCKING-EVALUATION.conf': rule(959001),
    'rules/words.data': 'a\n',
  }
  const pack = (files: Readonly<Record<string, string>>) =>
    tarGzOf(
      Object.entries(files).map(([path, text]) => ({ name: `coreruleset-4.25.0/${path}`, body: Buffer.from(text) })),
    )
  const path = at('coreruleset-4.25.0-minimal.tar.gz')
  writeFileSync(path, await pack(bodies))
  t.match(await run(['--kind', 'release', path]), { code: 0, stdout: '5 files, 4 rules: nothing is wrong\n' })
  t.match(await run([at('taken.conf'), '--release', path]), {
    code: 1,
    stdout: /id 942100 is taken by .*minimal\.tar\.gz#rules\/REQUEST-942\.conf:1/,
  })
  writeFileSync(
    path,
    await pack({ ...bodies, 'rules/words.data': '', 'rules/REQUEST-949-BLOCKING-EVALUATION.conf': 'SecRul\n' }),
  )
  t.match(await run(['--kind', 'release', path]), { code: 1, stdout: /#rules\/REQUEST-949-.*:1: unknown directive/ })
  writeFileSync(path, 'no archive')
  t.match(await run(['--kind', 'release', path]), {
    code: 2,
    stderr: /Cannot read the release .*: The 10 bytes begin with/,
  })
})

t.test('rules lint exits with 2 for what is not there', async (t) => {
  t.match(await run([at('none.conf')]), { code: 2, stderr: /Cannot read .*none\.conf: there is no such file\./ })
  t.match(await run([at('empty')]), { code: 2, stderr: /there is no \.conf file in it/ })
  t.match(await run([]), { code: 2, stderr: /missing required argument/ })
  t.match(await run(['--kind', 'other', at('good.conf')]), { code: 2, stderr: /Allowed choices are custom, release/ })
})

t.test('lint reads files of the IDS by their names, or where it is told to', async (t) => {
  const ids = t.testdir({
    'local.rules': 'alert tcp any any -> any any (msg:"a"; contnet:"b"; sid:1001000;)\n',
    'good.rules': 'drop tcp any any -> any any (msg:"a"; noalert; sid:1001001;)\n',
    'disable.conf': '2019401\n1000000\n',
    'configmap.yaml':
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  disable.conf: "re:("\n  notes.txt: hello\n',
  })
  const [local, filter, good] = ['local.rules', 'disable.conf', 'good.rules'].map((name) => join(ids, name)) as [
    string,
    string,
    string,
  ]
  t.strictSame(await run([local, filter]), {
    code: 1,
    stdout: `${local}:1: unknown option "contnet" (nearest: content)\n${filter}:2: 1000000 is one of Sekisho's own rules (1000000 to 1000999): they are not filtered\n`,
    stderr: '',
  })
  t.match(await run([good]), { code: 1, stdout: /:1: noalert .*the platform has not allowed noalert/ })
  t.match(await run(['--ids', '--allow', 'noalert', '--', good]), {
    code: 0,
    stdout: '1 file, 1 rule: nothing is wrong\n',
    stderr: `warning: ${good}:1: drop only alerts: an IDS listens, and drops nothing\n`,
  })
  t.match(await run(['--ids', '-'], 'no rule\n'), { code: 1, stdout: /^stdin\.rules:1: this is no rule/ })
  const yaml = join(ids, 'configmap.yaml')
  t.match(await run(['--ids', yaml, '-o', 'json']), { code: 1 })
  t.match(JSON.parse((await run(['--ids', yaml, '-o', 'json'])).stdout), [
    { file: `${yaml}#disable.conf`, line: 1, code: 'BadRegex' },
  ])
  t.match(await run(['--ids', at('other.yaml')]), {
    code: 2,
    stderr: /no ConfigMap in it has a key that ends in \.rules/,
  })
  t.match(await run(['--ids', at('empty')]), { code: 2, stderr: /there is no \.rules file or filter in it/ })
})
