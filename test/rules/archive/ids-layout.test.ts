/** What counts as an active rule of an IDS. */
import t from 'tap'
import { countRules } from '../../../src/rules/archive/layouts/ids.ts'

const CASES: [what: string, text: string, rules: number][] = [
  ['a rule', 'alert tcp any any -> any any (msg:"x"; sid:1; rev:1;)', 1],
  ['with Windows line ends', 'alert tcp any any -> any any (sid:1;)\r\ndrop tcp any any -> any any (sid: 2;)\r\n', 2],
  ['over several lines', 'alert tcp any any -> any any \\\n  (msg:"x"; \\\n  sid:1;)', 1],
  ['commented out', '# alert tcp any any -> any any (sid:1;)\n#alert tcp any any -> any any (sid:2;)', 0],
  ['without a sid', 'alert tcp any any -> any any (msg:"x";)', 0],
  ['cut off', 'alert tcp any any -> any any (msg:"x"; sid:1;', 0],
  ['another word', 'config classification: x,y,1\nalerting (sid:1;)', 0],
  ['a web page', '<html>\n<body>alert (sid:1;)</body>', 0],
  ['nothing', '', 0],
]

t.test('countRules() counts what Suricata would load', (t) => {
  for (const [what, text, rules] of CASES) t.equal(countRules(text), rules, what)
  t.end()
})

t.test('countRules() takes no longer for a line that is made to be slow', (t) => {
  const started = performance.now()
  for (const part of ['sid:', 'sid ', ')', 'alert ']) t.equal(countRules(`alert ${part.repeat(500_000)}`), 0, part)
  t.ok(performance.now() - started < 5_000)
  t.end()
})
