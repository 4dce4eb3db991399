import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { GENERATED_IDS } from '../../../src/rules/compile/ids.ts'
import { LANGUAGES } from '../../../src/rules/compile/languages.ts'
import { NOTES, PROBLEMS } from '../../../src/rules/compile/problem.ts'
import { DETECTING_IDS } from '../../../src/rules/language/allow.ts'

const root = join(import.meta.dirname, '../../..')
const page = readFileSync(join(root, 'docs/reference/rule-bundle.md'), 'utf8')
/** Rows of the table under a heading whose first cell is code, as cells. */
const rows = (heading: string) =>
  page
    .split(`## ${heading}\n`)[1]!
    .split(/^## /m)[0]!
    .split('\n')
    .filter((line) => /^\| `[^`]+` \|/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )

t.test('PROBLEMS and NOTES are the tables of docs/reference/rule-bundle.md', (t) => {
  for (const [heading, table] of [
    ['What is refused', PROBLEMS],
    ['What is told beside a bundle', NOTES],
  ] as const)
    t.strictSame(
      rows(heading),
      Object.entries(table).map(([code, { sentence, remedy }]) => [`\`${code}\``, sentence, remedy]),
    )
  t.end()
})

t.test('LANGUAGES are the words of docs/reference/rule-bundle.md', (t) => {
  t.strictSame(
    rows('What is left out of a release'),
    Object.entries(LANGUAGES).map(([word, { what }]) => [`\`${word}\``, what]),
  )
  t.end()
})

t.test('docs/reference/rule-bundle.md names the ranges of ids that the code has, and none meets another', (t) => {
  const { first, last, exclusions } = GENERATED_IDS
  for (const number of [first, last, exclusions, DETECTING_IDS.first, DETECTING_IDS.last])
    t.ok(page.includes(String(number)), String(number))
  const waf = readFileSync(join(root, 'waf/templates/modsecurity.conf'), 'utf8')
  for (const [, id] of waf.matchAll(/"id:(\d+)/g)) t.ok(Number(id) < first || Number(id) > last, `${id} of the WAF`)
  t.end()
})
