import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const LIB = join(import.meta.dirname, '../../waf/lib')
/** Runs lines of shell with the updater's parts read in, at second 1000 of the machine's clock. */
const run = (script: string): string[] =>
  execFileSync('sh', ['-euc', `LIB=${LIB} NOW=1000; . "$LIB/pace.sh"; . "$LIB/poll.sh"\n${script}`], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
const numbers = (script: string) => run(script).map((line) => line.split(' ').map(Number))

const told: [interval: string, jitter: string, expected: string][] = [
  ['30', '10', '30 10'],
  ['1', '0', '1 0'],
  ['0', '0', '1 0'],
  ['3600', '3600', '3600 3600'],
  ['3601', '1', '3600 1'],
  ['99999999999999999999', '99999999999999999999', '3600 3600'],
  ['5', '60', '5 5'],
  ['008', '07', '8 7'],
  ['9', '', '9 3'],
  ['9', '-1', '9 3'],
  ['', '4', '30 10'],
  ['-5', '1', '30 10'],
  ['1.5', '1', '30 10'],
  ['$(id)', '1', '30 10'],
]
for (const [interval, jitter, expected] of told)
  t.test(`take_pace() makes '${expected}' of interval '${interval}' and jitter '${jitter}'`, async (t) => {
    const script = `take_pace '${interval}' '${jitter}'; echo "$INTERVAL $JITTER"`
    t.strictSame(run(script), [expected])
  })

t.test('due_as_told() spreads polls over the jitter before the interval', async (t) => {
  const waits = numbers('take_pace 30 10; for i in $(seq 200); do due_as_told; echo $((NEXT - NOW)); done').flat()
  t.ok(waits.every((wait) => wait >= 20 && wait <= 30))
  t.ok(new Set(waits).size > 3)
})

t.test('due_after_fault() doubles the wait up to 300 s, from its half to its whole', async (t) => {
  const script = 'take_pace "" ""; for i in $(seq 12); do due_after_fault 30; echo "$BACKOFF $((NEXT - NOW))"; done'
  const waits = numbers(script)
  t.strictSame(
    waits.map(([backoff]) => backoff),
    [30, 60, 120, 240, ...Array.from({ length: 8 }, () => 300)],
  )
  t.ok(waits.every(([backoff, wait]) => wait! >= backoff! / 2 && wait! <= backoff!))
})

t.test('due_after_fault() waits as long as a failure that says so, and begins anew after an answer', async (t) => {
  const script = `take_pace 2000 0; due_after_fault 30; echo "$BACKOFF"
    due_as_told; take_pace "" ""; due_after_fault 30; echo "$BACKOFF"`
  t.strictSame(numbers(script).flat(), [2000, 30])
})

t.test('due_soon() brings the next poll to within 3 s, but not while the service fails', async (t) => {
  const script = `take_pace 30 0; due_as_told; due_soon; echo "$((NEXT - NOW))"
    take_pace 1 0; due_as_told; due_soon; echo "$((NEXT - NOW))"
    take_pace "" ""; due_after_fault 30; due_soon; echo "$((NEXT - NOW))"`
  const [soon, sooner, late] = numbers(script).flat()
  t.ok(soon! >= 1 && soon! <= 3)
  t.equal(sooner, 1)
  t.ok(late! >= 15)
})

t.test('refuse_for_long() waits 15 minutes, twice that each time, and 4 hours at most', async (t) => {
  const script = 'for i in 1 2 3 4 5 6 7; do refuse_for_long crs-1-a; echo "$((REFUSED_UNTIL - NOW))"; done'
  t.strictSame(numbers(script).flat(), [900, 1800, 3600, 7200, 14400, 14400, 14400])
})
