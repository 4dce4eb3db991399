/** main(): words, help and exit codes of the command line. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { COMMANDS, main } from '../../src/cli.ts'
import { VERSION } from '../../src/version.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')

const run = async (...args: string[]) => {
  const text = { stdout: '', stderr: '' }
  const stream = (key: keyof typeof text) =>
    new PassThrough().on('data', (chunk: Buffer) => {
      text[key] += chunk
    })
  const code = await main(args, {
    stdin: new PassThrough(),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: {},
  })
  await new Promise((resolve) => setImmediate(resolve))
  return { code, ...text }
}

t.test('main() without a word shows what there is, and that is a usage error', async (t) => {
  const { code, stdout } = await run()
  t.equal(code, 2)
  for (const { word, sentence } of COMMANDS)
    t.match(stdout.replace(/\s+/g, ' '), new RegExp(`${word}.* ${sentence.split(' ')[0]}`))
})

t.test('main() shows help for the asking, with examples', async (t) => {
  for (const args of [['--help'], ['help'], ['help', 'version'], ['version', '--help'], ['help', 'config']]) {
    const { code, stdout, stderr } = await run(...args)
    t.equal(code, 0, args.join(' '))
    t.match(stdout, /^Usage: sekisho/)
    t.equal(stderr, '')
  }
  t.match((await run('version', '--help')).stdout, /Examples:\n {2}\$ sekisho version\n/)
})

t.test('main() knows the word that was meant', async (t) => {
  const { code, stderr } = await run('confg')
  t.equal(code, 2)
  t.match(stderr, /error: unknown command 'confg'\n\(Did you mean config\?\)/)
})

t.test('main() refuses an unknown option', async (t) => {
  const { code, stderr } = await run('version', '--outptu', 'json')
  t.equal(code, 2)
  t.match(stderr, /unknown option '--outptu'\n\(Did you mean --output\?\)/)
})

t.test('main() prints the version in three ways', async (t) => {
  t.equal((await run('version')).stdout, `sekisho ${VERSION}\n`)
  t.equal((await run('--version')).stdout, `${VERSION}\n`)
  t.match(JSON.parse((await run('version', '--output', 'json')).stdout), { version: VERSION, node: /^24\./ })
})

t.test('main() says each command by the sentence that its help says', async (t) => {
  const { stdout } = await run('help')
  for (const { word, sentence } of COMMANDS) {
    const help = (await run('help', word)).stdout.replace(/\s+/g, ' ')
    t.ok(help.includes(sentence), `${word}: ${sentence}`)
    t.ok(stdout.includes(word))
  }
})

t.test('sekisho config check', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'sekisho.yaml')
  const check = (text: string, ...more: string[]) => {
    writeFileSync(file, text)
    return run('config', 'check', file, ...more)
  }
  t.test('config check explains each value and where it comes from', async (t) => {
    const { code, stdout } = await check('inject:\n  capture: port\n  image: waf:1\n')
    t.equal(code, 0)
    t.match(stdout, /^listen\.port +8443 +default +port on which the webhook \(TLS\) is served/m)
    t.match(stdout, /^inject\.image +"waf:1" +set, line 3 +the sekisho-waf image/m)
  })
  t.test('config check takes the image that the flag gives', async (t) => {
    const { stdout } = await check('inject: {capture: port}\n', '--waf-image', 'waf:2', '--output', 'json')
    const image = JSON.parse(stdout).find(({ key }: { key: string }) => key === 'inject.image')
    t.match(image, { value: 'waf:2', where: '--waf-image' })
  })
  t.test('config check exits with 1 and a line a problem', async (t) => {
    const { code, stdout } = await check('inject:\n  captur: port\n  image: waf:1\n')
    t.equal(code, 1)
    t.equal(
      stdout,
      `${file}:1:1: Cannot do without 'inject.capture': how requests reach the WAF; must be said, never chosen silently (port). Add it.\n` +
        `${file}:2:3: Cannot use 'inject.captur': unknown key; did you mean 'inject.capture'?\n`,
    )
    const json = await check('inject:\n  captur: port\n  image: waf:1\n', '-o', 'json')
    t.match(JSON.parse(json.stdout), [{ code: 'ConfigMissingKey' }, { code: 'ConfigUnknownKey', where: `${file}:2:3` }])
  })
  t.test('config check exits with 2 for a file that is not there', async (t) => {
    t.match(await run('config', 'check', join(folder, 'none.yaml')), { code: 2, stdout: /there is no such file/ })
  })
  t.test('config check exits with 2 for a part that is none', async (t) => {
    t.match(await run('config', 'check', file, '--part', 'wbhook'), {
      code: 2,
      stderr: /--part must be webhook, rules, guard, ids, certs/,
    })
  })
  t.test('config check takes the files of the installation', async (t) => {
    const folder = join(import.meta.dirname, '../../manifests/base/config')
    t.equal((await run('config', 'check', join(folder, 'webhook.yaml'), '--waf-image', 'x')).code, 0)
    t.equal((await run('config', 'check', join(folder, 'certs.yaml'), '--part', 'certs')).code, 0)
    t.equal((await run('config', 'check', join(folder, 'rules.yaml'), '--part', 'rules')).code, 0)
  })
})

t.test('sekisho webhook exits with 2 and every problem when its configuration is wrong', async (t) => {
  const file = join(t.testdir(), 'sekisho.yaml')
  writeFileSync(file, 'inject: {capture: port}\nlisten: {prt: 1}\n')
  const { code, stderr } = await run('webhook', '--config', file)
  t.equal(code, 2)
  t.match(stderr, /^error: .*sekisho.yaml:1:1: Cannot do without 'inject.image'/)
  t.match(stderr, /\n.*sekisho.yaml:2:10: Cannot use 'listen.prt': unknown key; did you mean 'listen.port'\?/)
  t.match(await run('webhook', '--config', file, '--log-level', 'loud'), {
    code: 2,
    stderr: /must be one of debug, info, warn, error/,
  })
  t.match(await run('webhook'), { code: 2, stderr: /required option '-c, --config <file>' not specified/ })
})

t.test('sekisho as a program passes its exit code on, and outlives a closed pipe', async (t) => {
  const program = (command: string) =>
    spawnSync('bash', ['-c', command], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  t.equal(program(`${process.execPath} ${CLI} nonsense`).status, 2)
  const piped = program(`set -o pipefail; ${process.execPath} ${CLI} completion bash | head -1`)
  t.equal(piped.stderr, '')
  t.equal(piped.stdout, '# bash completion for sekisho: source <(sekisho completion bash)\n')
})

t.test('sekisho version loads neither the server nor the Kubernetes client', async (t) => {
  // What is loaded is told by the loader's own hook, in a process of its own.
  const hook =
    "require('node:module').registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } })"
  const preload = join(t.testdir(), 'hook.cjs')
  writeFileSync(preload, hook)
  const { stdout, stderr } = spawnSync(process.execPath, ['--require', preload, CLI, 'version'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  })
  t.equal(stdout, `sekisho ${VERSION}\n`)
  t.match(stderr, /src\/commands\/version\.ts/)
  t.notMatch(stderr, /fastify|client-node|node-forge|pino|zod|src\/admission/)
})
