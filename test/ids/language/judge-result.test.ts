/** What suricata-update made of rules: what was brought in is found, what the source had is the source's. */
import t from 'tap'
import { judgeIdsResult } from '../../../src/ids/language/judge-result.ts'
import { asLine } from '../../../src/ids/language/problem.ts'

const rule = (sid: number, options = '', action = 'alert') =>
  `${action} tcp any any -> any any (msg:"${sid}"; ${options}sid:${sid}; rev:1;)`
const judge = (source: string[], result: string[], allow: Parameters<typeof judgeIdsResult>[0]['allow'] = []) =>
  judgeIdsResult({ source: [source.join('\n')], result: { name: 'set.rules', text: result.join('\n') }, allow }).map(
    asLine,
  )

t.test('judgeIdsResult() finds what a filter made of rules', async (t) => {
  const source = [rule(2000001), rule(2000002), `# ${rule(2000003, 'bypass; ')}`]
  const result = [rule(2000001, '', 'pass'), rule(2000002, 'noalert; '), '', rule(2000003, 'bypass; noalert; ')]
  const found = [
    'set.rules:1: sid 2000001, as it was made: a pass rule hides what it matches from all other rules: the platform has not allowed pass',
    'set.rules:2: sid 2000002, as it was made: noalert makes a rule that nobody is told of: the platform has not allowed noalert',
    'set.rules:4: sid 2000003, as it was made: noalert makes a rule that nobody is told of: the platform has not allowed noalert',
  ]
  t.strictSame(judge(source, result), found)
  t.strictSame(judge(source, result, ['noalert']), found.slice(0, 1))
})

t.test('judgeIdsResult() takes what the source has, on or off, and what stays off', async (t) => {
  const source = [rule(2000001, 'flowbits:noalert; '), `#${rule(2000002, '', 'pass')}`, rule(2000003)]
  t.strictSame(
    judge(source, [rule(2000001, 'noalert; '), rule(2000002, '', 'pass'), `# ${rule(2000003, 'noalert; ')}`]),
    [],
  )
})

t.test('judgeIdsResult() looks through 50,000 rules in the time of a reload', async (t) => {
  const rules = Array.from({ length: 50_000 }, (_, i) => rule(2_000_000 + i, i % 20 === 0 ? 'flowbits:noalert; ' : ''))
  const began = performance.now()
  t.strictSame(judge(rules, rules), [])
  const took = performance.now() - began
  t.ok(took < 20_000, `${Math.round(took)} ms`)
})
