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
  'a rule of the table without what disarms': `SecRule REQUEST_URI "@rx ." "id:100001,phase:1,pass,nolog"\n`,
  'an exclusion of the table that is narrow enough': `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,pass,nolog,ctl:ruleRemoveById=942100"\n`,
  'a page for nobody': `SecRule REQUEST_FILENAME "@beginsWith /internal" \\\n    "id:100001,phase:1,deny,status:403,log,msg:'internal page'"\n`,
  'an exclusion for one field of one page': `SecRule REQUEST_FILENAME "@streq /api/notes" \\\n    "id:100002,phase:1,pass,nolog,ctl:ruleRemoveTargetById=942100;ARGS:text"\n`,
  'an exclusion below a path': `SecRule REQUEST_FILENAME "@beginsWith /api/notes" \\\n    "id:100002,phase:1,pass,nolog,t:none,t:urlDecodeUni,t:normalizePath,ctl:ruleRemoveById=942100"\n`,
  'a chain with a variable of its own': `SecRule REQUEST_METHOD "@streq POST" \\\n    "id:100003,phase:2,deny,status:403,chain,\\\n    msg:'no, not here'"\n    SecRule &ARGS:token "@eq 0" \\\n        "t:none,setvar:tx.custom_seen=+1"\n`,
  'a skip over rules of its own': `SecRule REMOTE_ADDR "@ipMatch 10.0.0.0/8,::1" "id:100004,phase:1,pass,nolog,skipAfter:CUSTOM-END"\nSecAction "id:100005,phase:1,pass,nolog,setvar:'tx.custom_a=1'"\nSecMarker CUSTOM-END\n`,
  'a pattern with quotes written in numbers': `# about "this"\nSecRule ARGS|!ARGS:q|REQUEST_COOKIES:/^s/ "@rx (?i)\\x22on\\w+=" "id:100006,phase:2,deny,status:403,t:none,t:urlDecodeUni,logdata:'%{MATCHED_VAR_NAME}'"\n`,
}
for (const [what, text] of Object.entries(GOOD))
  t.test(`lint() takes ${what}`, async (t) => {
    t.strictSame(custom(text), [])
    t.equal(inPod(text), '', 'and so does the WAF')
  })

const BELOW = (transformations: string): string =>
  `SecRule REQUEST_FILENAME "@beginsWith /a" "id:100001,phase:1,pass,nolog,${transformations},ctl:ruleRemoveById=942100"\n`
for (const transformations of [
  't:none',
  't:normalizePath',
  't:normalizePath,t:urlDecodeUni',
  't:urlDecodeUni,t:normalizePath,t:none',
  't:urlDecodeUni,t:normalizePath,multiMatch',
])
  t.test(`lint() takes no exclusion below a path that is compared after ${transformations}`, async (t) => {
    t.match(custom(BELOW(transformations)), [/@beginsWith say t:none,t:urlDecodeUni,t:normalizePath in this order/])
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
  t.match(awk, new RegExp(`id \\+ 0 < ${allow.DETECTING_IDS.first} \\|\\| id \\+ 0 > ${allow.DETECTING_IDS.last}`))
})
