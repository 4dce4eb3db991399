/** docs/reference/audit-formats.md names the formats that there are, and its example is a format. */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import t from 'tap'
import type { Format } from '../../../src/api/audit.ts'
import { origin } from '../../../src/audit/formats/address.ts'
import { FORMATS } from '../../../src/audit/formats/index.ts'
import { openBytes } from '../../../src/audit/formats/read.ts'
import { poison, record } from '../../../src/audit/formats/record.ts'
import { OPTIONS } from './samples.ts'

const page = readFileSync(new URL('../../../docs/reference/audit-formats.md', import.meta.url), 'utf8')

t.test('docs/reference/audit-formats.md has a row for each of FORMATS, and no other', async (t) => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  t.same(
    rows,
    FORMATS.map(({ name, description }) => `| \`${name}\` | ${description} |`),
  )
})

t.test('docs/reference/audit-formats.md shows a format that reads', async (t) => {
  const shown = /```ts\n(.*?)```/s.exec(page)![1]!.replace('export const tabs: Format =', 'return')
  const plain = stripTypeScriptTypes(`function make(origin, poison, record) { ${shown} }`)
  const format = new Function('origin', 'poison', 'record', `${plain}; return make(origin, poison, record)`)(
    origin,
    poison,
    record,
  ) as Format
  const text = '1563787800000\t203.0.113.7\tinvoices\ta.pdf\nbroken\n'
  t.ok(format.detect(text, 'x') > 0.5)
  const [first, second] = openBytes(format, 'x', OPTIONS).push(Buffer.from(text))
  t.match(first, { kind: 'record', record: { address: '203.0.113.7', store: { name: 'invoices' }, object: 'a.pdf' } })
  t.match(second, { kind: 'poison', line: 2 })
})
