/**
 * The random walk without taints: the scheduler knows nothing of sensors and tries every node, and the gate at the binding alone keeps Pods off
 * blind ones. It is what holds while nobody leads, and after the time of the policy `remove`.
 */
import t from 'tap'
import { walk } from './walk.ts'

const FULL = process.env['SEKISHO_TEST_FULL'] === '1'
const NODES = FULL ? 1000 : 60
const SEED = Number(process.env['SEKISHO_WALK_SEED'] ?? 7)
const STEPS = Number(process.env['SEKISHO_WALK_STEPS'] ?? (FULL ? 300 : 60))
t.setTimeout((FULL ? 45 : 9) * 60_000)

t.test(`the gate alone holds through ${STEPS} steps on ${NODES} nodes, seed ${SEED}`, async (t) => {
  const walked = await walk(t, { nodes: NODES, steps: STEPS, seed: SEED, taints: false })
  t.same(walked.violations, [])
  t.ok(walked.bindings > NODES / 4, `${walked.bindings} bindings`)
  t.ok(walked.refused > 0, `${walked.refused} bindings were refused`)
})
