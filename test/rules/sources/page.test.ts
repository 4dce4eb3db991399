/**
 * docs/reference/rule-sources.md says what the program says: settings and refusals.
 * `node test/rules/sources/page.test.ts write` writes its tables anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { rulesConfig } from '../../../src/config/rules.ts'
import { settingsOf } from '../../../src/config/settings.ts'
import { REFUSALS } from '../../../src/rules/sources/refusals.ts'

const page = new URL('../../../docs/reference/rule-sources.md', import.meta.url)
const MARK = '<!-- from the program -->\n'

const row = (cells: readonly string[]) => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row)].join('\n')

const should = (): string =>
  [
    '## Settings',
    table(
      ['key', 'value', 'default', 'meaning'],
      settingsOf(rulesConfig)
        .filter(({ path }) => path[0] === 'sources')
        .map(({ path, type, sentence, fallback }) => [
          `\`${path.join('.')}\``,
          type,
          `\`${JSON.stringify(fallback)}\``,
          sentence,
        ]),
    ),
    '## Reasons for a refusal',
    'The current set stays in each case. *Passes* means that the next try comes after a minute, then two, four and so on; otherwise after the usual interval. `NoKey` before the first release comes without a question to upstream, and the key is looked for every few minutes.',
    table(
      ['reason', 'what it means', 'what mends it', 'passes'],
      Object.entries(REFUSALS).map(([code, { sentence, remedy, passing }]) => [
        `\`${code}\``,
        sentence,
        remedy,
        passing ? 'perhaps' : 'no',
      ]),
    ),
  ].join('\n\n')

const [prose] = readFileSync(page, 'utf8').split(MARK)
const whole = `${prose}${MARK}\n${should()}\n`

if (process.argv[2] === 'write') writeFileSync(page, whole)

t.test(
  'docs/reference/rule-sources.md holds the tables of the program (else: node test/rules/sources/page.test.ts write)',
  (t) => {
    t.equal(readFileSync(page, 'utf8'), whole)
    t.end()
  },
)

t.test('REFUSALS: each says what it means and what mends it, in sentences', (t) => {
  for (const [code, { sentence, remedy }] of Object.entries(REFUSALS)) {
    t.match(sentence, /^[A-Z].*\.$/, code)
    t.match(remedy, /^[A-Z].*\.$/, code)
  }
  t.end()
})

t.test('REFUSALS: the settings that remedies name are settings', (t) => {
  const known = settingsOf(rulesConfig).map(({ path }) => path.slice(1).join('.'))
  for (const [code, { remedy }] of Object.entries(REFUSALS))
    for (const [, named] of remedy.matchAll(/`((?:crs|ids|http|limits)\.[A-Za-z.]+)`/g))
      t.ok(known.includes(named!), `${code}: ${named}`)
  t.end()
})
