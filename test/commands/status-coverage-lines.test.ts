/** `sekisho status coverage` for people: short whatever the cluster's size is, and harmless whatever a Pod says. */
import t from 'tap'
import { type CoverageStatus, inLines } from '../../src/commands/status-coverage-lines.ts'

const NOW = Date.parse('2026-05-01T12:00:00Z')
const report = { rules: 30_000, set: 'abc', ageHours: 1.4, packets: 1_000_000, drops: 1, version: '1' }
const status = (many: number, more: Partial<CoverageStatus> = {}): CoverageStatus => ({
  sensors: {
    daemonSet: 'n/ids',
    exists: true,
    desired: many,
    ready: many,
    updated: many,
    unavailable: 0,
    versions: [],
  },
  nodes: Array.from({ length: many }, (_, i) => ({
    node: `n${String(i).padStart(4, '0')}`,
    state: 'covered' as const,
    pod: `ids-${i}`,
    reason: '' as const,
    check: '' as const,
    detail: '',
    report: { ...report, rules: report.rules + (i % 2) },
    cordoned: i === 7,
    ready: true,
  })),
  namespaces: Array.from({ length: many }, (_, i) => ({
    namespace: `ns${i}`,
    protection: 'true' as const,
    isCovered: i !== 4000,
    reason: 'Covered' as const,
    reach: many,
    covered: many,
    gated: 0,
    grace: 0,
    blind: 0,
    why: '',
    mend: 'mend it',
  })),
  flowMinutes: 0,
  blindSpots: [],
  ...more,
})

t.test('inLines tells 5,000 nodes and namespaces on one screen, what is not covered first', (t) => {
  const text = inLines(status(5000), NOW, false)
  t.ok(text.split('\n').length < 60, String(text.split('\n').length))
  t.match(text, 'Nodes: 5000 (5000 covered)\n')
  t.match(text, /^ {2}n0000 and 4998 more +covered +ids-0 +30000–30001 +abc +1 h ago +<0\.1 %$/m)
  t.match(text, /^ {2}n0007 +covered .* cordoned$/m)
  t.match(text, /NAMESPACE .*\n {2}ns4000 +true +not covered/)
  t.match(text, /^ {2}and 4960 more: --all lists each$/m)
  t.match(text, '\nNot covered though protected: 1 namespace\n  ns4000: to mend: mend it\n')
  t.end()
})

t.test('inLines with --all lists each', (t) => {
  const lines = inLines(status(300), NOW, true).split('\n')
  t.equal(lines.filter((line) => /^ {2}n\d{4} /.test(line)).length, 300)
  t.equal(lines.filter((line) => /^ {2}ns\d+ /.test(line)).length, 300)
  t.end()
})

t.test('inLines says for how long an override lasts, and that there is no IDS at all', (t) => {
  const [one] = status(1).namespaces
  const override = { key: 'sekisho.dev/break-glass' as const, until: NOW + 90 * 60_000, why: 'the sale' }
  const none = { ...status(1).sensors, exists: false }
  const text = inLines(status(1, { sensors: none, namespaces: [{ ...one!, isCovered: false, override }] }), NOW, false)
  t.match(text, 'break-glass for 90 min, until 2026-05-01T13:30Z (the sale)')
  t.match(text, /^Sensors\n {2}the DaemonSet n\/ids does not exist: no node is watched\n/)
  t.end()
})

t.test('inLines lets nothing through that a terminal obeys', (t) => {
  const evil = '\u001b[2Jgone\u202e'
  const [node] = status(1).nodes
  const text = inLines(
    status(1, {
      nodes: [{ ...node!, state: 'blind', check: 'CanaryLost', detail: evil, report: { ...report, set: evil } }],
      blindSpots: [{ sentence: evil, nodes: 1 }],
    }),
    NOW,
    false,
  )
  t.notMatch(text, /[\u001b\u202e]/)
  t.match(text, 'gone')
  t.end()
})
