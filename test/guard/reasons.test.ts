/** docs/reference/guard-reasons.md shows the tables of reasons as they are. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { BLIND_REASONS, REASONS, type Reason } from '../../src/guard/reasons.ts'

const page = new URL('../../docs/reference/guard-reasons.md', import.meta.url)
const table = (reasons: Readonly<Record<string, Reason>>) => [
  '| reason | what it means | what mends it |',
  '|---|---|---|',
  ...Object.entries(reasons).map(([code, { sentence, remedy }]) => `| \`${code}\` | ${sentence} | ${remedy} |`),
]

t.test('REASONS and BLIND_REASONS are what the page in the reference shows', async (t) => {
  const text = await readFile(page, 'utf8')
  const shown = text.split('\n').filter((line) => line.startsWith('|'))
  t.same(shown, [...table(REASONS), ...table(BLIND_REASONS)])
})
