import t from 'tap'
import { overlay } from './install.ts'
import { mismatch, Narrator, StoryError } from './narrator.ts'
import { withImages } from './station.ts'

const answer = { code: 1, stdout: 'a\n', stderr: 'Error: no\n' }

t.test('mismatch() finds a wrong exit code, a missing and an unwanted text', async (t) => {
  t.equal(mismatch(answer, { code: 1, holds: ['no', /^a/], lacks: ['yes'] }), undefined)
  t.match(mismatch(answer, {}), /exit code 1, expected 0/)
  t.match(mismatch(answer, { code: 1, holds: ['yes'] }), /lacks yes/)
  t.match(mismatch(answer, { code: 1, lacks: [/no/] }), /holds \/no\//)
})

t.test('Narrator.command() prints command and answer, and throws when the answer is not as told', async (t) => {
  const lines: string[] = []
  const tell = new Narrator((line) => lines.push(line))
  await tell.command('kubectl x', async () => answer, { code: 1 })
  t.same(lines, ['\n   $ kubectl x', '   a', '   Error: no'])
  await t.rejects(
    tell.command('kubectl x', async () => answer),
    StoryError,
  )
})

t.test('withImages() puts a cluster its own images', async (t) => {
  t.equal(
    withImages('image: registry.local/sekisho/sekisho-waf:dev', { prefix: 'r.example/s', tag: '1' }),
    'image: r.example/s/sekisho-waf:1',
  )
})

t.test('overlay() names every image once and keeps the patch on one line', async (t) => {
  const text = overlay('../base', { prefix: 'r.example/s', tag: '1' }, 'cni0')
  for (const name of ['sekisho', 'sekisho-waf', 'sekisho-ids']) t.match(text, `newName: "r.example/s/${name}"`)
  t.match(text, '"value":"cni0"')
})
