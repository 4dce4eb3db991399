/** Each planted mistake is found, alone, under its code and on its line. */
import t from 'tap'
import { lint } from '../../../src/rules/language/lint.ts'
import { asLine } from '../../../src/rules/language/problem.ts'
import { MISTAKES } from './mistakes.ts'
import { AFTER, BEFORE } from './planted.ts'

const judge = (text: string) =>
  lint({ kind: 'release', files: [{ name: 'rules.conf', text }], dataFiles: ['words.data'] }).problems

t.test('lint() finds nothing where nothing is wrong', async (t) => t.strictSame(judge(BEFORE + AFTER), []))

t.test('the table of mistakes is long', async (t) => t.ok(Object.keys(MISTAKES).length >= 60))

for (const [what, { text, code, line = 1, says }] of Object.entries(MISTAKES))
  t.test(`lint() finds ${what}`, async (t) => {
    const problems = judge(`${BEFORE}${text}${AFTER}`)
    t.equal(problems.map(asLine).length, 1, problems.map(asLine).join('\n'))
    t.match(problems[0], { code, file: 'rules.conf', line: BEFORE.split('\n').length - 1 + line, message: says })
  })

t.test('lint() finds a file of nothing, but lets a placeholder be', async (t) => {
  const files = [
    { name: 'rules.conf', text: 'SecAction "id:1,phase:1,pass"\n' },
    { name: 'cut-off.conf', text: '\n# nothing\n' },
    { name: 'plugins/empty-before.conf', text: '# nothing\n' },
  ]
  t.strictSame(lint({ kind: 'release', files }).problems.map(asLine), ['cut-off.conf:1: the file holds no directive'])
})

t.test('lint() finds a set of no rules', async (t) => {
  t.strictSame(judge('SecRuleEngine On\n').map(asLine), ['rules.conf:1: there is no rule'])
})

t.test('lint() finds an id taken by a rule that is loaded besides', async (t) => {
  const text = 'SecAction "id:100001,phase:1,pass"\n'
  const { catalogue } = lint({ kind: 'release', files: [{ name: 'release.conf', text }] })
  const { problems } = lint({ kind: 'custom', files: [{ name: 'rules.conf', text }], besides: catalogue })
  t.strictSame(problems.map(asLine), ['rules.conf:1: id 100001 is taken by release.conf:1'])
})

t.test('lint() tells problems in the order of the files and lines', async (t) => {
  const files = ['b.conf', 'a.conf'].map((name) => ({ name, text: 'SecRuleX\nSecAction "id:0,phase:9,pass"\n' }))
  t.strictSame(
    lint({ kind: 'release', files }).problems.map(({ file, line, code }) => `${file}:${line} ${code}`),
    [
      'b.conf:1 UnknownDirective',
      'b.conf:2 BadId',
      'b.conf:2 BadPhase',
      'a.conf:1 UnknownDirective',
      'a.conf:2 BadId',
      'a.conf:2 DuplicateId',
      'a.conf:2 BadPhase',
    ],
  )
})
