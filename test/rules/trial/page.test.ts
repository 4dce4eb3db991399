/**
 * docs/reference/rule-trials.md says what the program says: outcomes, and what the corpus holds.
 * `node test/rules/trial/page.test.ts write` writes its tables anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { rulesConfig } from '../../../src/config/rules.ts'
import { settingsOf } from '../../../src/config/settings.ts'
import { DELTA, FIRST } from '../../../src/rules/trial/compare.ts'
import { NOT_OF_THE_CONTENT, OUTCOMES, SHAKY } from '../../../src/rules/trial/outcomes.ts'
import { table } from '../../reference/table.ts'
import { corpus } from './support.ts'

const page = new URL('../../../docs/reference/rule-trials.md', import.meta.url)
const MARK = '<!-- from the program -->\n'

const groups = (expect: 'stopped' | 'passed') => [
  ...[
    ...Map.groupBy(
      corpus.filter((one) => one.expect === expect),
      ({ group }) => group,
    ),
  ].map(([group, list]) => [`\`${group}\``, String(list.length)]),
  ['together', String(corpus.filter((one) => one.expect === expect).length)],
]
const outcomes = (waits: boolean) =>
  Object.entries(OUTCOMES)
    .filter(([, { verdict }]) => (verdict === 'waits') === waits)
    .map(([code, { verdict, sentence, remedy }]) => [`\`${code}\``, ...(waits ? [] : [verdict]), sentence, remedy])

const should = (): string =>
  [
    table(['attacks', 'requests'], groups('stopped')),
    table(['harmless', 'requests'], groups('passed')),
    '## Verdicts',
    table(['reason', 'verdict', 'what it means', 'what mends it'], outcomes(false)),
    '## Why there is none yet',
    table(['reason', 'what it means', 'what mends it'], outcomes(true)),
  ].join('\n\n')

const [prose] = readFileSync(page, 'utf8').split(MARK)
const whole = `${prose}${MARK}\n${should()}\n`

if (process.argv[2] === 'write') writeFileSync(page, whole)

t.test(
  'docs/reference/rule-trials.md holds the tables of the program (else: node test/rules/trial/page.test.ts write)',
  (t) => {
    t.equal(readFileSync(page, 'utf8'), whole)
    t.end()
  },
)

t.test('docs/reference/rule-trials.md names the limits that compare() holds', (t) => {
  t.strictSame(
    [FIRST, DELTA],
    [
      { stopped: 4 / 5, passed: 0.98 },
      { blocked: 3 / 4, passing: 1 / 2 },
    ],
  )
  for (const text of ['less than 4/5', 'less than 98 %', 'more than 3/4', 'more than half'])
    t.ok(prose!.includes(text), text)
  t.end()
})

t.test('OUTCOMES: each says what it means and what mends it, in sentences, and names settings that there are', (t) => {
  const known = settingsOf(rulesConfig).map(({ path }) => path.join('.'))
  for (const [code, { sentence, remedy }] of Object.entries(OUTCOMES)) {
    t.match(sentence, /^[A-Z].*\.$/, code)
    t.match(remedy, /^[A-Z].*\.$/, code)
    for (const [, named] of `${sentence}${remedy}`.matchAll(/`(bench\.[A-Za-z.]+)`/g))
      t.ok(known.includes(named!), named!)
  }
  t.end()
})

t.test('NOT_OF_THE_CONTENT and SHAKY are reasons of the WAF', (t) => {
  const reasons = readFileSync(new URL('../../../waf/lib/reasons.tsv', import.meta.url), 'utf8')
  const codes = reasons.split('\n').map((line) => line.split('\t')[0])
  for (const code of [...Object.keys(NOT_OF_THE_CONTENT), ...SHAKY]) t.ok(codes.includes(code), code)
  t.end()
})
