import t from 'tap'
import { FileReport } from './file-report.ts'

const FILE = (ok: boolean, ...points: string[]) =>
  `# Subtest: test/x.test.ts\n${points.map((p) => `    ${p}\n`).join('')}    1..${points.length}\n${ok ? '' : 'not '}ok 1 - test/x.test.ts # time=5ms\n`

function read(...pieces: string[]) {
  const lines: string[] = []
  const report = new FileReport((line) => lines.push(line))
  for (const piece of pieces) report.add(piece)
  report.end()
  return { count: report.count, lines }
}

t.test('FileReport counts the points one level below each file', async (t) => {
  const tap = FILE(true, 'ok 1 - a', '    ok 1 - deeper', 'ok 2 - b') + FILE(false, 'ok 1 - c', 'not ok 2 - d')
  t.same(read(tap).count, { passed: 3, failed: 1 })
  t.same(read(...tap).count, { passed: 3, failed: 1 }, 'also byte by byte')
})
t.test('FileReport counts a file that failed although its tests passed', async (t) => {
  t.same(read(FILE(false, 'ok 1 - a')).count, { passed: 1, failed: 1 })
})
t.test('FileReport counts a file without points as one test', async (t) => {
  t.same(read(FILE(true) + FILE(false)).count, { passed: 1, failed: 1 })
})
t.test('FileReport finds nothing in nothing', async (t) => {
  t.same(read('TAP version 14\n1..0\n'), { count: { passed: 0, failed: 0 }, lines: [] })
})
t.test('FileReport shows one line of a file that passed and all of one that failed', async (t) => {
  t.same(read(FILE(true, 'ok 1 - a')).lines, ['  ✓ test/x.test.ts (5ms): 1 passed, 0 failed'])
  const failed = read(`${FILE(false, 'not ok 1 - a', '  ---', '  why')}  exitCode: 1\n`).lines
  t.ok(failed.includes('      why') && failed.includes('  exitCode: 1'))
})
t.test('FileReport names the files that failed, with their counts', async (t) => {
  const report = new FileReport(() => {})
  report.add(FILE(true, 'ok 1 - a') + FILE(false, 'ok 1 - b', 'not ok 2 - c'))
  report.end()
  t.same(report.failed, [{ file: 'test/x.test.ts', count: { passed: 1, failed: 1 } }])
})
