/**
 * A seeded random walk: nodes join, lose their sensor, are cordoned, tainted, relabelled and deleted; teams scale; guards are killed, frozen and
 * lose the time. Whatever happens, what invariants.ts says holds; at the end, with everything given back, nothing of it is left.
 */
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { TAINT_IDS_NOT_READY } from '../../../src/api/names.ts'
import { temporaryDirectory } from '../../admission/support.ts'
import { until } from '../../cluster-cache/lab.ts'
import { leaderless } from './guard-process.ts'
import { judge, type Placement } from './invariants.ts'
import { startJournal } from './journal.ts'
import { FREE, NAMESPACES, SETTLE, startLab } from './lab.ts'
import { KINDS, plan, readSteps, writeSteps } from './plan.ts'
import { Walker } from './walker.ts'

const FULL = process.env['SEKISHO_TEST_FULL'] === '1'
const NODES = FULL ? 1000 : 60
const SEED = Number(process.env['SEKISHO_WALK_SEED'] ?? 20_260)
const STEPS = Number(process.env['SEKISHO_WALK_STEPS'] ?? (FULL ? 500 : 60))
/** Of a machine with two busy cores; the benchmark guard-scale has the figure of a quiet one. */
const LIMITS = { lagMs: 15_000, settleMs: SETTLE.settleLimitSeconds * 1000, placeMs: 30_000 }

t.setTimeout((FULL ? 40 : 9) * 60_000)
const begun = performance.now()
const say = (line: string) => t.comment(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${line}`)
const log = process.env['SEKISHO_WALK_LOG']
const steps = log === undefined ? plan(SEED, STEPS, FULL ? 20 : 5) : readSteps(log)
const work = temporaryDirectory(t)
const lab = await startLab({ nodes: NODES, log: say, work })
t.teardown(() => lab.stop())
const { cluster, client, guards } = lab
const journal = startJournal(client)
t.teardown(() => journal.stop())

interface AuditEvent {
  readonly objectRef: {
    readonly resource: string
    readonly subresource?: string
    readonly namespace: string
    readonly name?: string
  }
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly responseStatus: { readonly code: number }
}
/** The requests that placed a Pod; those that were refused are counted. */
async function placements(): Promise<{ placed: Placement[]; refused: number }> {
  const events = (await cluster.auditLog()) as unknown as AuditEvent[]
  const bindings = events.filter(({ objectRef }) => objectRef.subresource === 'binding')
  const placed = events
    .filter(({ responseStatus, objectRef }) => responseStatus.code === 201 && objectRef.name !== undefined)
    .map(({ objectRef, requestReceivedTimestamp, stageTimestamp }) => ({
      namespace: objectRef.namespace,
      pod: objectRef.name!,
      received: Date.parse(requestReceivedTimestamp),
      ended: Date.parse(stageTimestamp),
    }))
  const ours = NAMESPACES.map(({ name }) => name)
  const refused = bindings.filter((one) => one.responseStatus.code !== 201 && ours.includes(one.objectRef.namespace))
  return { placed, refused: refused.length }
}

const marked = async () => {
  const { items } = await client.request<{
    items: { metadata: { name: string }; spec: { taints?: { key: string }[] } }[]
  }>('GET', '/api/v1/nodes')
  return items
    .filter(({ spec }) => spec.taints?.some(({ key }) => key === TAINT_IDS_NOT_READY))
    .map(({ metadata }) => metadata.name)
}

t.test(`the guard and the gate hold through ${steps.length} steps on ${NODES} nodes, seed ${SEED}`, async (t) => {
  const walker = new Walker(lab)
  await walker.begin(NODES / 6)
  const from = Date.now()
  say(`walking: ${steps.length} steps`)
  for (const [i, step] of steps.entries()) {
    await walker.step(step)
    if (i % 20 === 19) say(`step ${i + 1}, load ${loadavg()[0]!.toFixed(1)}`)
  }
  const to = Date.now()
  await walker.end()
  await t.test('with everything given back no taint is left and every Pod runs', async () => {
    await until('no node has our taint', marked, (names) => names.length === 0, 120_000)
    for (const { name } of [...NAMESPACES, { name: FREE }])
      for (const each of name === FREE ? ['app'] : ['app', 'astray'])
        await cluster.kubectlOk(['-n', name, 'rollout', 'status', `deployment/${each}`, '--timeout=240s'])
  })
  await sleep(1000)
  const { placed, refused } = await placements()
  const evidence = {
    entries: journal.entries(),
    placements: placed,
    namespaces: NAMESPACES,
    free: [FREE],
    visible: walker.visible,
    others: walker.others,
    leaderless: leaderless(
      guards.flatMap(({ terms }) => terms),
      from,
      Date.now(),
    ),
    until: to,
    limits: LIMITS,
  }
  const result = judge(evidence)
  const largest = (all: readonly number[]) => (all.length === 0 ? 0 : Math.max(...all))
  const median = (all: readonly number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0
  say(
    `${evidence.entries.length} changes; ${result.bindings} bindings of protected Pods, ${refused} refused, ${result.inFlight} met a change within their own request (${result.longestWindowMs} ms at most)`,
  )
  say(
    `${result.untaintedMs.length} times a node went without its taint: median ${median(result.untaintedMs)} ms, at most ${largest(result.untaintedMs)} ms with a leader; ${result.overtaintedMs.length} times one kept it: at most ${largest(result.overtaintedMs)} ms`,
  )
  say(`nobody led ${evidence.leaderless.length} times; load ${loadavg()[0]!.toFixed(1)}`)
  if (result.violations.length > 0) {
    const file = join(process.env['TMPDIR'] ?? '/tmp', `sekisho-walk-${SEED}.jsonl`)
    writeSteps(file, steps)
    say(`walk it again: SEKISHO_WALK_LOG=${file}`)
  }
  t.same(result.violations, [])
  // A walk in which nothing happened proves nothing.
  t.ok(result.bindings > NODES / 4, `${result.bindings} bindings`)
  t.ok(refused > 0, `${refused} bindings were refused`)
  t.ok(result.untaintedMs.length > steps.length / 10, `${result.untaintedMs.length} losses`)
  t.ok(evidence.leaderless.length > 0 || !steps.some(({ kind }) => kind === 'killLeader'))
  if (log === undefined) t.ok(new Set(steps.map(({ kind }) => kind)).size > Object.keys(KINDS).length / 2)
})
