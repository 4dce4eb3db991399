/** The completion scripts, in the shells themselves. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { COMMANDS, main } from '../../src/cli.ts'

const script = async (shell: string) => {
  let text = ''
  const stdout = new PassThrough().on('data', (chunk: Buffer) => {
    text += chunk
  })
  t.equal(
    await main(['completion', shell], { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env: {} }),
    0,
  )
  await new Promise((resolve) => setImmediate(resolve))
  return text
}

/** What bash offers for a line; the last word is the one being typed. */
const offered = (file: string, ...words: string[]): string[] => {
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const { stdout, stderr } = spawnSync(
    'bash',
    [
      '--norc',
      '-c',
      `source ${file}; COMP_WORDS=(sekisho ${quoted}); COMP_CWORD=${words.length}; _sekisho; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { encoding: 'utf8' },
  )
  t.equal(stderr, '')
  return stdout.trim().split('\n')
}

t.test('completion(bash) offers commands, subcommands, options and files', async (t) => {
  const file = join(t.testdir(), 'sekisho.bash')
  writeFileSync(file, await script('bash'))
  const words = offered(file, '')
  for (const { word } of COMMANDS) t.ok(words.includes(word), word)
  t.same(offered(file, 'comp'), ['completion'])
  t.same(offered(file, 'config', ''), ['check', 'help', '--help'])
  t.ok(offered(file, 'config', 'check', '--').includes('--part'))
  t.ok(offered(file, 'webhook', '--').includes('--log-level'))
  t.notOk(offered(file, 'webhook', '--').includes('--part'), 'nothing of another command')
  t.same(offered(file, 'webhook', '--config', file.slice(0, -4)), [file])
})

t.test('completion(zsh) and completion(fish) name every command and no quote is left open', async (t) => {
  for (const shell of ['zsh', 'fish']) {
    const text = await script(shell)
    for (const { word } of COMMANDS) t.match(text, word, `${shell}: ${word}`)
    // Both shells end a single-quoted word as bash does, so bash finds a quote that is left open.
    const found = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' }).stderr
    t.notMatch(found, /unexpected EOF while looking for matching/, shell)
  }
})
