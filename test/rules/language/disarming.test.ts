/** Nothing in a namespace's own rules disarms the Core Rule Set; the WAF's own judge in the Pod says the same. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as allow from '../../../src/rules/language/allow.ts'
import { lint } from '../../../src/rules/language/lint.ts'
import { asLine } from '../../../src/rules/language/problem.ts'
import { DISARMING } from './disarming.ts'

const AWK = join(import.meta.dirname, '../../../waf/lib/lint.awk')
const custom = (text: string): string[] =>
  lint({ kind: 'custom', files: [{ name: 'rules.conf', text }] }).problems.map(asLine)
const folder = t.testdir()

/** Whether the judge in the Pod refuses, patterns apart, which it has compiled by another program. */
const inPod = (text: string): string => {
  const file = join(folder, 'rules.conf')
  writeFileSync(file, text)
  return spawnSync('awk', ['-f', AWK, file], { encoding: 'utf8' }).stdout
}

t.test('the table of disarming rules is long', async (t) => t.ok(Object.keys(DISARMING).length >= 40))

for (const [what, text] of Object.entries(DISARMING))
  t.test(`lint() refuses a rule that ${what}`, async (t) => {
    const problems = custom(text)
    t.match(problems[0], /^rules\.conf:\d+: ./)
    t.not(inPod(text), '', 'and so does the WAF')
  })

/** What the disarming rules are made from is taken, so each is refused for what it adds. */
const GOOD: Readonly<Record<string, string>> = {
  'no rule at all': '',
  'rules that are commented out': '# SecRuleEngine Off\n\n',
  'a rule of the table without what disarms': `SecRule REQUEST_URI "@rx ." "id:100001,phase:1,pass,nolog"\n`,
  'a page for nobody': `SecRule REQUEST_FILENAME "@beginsWith /internal" \\\n    "id:100001,phase:1,deny,status:403,log,msg:'internal page'"\n`,
  'a chain with a variable of its own': `SecRule REQUEST_METHOD "@streq POST" \\\n    "id:100003,phase:2,deny,status:403,chain,\\\n    msg:'no, not here'"\n    SecRule &ARGS:token "@eq 0" \\\n        "t:none,setvar:tx.custom_seen=+1"\n`,
  'a skip over rules of its own': `SecRule REMOTE_ADDR "@ipMatch 10.0.0.0/8,::1" "id:100004,phase:1,pass,nolog,skipAfter:CUSTOM-END"\nSecAction "id:100005,phase:1,pass,nolog,setvar:'tx.custom_a=1'"\nSecMarker CUSTOM-END\n`,
  'a pattern with quotes written in numbers': `# about "this"\nSecRule ARGS|!ARGS:q|REQUEST_COOKIES:/^s/ "@rx (?i)\\x22on\\w+=" "id:100006,phase:2,deny,status:403,t:none,t:urlDecodeUni,logdata:'%{MATCHED_VAR_NAME}'"\n`,
}
for (const [what, text] of Object.entries(GOOD))
  t.test(`lint() takes ${what}`, async (t) => {
    t.strictSame(custom(text), [])
    t.equal(inPod(text), '', 'and so does the WAF')
  })

t.test('lint() says where removals belong, and so does the WAF', async (t) => {
  const says = /rules are excluded by spec\.exclusions of a WafPolicy/
  for (const option of [
    'ruleRemoveById=942100',
    'ruleRemoveTargetById=942100;ARGS:text',
    'ruleRemoveByTag=OWASP_CRS',
  ]) {
    const text = `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,pass,nolog,ctl:${option}"\n`
    t.match(custom(text), [says])
    t.match(inPod(text), says)
  }
})

const rules = (count: number): string =>
  Array.from({ length: count }, (_, i) => `SecAction "id:${i + 1},phase:1,pass,nolog"\n`).join('')
t.test('lint() takes as many rules as the WAF does, and one more it does not read', async (t) => {
  const { rules: most } = allow.MOST_CUSTOM
  t.strictSame(custom(rules(most)), [])
  const many = `${rules(most + 1)}SecRuleEngine Off\n`
  t.strictSame(custom(many), [
    `rules.conf:${most + 1}: more than ${most} rules, chained ones counted: write one rule with alternatives, or @pm or @within with a list of words`,
  ])
  t.match(inPod(many), `rules.conf:${most + 1}: more than ${most} rules, chained ones counted`)
  const halves = ['a.conf', 'b.conf'].map((name, i) => ({
    name,
    text: rules(most / 2 + 1).replaceAll('id:', `id:${i + 1}00`),
  }))
  t.match(lint({ kind: 'custom', files: halves }).problems, [{ file: 'b.conf', line: most / 2, code: 'TooManyRules' }])
  t.strictSame(lint({ kind: 'release', files: [{ name: 'a.conf', text: rules(most + 1) }] }).problems, [])
})

t.test('lint() takes as many bytes as the WAF does, in all files together', async (t) => {
  const { bytes } = allow.MOST_CUSTOM
  const rule = rules(1)
  const comment = (length: number) =>
    `# ${'\u00e9'.repeat((length - 3 - (length % 2 === 0 ? 1 : 0)) / 2)}${length % 2 === 0 ? 'a' : ''}\n`
  t.equal(Buffer.byteLength(comment(1000)), 1000)
  const files = (more: number) => [
    { name: 'a.conf', text: rule },
    { name: 'b.conf', text: comment(bytes - rule.length + more) },
  ]
  t.notMatch(lint({ kind: 'custom', files: files(0) }).problems, [{ code: 'TooLarge' }])
  t.match(lint({ kind: 'custom', files: files(1) }).problems.map(asLine), [
    `b.conf:1: more than ${bytes} bytes in all files together`,
  ])
  const sh = readFileSync(join(import.meta.dirname, '../../../waf/lib/custom.sh'), 'utf8')
  t.match(sh, `CUSTOM_BYTES=${bytes}\n`)
})

t.test('lint() says the sentence that kubectl shows', async (t) => {
  const lines = '# a\n'.repeat(13)
  t.strictSame(custom(`${lines}SecRule ARGS "@detectSQLI" "id:100001,phase:2,deny"\n`), [
    'rules.conf:14: unknown operator "@detectSQLI" (nearest: @detectSQLi)',
  ])
})

t.test('the allow-list is that of the WAF', async (t) => {
  const awk = readFileSync(AWK, 'utf8')
  const words = (into: string): string[] => new RegExp(`words\\("([^"]*)", ${into}\\)`).exec(awk)![1]!.split(' ').sort()
  const sorted = (list: readonly string[]): string[] => [...list].sort()
  // To the engine @noMatch is a text to look for.
  t.strictSame(sorted([...allow.ALLOWED_OPERATORS, 'noMatch']), words('operators'))
  t.strictSame(sorted(allow.ALLOWED_VARIABLES), words('variables'))
  t.strictSame(sorted(allow.ALLOWED_TRANSFORMATIONS), words('transformations'))
  t.strictSame(sorted(allow.ALLOWED_ACTIONS), words('actions'))
  t.strictSame(sorted(allow.ALLOWED_CHAINED_ACTIONS), words('chained_actions'))
  const number = (name: string): number => Number(new RegExp(`${name} = (\\d+)`).exec(awk)![1])
  t.equal(number('FIRST_ID'), allow.CUSTOM_IDS.first)
  t.equal(number('LAST_ID'), allow.CUSTOM_IDS.last)
  t.equal(number('MOST_RULES'), allow.MOST_CUSTOM.rules)
})
