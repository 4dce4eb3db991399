import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const LINT = join(import.meta.dirname, '../../waf/lib/lint.awk')
const MANY = 'SecRule ARGS "@rx a" "id:1,phase:2,deny"\n'

/** What is refused of a file, with the file's name taken off. */
function lint(text: string): string[] {
  const folder = t.testdir({ 'rules.conf': text })
  const { stdout, status, stderr } = spawnSync('awk', ['-f', LINT, 'rules.conf'], { cwd: folder, encoding: 'utf8' })
  t.equal(stderr, '')
  const lines = stdout.split('\n').filter((line) => line !== '')
  t.equal(status, lines.length === 0 ? 0 : 1)
  return lines.map((line) => line.replace(/^rules\.conf:/, ''))
}
/** A rule with these actions after its id and phase. */
const acting = (actions: string, condition = 'ARGS "@rx a"') => `SecRule ${condition} "id:1,phase:2,${actions}"`

const allowed: Record<string, string> = {
  nothing: '',
  'comments and empty lines': '# a\n\n   # b\n',
  'a block of one path':
    'SecRule REQUEST_FILENAME "@beginsWith /internal" \\\n    "id:100001,phase:1,deny,status:403,log,\\\n    msg:\'internal, only\'"\n',
  'a chain': `${acting('pass,nolog,chain')}\n  SecRule REQUEST_METHOD "!@within GET HEAD" "t:none,setvar:tx.custom_a=+1"`,
  'a marker of its own': `${acting('pass,skipAfter:CUSTOM-END')}\nSecMarker CUSTOM-END\n`,
  'selectors and counts': acting('deny', '&ARGS:/^x/|!REQUEST_HEADERS:Cookie|REQUEST_COOKIES "@rx ^\\d{3}\\x22"'),
}
for (const [what, text] of Object.entries(allowed))
  t.test(`lint allows ${what}`, async (t) => t.strictSame(lint(text), []))

const refused: Record<string, [string, RegExp]> = {
  'another directive': ['SecRuleEngine Off', /^1: 'SecRuleEngine' is not allowed here/],
  'a directive in other letters': ['secruleengine Off', /^1: 'secruleengine' is not allowed here/],
  'an Include': ['Include /etc/passwd', /^1: 'Include' is not allowed/],
  SecRuleRemoveById: ['SecRuleRemoveById 942100', /'SecRuleRemoveById' is not allowed/],
  SecRemoteRules: ['SecRemoteRules k https://a', /'SecRemoteRules' is not allowed/],
  SecAuditLog: ['SecAuditLog /tmp/x', /'SecAuditLog' is not allowed/],
  'a script': ['SecRuleScript /x.lua "id:1"', /'SecRuleScript' is not allowed/],
  exec: [acting("exec:'/bin/sh'"), /action 'exec' is not allowed/],
  allow: [acting('allow'), /action 'allow' is not allowed/],
  block: [acting('block'), /'block' does nothing here.*write 'deny,status:403'/],
  setenv: [acting('setenv:PATH=/'), /action 'setenv' is not allowed/],
  'reading a file': [
    'SecRule ARGS "@pmFromFile /etc/shadow" "id:1,phase:2,deny"',
    /operator '@pmFromFile' is not allowed/,
  ],
  'running a program': ['SecRule ARGS "@inspectFile /bin/true" "id:1,phase:2,deny"', /operator '@inspectFile'/],
  'asking DNS': ['SecRule REMOTE_ADDR "@rbl example.org" "id:1,phase:1,deny"', /operator '@rbl'/],
  'the environment': ['SecRule ENV:HOME "@rx a" "id:1,phase:1,deny"', /variable 'ENV:HOME' is not allowed/],
  'a threshold': [acting('pass,setvar:tx.inbound_anomaly_score_threshold=1000'), /only tx\.custom_NAME may be set/],
  'a threshold behind a macro': [acting("pass,setvar:'tx.%{ARGS.a}=1'"), /only tx\.custom_NAME may be set/],
  'a threshold in capitals': [acting('pass,setvar:TX.CUSTOM_a=1'), /only tx\.custom_NAME may be set/],
  'the engine switched off': [
    acting('pass,ctl:ruleEngine=Off', 'REQUEST_FILENAME "@streq /a"'),
    /ctl:ruleEngine=Off is not allowed here: what it sets is the platform's/,
  ],
  'another body parser': [
    acting('pass,ctl:requestBodyProcessor=XML', 'REQUEST_FILENAME "@streq /a"'),
    /ctl:requestBodyProcessor=XML is not allowed here/,
  ],
  'an exclusion on one path': [
    acting('pass,ctl:ruleRemoveTargetById=942100;ARGS:text', 'REQUEST_FILENAME "@streq /a"'),
    /ctl:ruleRemoveTargetById=942100;ARGS:text is not allowed here: rules are excluded by spec\.exclusions of a WafPolicy/,
  ],
  'an exclusion in a chain': [
    `${acting('pass,chain', 'REQUEST_URI "@streq /a"')}\nSecRule REQUEST_METHOD "@streq POST" "t:none,ctl:ruleRemoveById=942100"`,
    /^2: ctl:ruleRemoveById=942100 is not allowed here/,
  ],
  'an exclusion in SecAction': [
    'SecAction "id:1,phase:1,pass,ctl:ruleRemoveById=942100"',
    /spec\.exclusions of a WafPolicy/,
  ],
  'a jump over the Core Rule Set': [
    acting('pass,skipAfter:END-REQUEST-949-BLOCKING-EVALUATION'),
    /only to a marker of your own/,
  ],
  'a jump to nowhere': [acting('pass,skipAfter:CUSTOM-NO'), /no SecMarker of that name follows/],
  'a marker of the Core Rule Set': ['SecMarker END-HOST-CHECK', /a marker of your own is named CUSTOM-NAME/],
  'a rule without id': ['SecRule ARGS "@rx a" "phase:2,deny"', /^1: the rule has no id: give it one from 1 to 199999/],
  'a rule without phase': ['SecRule ARGS "@rx a" "id:1,deny"', /has no phase/],
  'an id of the Core Rule Set': [
    'SecRule ARGS "@rx a" "id:942100,phase:2,deny"',
    /id '942100' must be a number from 1 to 199999/,
  ],
  'an id twice': [MANY + MANY, /^2: id 1 is taken by rules\.conf:1/],
  'a chain without end': [acting('pass,chain'), /^1: the chain has no next rule/],
  'a chain that another directive ends': [
    `${acting('pass,chain')}\nSecAction "id:2,phase:1,pass"`,
    /the chain has no next rule/,
  ],
  'deny in a chained rule': [
    `${acting('pass,chain')}\nSecRule ARGS "@rx a" "t:none,deny"`,
    /'deny' belongs in the rule that begins the chain/,
  ],
  'a status that lets pass': [acting('deny,status:200'), /status '200' must be from 400 to 599/],
  'a secret in the message': [acting("deny,msg:'%{REQUEST_HEADERS.authorization}'"), /a macro in 'msg'/],
  'a secret in logdata': [acting("deny,logdata:'%{REQUEST_HEADERS.cookie}'"), /logdata may hold/],
  'an operator without quotes': ['SecRule ARGS @rx "id:1,phase:2,deny"', /is written SecRule VARIABLES/],
  'an operator without a rule': ['SecRule ARGS "@rx a"', /is written SecRule VARIABLES/],
  'an escaped quote': ['SecRule ARGS "@rx a\\"b" "id:1,phase:2,deny"', /is written SecRule VARIABLES/],
  'a backslash at the end of an operator': [
    'SecRule ARGS "@rx a\\" "id:1,phase:2,deny"',
    /must not end in a backslash/,
  ],
  'a line break inside an operator': ['SecRule ARGS "@rx a\\\n b" "id:1,phase:2,deny"', /may be continued only/],
  'a rule behind a comment': ['# harmless \\\nSecRuleEngine Off', /a comment that ends in a backslash/],
  'a comment inside a rule': ['SecRule ARGS "@rx a" "id:1,\\\n# x\\\nphase:2,deny"', /a comment inside a rule/],
  'a carriage return': ['SecRule ARGS "@rx a" "id:1,phase:2,deny"\r\n', /a carriage return/],
  'a control character': ['SecRule ARGS "@rx a\u0001" "id:1,phase:2,deny"', /a control character/],
  'a rule that does not end': ['SecRule ARGS "@rx a" "id:1,phase:2,\\', /does not end/],
  'a backslash among the actions': [acting("deny,msg:'a\\'b'"), /a backslash among the actions/],
  'a macro in a pattern': ['SecRule ARGS "@rx %{tx.a}" "id:1,phase:2,deny"', /a macro in @rx is taken as text/],
  'an unknown transformation': [acting('deny,t:sqlHexDecode'), /transformation 'sqlHexDecode' is not known/],
  'deny in the log phase': ['SecRule ARGS "@rx a" "id:1,phase:5,deny"', /too late to deny/],
}
for (const [what, [text, message]] of Object.entries(refused))
  t.test(`lint refuses ${what}, with its line`, async (t) => {
    const lines = lint(text)
    t.ok(
      lines.some((line) => message.test(line)),
      lines.join('\n') || 'nothing was refused',
    )
    for (const line of lines) t.match(line, /^\d+: /)
  })

t.test('lint refuses more than 500 rules at the first one over, and has none of their patterns compiled', async (t) => {
  const rule = (id: number) => `SecRule ARGS "@rx a${id}" "id:${id},phase:2,deny"\n`
  const rules = (n: number) => Array.from({ length: n }, (_, i) => rule(i + 1)).join('')
  t.strictSame(lint(rules(500)), [])
  const folder = t.testdir({ 'rules.conf': `${rules(501)}SecRuleEngine Off\n` })
  const how = { cwd: folder, encoding: 'utf8' } as const
  const { stdout, status } = spawnSync('awk', ['-v', 'regexes=patterns', '-f', LINT, 'rules.conf'], how)
  t.equal(status, 1)
  t.match(stdout, /^rules\.conf:501: more than 500 rules, .*\n$/)
  t.equal(readFileSync(join(folder, 'patterns'), 'utf8'), '')
})

t.test('lint tells of every file by its own name', async (t) => {
  const folder = t.testdir({ 'a.conf': MANY, 'b.conf': MANY })
  const { stdout } = spawnSync('awk', ['-f', LINT, 'a.conf', 'b.conf'], { cwd: folder, encoding: 'utf8' })
  t.equal(stdout, 'b.conf:1: id 1 is taken by a.conf:1\n')
})

t.test('count.awk counts a chain as one rule and a marker as seven', async (t) => {
  const folder = t.testdir({
    'a.conf': `${acting('pass,chain')}\nSecRule ARGS "@rx a" "t:none"\nSecMarker CUSTOM-A\nSecAction "id:2,phase:1,\\\n pass"\n# SecAction\n`,
  })
  const count = join(LINT, '../count.awk')
  t.equal(spawnSync('awk', ['-f', count, 'a.conf'], { cwd: folder, encoding: 'utf8' }).stdout, '9\n')
  t.match(readFileSync(count, 'utf8'), /7 phases/)
})
