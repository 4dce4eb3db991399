/** What an agent says on its Lease, whoever wrote it. */
import fc from 'fast-check'
import t from 'tap'
import { parseIdsReport } from '../../src/guard/ids-report.ts'

const REPORT = {
  v: 1,
  ready: false,
  check: 'CanaryLost',
  detail: 'no alert for the canary on cni0 for 72 s (limit 65 s)',
  rules: { loaded: 30_123, failed: 0, set: 'baseline', ageHours: 3 },
  interfaces: [{ name: 'cni0', packets: 12, drops: 1, canary: 72 }],
  blindSpots: ['traffic between Pods of this node passes no bridge'],
  version: '0.1.0',
}

t.test('parseIdsReport reads what the agent writes', async (t) => {
  t.same(parseIdsReport(JSON.stringify(REPORT)), REPORT)
  t.same(parseIdsReport(JSON.stringify({ ...REPORT, later: { than: 'us' } })), REPORT, 'unknown fields are left alone')
})

t.test('parseIdsReport says nothing where nothing can be relied on', async (t) => {
  const cases: (string | undefined)[] = [
    undefined,
    '',
    'ready',
    'null',
    '[]',
    '"x"',
    '{}',
    JSON.stringify({ ...REPORT, v: 2 }),
    JSON.stringify({ ...REPORT, ready: 'no' }),
    JSON.stringify({ ...REPORT, detail: 'x'.repeat(17_000) }),
  ]
  for (const text of cases) t.equal(parseIdsReport(text), undefined, text?.slice(0, 60) ?? 'nothing')
})

t.test('parseIdsReport still hears a no whose check is newer than we are, and no check beside a yes', async (t) => {
  t.match(parseIdsReport(JSON.stringify({ ...REPORT, check: 'FromTomorrow' })), { ready: false, check: '' })
  t.match(parseIdsReport(JSON.stringify({ ...REPORT, check: 'constructor' })), { ready: false, check: '' })
  t.match(parseIdsReport(JSON.stringify({ ...REPORT, ready: true })), { ready: true, check: '' })
})

t.test('parseIdsReport makes one short printable line of each text, and short lists', async () => {
  const evil = fc.record({
    v: fc.constant(1),
    ready: fc.boolean(),
    check: fc.anything(),
    detail: fc.oneof(fc.string({ unit: 'binary', maxLength: 600 }), fc.anything()),
    rules: fc.anything(),
    interfaces: fc.oneof(fc.array(fc.anything(), { maxLength: 60 }), fc.anything()),
    blindSpots: fc.oneof(fc.array(fc.string({ unit: 'binary' }), { maxLength: 60 }), fc.anything()),
    version: fc.anything(),
  })
  const printable = (text: string) => text.length <= 300 && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
  fc.assert(
    fc.property(evil, (given) => {
      const report = parseIdsReport(JSON.stringify(given))
      if (report === undefined) return JSON.stringify(given).length > 16_384
      const { rules, interfaces, blindSpots } = report
      const texts = [report.detail, report.version, rules.set, ...blindSpots, ...interfaces.map(({ name }) => name)]
      const numbers = [rules.loaded, rules.failed, rules.ageHours, ...interfaces.map(({ canary }) => canary)]
      return (
        texts.every(printable) && numbers.every(Number.isFinite) && blindSpots.length <= 16 && interfaces.length <= 32
      )
    }),
    { numRuns: 2000 },
  )
})
