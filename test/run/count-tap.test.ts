import t from 'tap'
import { countTap } from './count-tap.ts'

const FILE = (ok: boolean, ...points: string[]) =>
  `# Subtest: test/x.test.ts\n${points.map((p) => `    ${p}\n`).join('')}    1..${points.length}\n${ok ? '' : 'not '}ok 1 - test/x.test.ts\n`

t.test('countTap() counts the points one level below each file', async (t) => {
  t.same(countTap(FILE(true, 'ok 1 - a', '    ok 1 - deeper', 'ok 2 - b') + FILE(false, 'ok 1 - c', 'not ok 2 - d')), {
    passed: 3,
    failed: 1,
  })
})
t.test('countTap() counts a file that failed although its tests passed', async (t) => {
  t.same(countTap(FILE(false, 'ok 1 - a')), { passed: 1, failed: 1 })
})
t.test('countTap() counts a file without points as one test', async (t) => {
  t.same(countTap(FILE(true) + FILE(false)), { passed: 1, failed: 1 })
})
t.test('countTap() finds nothing in nothing', async (t) => {
  t.same(countTap('TAP version 14\n1..0\n'), { passed: 0, failed: 0 })
})
