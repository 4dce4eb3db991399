import t from 'tap'
import { compare, type Seen } from '../../../src/rules/trial/compare.ts'

/** `10 sqli`: so many of a group, named 1 to 10; the first `odd` of them with another result. */
const group = (
  name: string,
  expect: Seen['expect'],
  many: number,
  odd = 0,
  result: Seen['result'] = expect === 'stopped' ? 'passed' : 'stopped',
) =>
  Array.from({ length: many }, (_, i): Seen => {
    const now = i < odd ? result : expect
    return {
      group: name,
      name: `r${i + 1}`,
      expect,
      result: now,
      status: { passed: 200, stopped: 403, rejected: 400, cut: 200, silent: 0 }[now],
    }
  })
const attacks = (name: string, many: number, odd = 0, result?: Seen['result']) =>
  group(name, 'stopped', many, odd, result)
const harmless = (name: string, many: number, odd = 0, result?: Seen['result']) =>
  group(name, 'passed', many, odd, result)
const all = [...attacks('sqli', 10), ...attacks('xss', 10), ...harmless('forms', 60), ...harmless('json', 40)]
const PASSED = { verdict: 'passed' }

t.test(
  'compare() of a release with the set that stands: one attack more, or one harmless request less, holds it',
  (t) => {
    t.strictSame(compare('release', all, all), PASSED)
    t.strictSame(compare('release', all, [...attacks('sqli', 10, 1), ...all.slice(10)]), {
      verdict: 'held',
      reason: 'LetsAttackPass',
      detail: 'class sqli: 1 of 10 that the set that stands stops pass: r1',
    })
    t.strictSame(compare('release', all, [...attacks('sqli', 10, 2), ...attacks('xss', 10, 7), ...all.slice(20)]), {
      verdict: 'held',
      reason: 'LetsAttackPass',
      detail:
        'class xss: 7 of 10 that the set that stands stops pass: r1, r2, r3, r4, r5 and 2 more; class sqli: 2 of 10 that the set that stands stops pass: r1, r2',
    })
    t.strictSame(
      compare('release', all, [...all.slice(0, 20), ...harmless('forms', 60, 1), ...harmless('json', 40, 2, 'silent')]),
      {
        verdict: 'held',
        reason: 'BlocksGoodTraffic',
        detail:
          '3 of 100 harmless requests that the set that stands lets pass do not pass (2 × no answer, 1 × 403): json: r1, r2; forms: r1',
      },
    )
    t.end()
  },
)

t.test('compare() counts nothing that the set that stands already lets pass or blocks', (t) => {
  const before = [
    ...attacks('sqli', 10, 3),
    ...attacks('xss', 10),
    ...harmless('forms', 60, 3),
    ...harmless('json', 40),
  ]
  t.strictSame(compare('release', before, before), PASSED)
  t.match(compare('release', before, [...attacks('sqli', 10, 4), ...before.slice(10)]), {
    detail: 'class sqli: 1 of 7 that the set that stands stops pass: r4',
  })
  t.end()
})

t.test('compare() takes an attack for stopped whatever the answer is, if the application never saw it', (t) => {
  t.strictSame(compare('release', all, [...attacks('sqli', 10, 5, 'rejected'), ...all.slice(10)]), PASSED)
  t.match(compare('release', all, [...attacks('sqli', 10, 1, 'cut'), ...all.slice(10)]), { reason: 'LetsAttackPass' })
  t.match(compare('release', all, [...all.slice(0, 20), ...harmless('forms', 60, 1, 'cut'), ...harmless('json', 40)]), {
    reason: 'BlocksGoodTraffic',
  })
  t.end()
})

t.test(
  'compare() of the first release ever: four fifths of each class are stopped, 98 % of the harmless ones pass',
  (t) => {
    t.strictSame(compare('release', undefined, [...attacks('sqli', 10, 2), ...harmless('forms', 100, 2)]), PASSED)
    t.match(
      compare('release', undefined, [...attacks('sqli', 10, 3), ...attacks('xss', 90), ...harmless('forms', 100)]),
      {
        reason: 'LetsAttackPass',
        detail: 'class sqli: 3 of 10 of the corpus pass: r1, r2, r3',
      },
    )
    t.match(compare('release', undefined, [...attacks('sqli', 10), ...harmless('forms', 100, 3)]), {
      reason: 'BlocksGoodTraffic',
      detail: /^3 of 100 harmless requests of the corpus/,
    })
    t.end()
  },
)

t.test(
  'compare() of a delta: what a person may want passes, a class that is wholly open or a site that is closed is held',
  (t) => {
    const before = [...attacks('sqli', 2), ...attacks('xss', 2), ...harmless('forms', 20)]
    t.strictSame(
      compare('delta', before, [...attacks('sqli', 2, 1), ...attacks('xss', 2, 1), ...harmless('forms', 20, 15)]),
      PASSED,
    )
    t.match(compare('delta', before, [...attacks('sqli', 2, 2), ...before.slice(2)]), {
      reason: 'LetsAttackPass',
      detail: 'class sqli: 2 of 2 that the release stops pass: r1, r2',
    })
    t.match(compare('delta', before, [...before.slice(0, 4), ...harmless('forms', 20, 16)]), {
      reason: 'BlocksGoodTraffic',
    })
    // A language that the application does not use: the release without it lets the class pass too.
    const weaker = [...attacks('sqli', 2), ...attacks('xss', 2, 2), ...harmless('forms', 20)]
    t.strictSame(compare('delta', weaker, weaker), PASSED)
    t.end()
  },
)

t.test('compare() of a delta alone: most attacks are stopped and some harmless requests pass', (t) => {
  const list = (odd: number, blocked: number) => [
    ...attacks('sqli', 10, odd),
    ...attacks('xss', 10, odd),
    ...harmless('forms', 20, blocked),
  ]
  t.strictSame(compare('delta', undefined, list(5, 15)), PASSED)
  t.match(compare('delta', undefined, list(6, 0)), { reason: 'LetsAttackPass' })
  t.match(compare('delta', undefined, list(0, 16)), { reason: 'BlocksGoodTraffic' })
  t.end()
})
