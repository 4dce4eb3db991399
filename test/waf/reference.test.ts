import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/reference/waf.md'), 'utf8')
const lint = readFileSync(join(root, 'waf/lib/lint.awk'), 'utf8')
const read = (path: string) => readFileSync(join(root, 'waf', path), 'utf8')
/** The rows of the table under a heading, as cells. */
const rows = (heading: string) =>
  page
    .split(new RegExp(`^## ${heading}\n`, 'm'))[1]!
    .split(/^## /m)[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))

t.test('reasons.tsv and the page say the same of every reason, in the same order', async (t) => {
  const table = read('lib/reasons.tsv').trimEnd().split('\n')
  t.strictSame(
    rows('Reasons').map(([, code, meaning]) => `${code!.replaceAll('`', '')}\t${meaning}`),
    table,
  )
  const used = ['bin/sekisho-waf', 'lib/reload.sh', 'lib/bundle.sh', 'lib/trust.sh', 'lib/orders.sh', 'lib/place.sh']
    .map(read)
    .join('\n')
  for (const line of table) t.match(used, new RegExp(`\\b${line.split('\t')[0]}\\b`))
  for (const [, code] of used.matchAll(/\brefuse ([A-Z][a-z]\w+)/g))
    t.ok(
      table.some((line) => line.startsWith(`${code}\t`)),
      `${code} has a sentence`,
    )
})

t.test('lint.awk and the page list the same actions and operators', async (t) => {
  const listed = (name: string) => new RegExp(`words\\("([^"]*)", ${name}\\)`).exec(lint)![1]!.split(' ').sort()
  const cell = (name: string) =>
    [...new RegExp(`^\\| ${name} \\| (.*) \\|$`, 'm').exec(page)![1]!.matchAll(/`@?(\w+)`/g)]
      .map(([, word]) => word!)
      .sort()
  t.strictSame(cell('actions'), listed('actions'))
  t.strictSame(cell('operators'), listed('operators'))
})

t.test('the page lists every metric and every variable, and no other', async (t) => {
  const metrics = ['lib/status.sh', 'lib/access.awk', 'templates/metrics.txt'].map(read).join('\n')
  const names = (text: string) => [...new Set([...text.matchAll(/\bsekisho_waf_\w+/g)].map(([name]) => name))].sort()
  t.strictSame(names(rows('Metrics').join()), names(metrics))
  const variables = (text: string) =>
    [...new Set([...text.matchAll(/\bSEKISHO_[A-Z_]+/g)].map(([name]) => name))].sort()
  t.strictSame(variables(rows('Environment of `sekisho-waf`').join()), variables(read('lib/settings.sh')))
  t.strictSame(variables(rows('Environment of `sekisho-rules`').join()), variables(read('lib/request.sh')))
})
