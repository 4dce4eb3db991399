/** Programs that fail say so with their own last words. */
import t from 'tap'
import { attempt, command, requirePrograms, timed } from './command.ts'

t.test('command() throws with the exit code and the last lines of what failed', async (t) => {
  await t.rejects(command('sh', ['-c', 'for n in $(seq 100); do echo line $n; done; echo no space left >&2; exit 3']), {
    message: /^'sh -c .*' ended with exit code 3; its last lines:\nline 87\n(line \d+\n)+no space left$/,
  })
})

t.test('command() names a program that is not there', async (t) => {
  await t.rejects(command('sekisho-no-such-program', []), {
    message: /^Cannot run 'sekisho-no-such-program': .*ENOENT/,
  })
})

t.test('attempt() returns any exit code, and takes input that the program does not read', async (t) => {
  t.match(await attempt('sh', ['-c', 'cat; echo bad >&2; exit 7'], { input: 'in' }), {
    code: 7,
    stdout: 'in',
    stderr: 'bad\n',
  })
  t.equal((await attempt('true', [], { input: 'x'.repeat(1_000_000) })).code, 0)
})

t.test('requirePrograms() names the packages that bring what is missing, in one line to copy', async (t) => {
  await t.rejects(requirePrograms({ sh: 'dash', 'sekisho-none': 'none', 'sekisho-gone': 'gone' }), {
    message: "Cannot build images as programs are missing: run 'apt-get install -y --no-install-recommends none gone'",
  })
})

t.test('timed() tells the beginning and the end with the seconds', async (t) => {
  const lines: string[] = []
  t.equal(
    await timed(
      (line) => lines.push(line),
      'packing',
      async () => 5,
    ),
    5,
  )
  t.match(lines, [/^packing …$/, /^packing: done in \d+\.\d s$/])
})
