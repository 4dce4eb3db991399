/** What is said of rules and filters of ConfigMaps, and that nothing they hold makes the judge throw or take long. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { forbiddenIn } from '../../../src/ids/language/forbidden.ts'
import { judgeIdsRules } from '../../../src/ids/language/judge.ts'
import { logicalLines } from '../../../src/ids/language/lines.ts'
import { parseRule } from '../../../src/ids/language/parse-rule.ts'
import { asLine, IDS_PROBLEMS } from '../../../src/ids/language/problem.ts'
import { shellWords } from '../../../src/ids/language/shell-words.ts'
import { FILTER_MISTAKES, RULE_MISTAKES, rule } from './mistakes.ts'

const judge = (name: string, text: string, allow: Parameters<typeof judgeIdsRules>[0]['allow'] = []) =>
  judgeIdsRules({ files: [{ name, text }], allow })
const all = [...RULE_MISTAKES.map((one) => ({ file: 'local.rules', ...one })), ...FILTER_MISTAKES]

t.test('judgeIdsRules() finds each mistake, at its line, and no other', async (t) => {
  for (const { file, text, code, message } of all) {
    const { problems } = judge(file, `# a comment\n\n${text}\n`)
    t.strictSame(
      problems.map((one) => [one.file, one.line, one.code]).at(0),
      [file, file === 'disabled.conf' ? 1 : 3, code],
      text,
    )
    t.match(problems[0]?.message, message, text)
    t.ok(new Set(problems.map((one) => one.code)).size <= 2, `${text}: ${problems.map(asLine).join(' | ')}`)
  }
})

t.test('judgeIdsRules() takes what the platform allows, and only that', async (t) => {
  const permits = ['pass', 'bypass', 'noalert', 'lua', 'filestore', 'dataset-write'] as const
  for (const { file, text, code, permit } of all) {
    if (permit !== undefined) t.strictSame(judge(file, text, [permit]).problems, [], text)
    const others = permits.filter((one) => one !== permit)
    t.equal(judge(file, text, others).problems[0]?.code, code, text)
  }
})

t.test('IDS_PROBLEMS are all found by some mistake, but those that are no mistake of one line', async (t) => {
  const found = new Set(all.map(({ code }) => code))
  t.strictSame(
    Object.keys(IDS_PROBLEMS).filter((code) => !(found as ReadonlySet<string>).has(code)),
    ['BadText', 'ActsAsAlert'],
  )
})

t.test('judgeIdsRules() says the line of the file where a rule goes over several', async (t) => {
  const text = 'alert tcp any any -> any any \\\n  (msg:"a"; \\\n   contnet:"b"; \\\n   sid:1001000;)\n'
  t.strictSame(judge('local.rules', text).problems.map(asLine), [
    'local.rules:3: unknown option "contnet" (nearest: content)',
  ])
  t.strictSame(judge('local.rules', text.replace('contnet', 'content').replaceAll('\n', '\r\n')), {
    problems: [],
    warnings: [],
    rules: 1,
  })
})

t.test('judgeIdsRules() takes what the documentation of Suricata has', async (t) => {
  const rules = [
    'alert http $HOME_NET any -> $EXTERNAL_NET any (msg:"HTTP GET Request Containing Rule in URI"; flow:established,to_server; http.method; content:"GET"; http.uri; content:"rule"; fast_pattern; classtype:bad-unknown; sid:1001001; rev:1;)',
    'alert tcp [1.1.1.0/24, !1.1.1.1] [80:82,!81] <> ![10.0.0.0/8,$HOME_NET] any (msg:"a \\; b \\" c \\\\"; content:!"|00 01|a"; nocase; sid:1001002;)',
    'alert http1:request_complete any any -> any any (msg:"hook"; sid:1001003;)',
    'alert tcp any any -> any any (msg:"(in brackets)"; pcre:"/a(b|c)\\;/i"; flowbits:set,noalerts; sid:1001004; priority:1;)',
    'alert dns any any -> any any (msg:"set"; dns.query; dataset:isset,names, type string, memcap 10mb; sid:1001005;)',
    'alert tls any any -> any any (msg:"alias"; tls_sni; content:"x"; to_md5; sid:1001006;)',
  ]
  t.strictSame(judge('local.rules', rules.join('\n')), { problems: [], warnings: [], rules: 6 })
  t.strictSame(judge('local.rules', rule('', 'drop tcp any any -> any any')).warnings.map(asLine), [
    'local.rules:1: drop only alerts: an IDS listens, and drops nothing',
  ])
})

t.test('judgeIdsRules() takes what the documentation of suricata-update has', async (t) => {
  const matchers = '2019401\n1:2019401\n1:2019401:2\n2019401, 2019402\ngroup:emerging-icmp.rules\nemerging-dos.rules\n'
  const more = 're:heartbleed\nre:MS(0[7-9]|10)-\\d+\nfilename:*deleted*\nmetadata: deployment perimeter # why\n*\n'
  const regexes = `re:(?i)(?P<a>x)(?P=a)\\A[]a[]\\Z\nre:(?:a++|(?>b))(?i:c)(?#d)\n`
  for (const file of ['enable.conf', 'disable.conf'])
    t.strictSame(judge(file, matchers + more + regexes).problems, [], file)
  const modify = [
    '2019401 "seconds \\d+" "seconds 3600"',
    're:classtype:trojan-activity "(alert)(.*)" "drop\\\\2"',
    're:. "^alert" "drop"',
    'modifysid 2009024 "\\w+_SERVERS" | "$HOME_NET"',
    'metadata-add re:"SURICATA STREAM" \'evebox-action\' archive',
    '2010939 "to_server" "to_client"   # turned round',
  ]
  t.strictSame(judge('modify.conf', modify.join('\n')).problems, [])
})

t.test('judgeIdsRules() holds ids against all files', async (t) => {
  const one = rule('')
  const files = [
    { name: 'a.rules', text: `${one}\n# ${one}` },
    { name: 'b.rules', text: `\n${one}` },
  ]
  t.strictSame(judgeIdsRules({ files, allow: [] }).problems.map(asLine), [
    'a.rules:2: sid 1001000 is taken by a.rules:1',
    'b.rules:2: sid 1001000 is taken by a.rules:1',
  ])
})

t.test('judgeIdsRules() refuses control characters, which hide what follows', async (t) => {
  t.match(judge('local.rules', `${rule('')}\0pass`).problems, [
    { line: 1, code: 'BadText', message: /0x00/ },
    { code: 'UnbalancedBrackets' },
  ])
  t.match(judge('disable.conf', '\n2019401\r1000001').problems[0], { line: 2, code: 'BadText', message: /0x0d/ })
})

t.test('forbiddenIn() tells the same of a rule in capitals, which the engine takes', async (t) => {
  const [line] = [...logicalLines(rule('NoAlert; ByPass; LUA:x;', 'PASS ip any any -> any any'))]
  t.strictSame(
    forbiddenIn(parseRule(line!).rule!, []).map(({ code }) => code),
    ['PassNotAllowed', 'NoalertNotAllowed', 'BypassNotAllowed', 'LuaNotAllowed'],
  )
})

t.test("Sekisho's own rules can be read, but not brought by a ConfigMap", async (t) => {
  const { problems, rules } = judge('sekisho.rules', readFileSync('ids/sekisho.rules', 'utf8'))
  t.ok(rules >= 3)
  // The variables of the canary are those of its own file alone.
  const others = problems.filter(({ message }) => !message.includes('$SEKISHO_'))
  t.strictSame([...new Set(others.map(({ code }) => code))], ['SidNotAllowed'])
})

t.test('shellWords() splits as shlex does', async (t) => {
  for (const [line, words] of [
    [`a "b c" 'd "e'`, ['a', 'b c', 'd "e']],
    [String.raw`"a\"b\\c\d" e\ f`, [String.raw`a"b\c\d`, 'e f']],
    [`"" a""b`, ['', 'ab']],
    ['"a', undefined],
    ['a\\', undefined],
  ] as const)
    t.strictSame(shellWords(line), words, line)
})

t.test('judgeIdsRules() answers whatever it is given', async () => {
  const word = fc.constantFrom(
    ...['alert', 'pass', ' tcp', ' any', ' ->', ' (', ')', ';', ':', '"', '\\', '\\\n', '\n', '#', ' #', 'sid:1001000'],
    ...['re:', '[', ']', '$', 'noalert', '(?P<', '{2', '+', '\0', '1:2', ',', 'modifysid', '|', "'", '\r\n'],
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
  )
  const name = fc.constantFrom('a.rules', 'enable.conf', 'disable.conf', 'modify.conf', 'drop.conf', 'x')
  fc.assert(
    fc.property(fc.array(fc.record({ name, text }), { maxLength: 3 }), (files) => {
      const { problems, rules } = judgeIdsRules({ files, allow: [] })
      for (const { file, line, code, message } of problems) {
        const given = files.filter((one) => one.name === file)
        const lines = Math.max(...given.map((one) => one.text.split('\n').length))
        if (line < 1 || line > lines) throw new Error(`${file}:${line} of ${lines}`)
        if (!Object.hasOwn(IDS_PROBLEMS, code)) throw new Error(code)
        if (/[\n\r\0]/.test(message)) throw new Error(JSON.stringify(message))
      }
      return rules >= 0
    }),
    { numRuns: 3000 },
  )
})

t.test('judgeIdsRules() takes time in proportion to what it is given', async (t) => {
  const MiB = 1024 * 1024
  for (const [name, unit] of [
    ['a.rules', '\\\n'],
    ['a.rules', 'x:y;'],
    ['a.rules', `${rule('contnet:"a";')}\n`],
    ['a.rules', 'alert tcp any any -> any any (x;y;z;)\n'],
    ['a.rules', `alert tcp ${'['.repeat(4000)} any -> any any (sid:1001000;)\n`],
    ['a.rules', '#'],
    ['a.rules', ' \t'],
    ['a.rules', '\0\n'],
    ['disable.conf', 're:((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+$\n'],
    ['disable.conf', '1,'],
    ['modify.conf', 're:. "a" "b"\n'],
    ['modify.conf', '"\\'],
  ] as const) {
    const text = unit.repeat(Math.ceil(MiB / unit.length))
    const began = performance.now()
    judge(name, text)
    const took = performance.now() - began
    // A hundred times what it takes; what grows by the square takes minutes.
    t.ok(took < 20_000, `${JSON.stringify(unit.slice(0, 20))}: ${Math.round(took)} ms for a MiB`)
    if (took > 1500) t.comment(`${JSON.stringify(unit.slice(0, 20))} took ${Math.round(took)} ms`)
  }
})
