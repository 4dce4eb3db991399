/** The random walk with everything as it is installed: invariants.ts says what holds, walker.ts what happens. */
import t from 'tap'
import { walk } from './walk.ts'

const FULL = process.env['SEKISHO_TEST_FULL'] === '1'
const NODES = FULL ? 1000 : 60
const SEED = Number(process.env['SEKISHO_WALK_SEED'] ?? 20_260)
const STEPS = Number(process.env['SEKISHO_WALK_STEPS'] ?? (FULL ? 500 : 60))
t.setTimeout((FULL ? 45 : 9) * 60_000)

t.test(`the guard and the gate hold through ${STEPS} steps on ${NODES} nodes, seed ${SEED}`, async (t) => {
  const walked = await walk(t, { nodes: NODES, steps: STEPS, seed: SEED, taints: true })
  t.same(walked.violations, [])
  // A walk in which nothing happened proves nothing.
  t.ok(walked.bindings > NODES / 4, `${walked.bindings} bindings`)
  t.ok(walked.untaintedMs.length > STEPS / 10, `${walked.untaintedMs.length} times a node had to be tainted`)
  t.ok(walked.leaderlessTimes > 0, `${walked.leaderlessTimes} times nobody led`)
})
