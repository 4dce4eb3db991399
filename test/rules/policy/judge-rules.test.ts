/** What the webhook says of a ConfigMap with rules. The table of rules that disarm is test/rules/language/disarming.ts. */
import t from 'tap'
import { judgeRules } from '../../../src/rules/policy/judge-rules.ts'
import { DISARMING } from '../language/disarming.ts'

const GOOD = `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,deny,status:403"\n`
const judge = (data: Record<string, string>, binaryKeys: string[] = []) =>
  judgeRules({ name: 'team', data, binaryKeys })

t.test('judgeRules() takes rules that can be read and are allowed, and looks at .conf alone', async (t) => {
  t.match(judge({ 'rules.conf': GOOD, 'notes.txt': 'SecRuleEngine Off' }, ['logo.png']), {
    verdict: 'allow',
    reason: 'RulesAccepted',
    warnings: [],
  })
  t.match(judge({ 'rules.conf': '# SecRuleEngine Off\n', 'b.conf': '' }), { verdict: 'allow', warnings: [] })
  t.match(judge({ 'rules.txt': GOOD }), { verdict: 'allow', warnings: [/no key of it ends in \.conf/] })
})

t.test('judgeRules() says file and line, in the order of the keys', async (t) => {
  t.match(judge({ 'rules.conf': `${'# a\n'.repeat(13)}SecRule ARGS "@detectSQLI" "id:100001,phase:2,deny"\n` }), {
    verdict: 'deny',
    reason: 'RulesRefused',
    detail: 'rules.conf:14: unknown operator "@detectSQLI" (nearest: @detectSQLi)',
  })
  t.equal(judge({ 'b.conf': GOOD, 'a.conf': GOOD }).detail, 'b.conf:1: id 100001 is taken by a.conf:1')
  t.equal(judge({}, ['a.conf']).detail, 'a.conf:1: the file is not text: write it in UTF-8')
})

t.test('judgeRules() refuses every rule that disarms', async (t) => {
  for (const [what, text] of Object.entries(DISARMING))
    t.match(judge({ 'rules.conf': text }), { verdict: 'deny', detail: /^rules\.conf:\d+: ./ }, what)
})

t.test('judgeRules() tells of twenty lines, and how many more there are', async (t) => {
  const { detail } = judge({ 'rules.conf': 'SecRuleEngine Off\n'.repeat(50) })
  const lines = detail.split('\n')
  t.equal(lines.length, 21)
  t.match(lines.at(-1), /^and \d+ more$/)
})

/** 256 KiB that cost the most to judge. The webhook has 5 s for an answer, and judges nothing else meanwhile. */
const words = (word: (i: number) => string, gap: string): string => {
  const all = Array.from({ length: 40_000 }, (_, i) => word(i)).join(gap)
  return all.slice(0, 260_000)
}
for (const [what, text] of [
  ['unknown variables', `SecRule ${words((i) => `REQUEST_HEADRE${i}`, '|')} "@rx a" "id:1,phase:2,deny"\n`],
  ['unknown actions', `SecAction "id:1,phase:1,${words((i) => `lgo${i}`, ',')}"\n`],
  ['unknown directives', words((i) => `SecRuul${i}`, '\n')],
  ['macros', `SecAction "id:1,phase:1,pass,logdata:'${words((i) => `%{ARGX${i}}`, '')}'"\n`],
  ['groups', `SecRule ARGS "@rx ${'(a|b)'.repeat(52_000)}" "id:1,phase:2,deny"\n`],
  [
    '500 patterns',
    Array.from(
      { length: 500 },
      (_, i) => `SecRule ARGS "@rx ${'(?:a|b[c-d]+)*?'.repeat(28)}" "id:${i + 1},phase:2,deny"\n`,
    ).join(''),
  ],
] as const)
  t.test(`judgeRules() answers in time about many ${what}`, async (t) => {
    t.ok(text.length > 160_000, `${text.length} bytes`)
    const start = performance.now()
    t.match(judge({ 'rules.conf': text }).verdict, /allow|deny/)
    t.ok(performance.now() - start < 4000)
  })

t.test('judgeRules() answers in time about many files', async (t) => {
  const data = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`${i}.conf`, `Sec${i}`]))
  const start = performance.now()
  t.match(judge(data), { verdict: 'deny', detail: /and \d+ more$/ })
  t.ok(performance.now() - start < 4000)
})
