/** Points in time as people type them. */
import t from 'tap'
import { parseUntil } from '../../src/commands/until.ts'

const NOW = Date.UTC(2026, 0, 5)

t.test('parseUntil() takes spans and RFC 3339 with a zone, and nothing else', async (t) => {
  const cases: [string, number | undefined][] = [
    ['90m', NOW + 90 * 60_000],
    ['48h', NOW + 48 * 3_600_000],
    ['7d', NOW + 7 * 86_400_000],
    ['2026-12-27T06:00:00Z', Date.UTC(2026, 11, 27, 6)],
    ['2026-12-27T06:00:00+09:00', Date.UTC(2026, 11, 26, 21)],
    ['2026-12-27t06:00:00.5z', Date.UTC(2026, 11, 27, 6, 0, 0, 500)],
    ...[
      '',
      '0h',
      '48',
      '-1h',
      '1.5h',
      '48H',
      '2026-12-27',
      '2026-12-27T06:00:00',
      '2026-13-27T06:00:00Z',
      'tomorrow',
      '999999h',
    ].map((text): [string, undefined] => [text, undefined]),
  ]
  for (const [text, at] of cases) t.equal(parseUntil(text, NOW), at, text)
})
