/**
 * A seeded random walk: nodes join, lose their sensor, are cordoned, tainted, relabelled and deleted; teams scale; guards are killed, frozen and
 * lose the time. Whatever happens, what invariants.ts says holds; at the end, with everything given back, nothing of it is left.
 */
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { TAINT_IDS_NOT_READY } from '../../../src/api/names.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { temporaryDirectory } from '../../admission/support.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster-cache/lab.ts'
import { leaderless } from './guard-process.ts'
import { type Judgement, judge, type Placement } from './invariants.ts'
import { startJournal } from './journal.ts'
import { FREE, NAMESPACES, SETTLE, startLab } from './lab.ts'
import { OF_GUARDS, plan, readSteps, writeSteps } from './plan.ts'
import { Walker } from './walker.ts'

/** Of a machine with two busy cores; the benchmark guard-scale has the figure of a quiet one. */
const LIMITS = { lagMs: 5_000, settleMs: SETTLE.settleLimitSeconds * 1000, placeMs: 30_000 }

export interface Walk {
  readonly nodes: number
  readonly steps: number
  readonly seed: number
  /** Without taints the scheduler knows nothing, and the gate alone stands between a Pod and a blind node. */
  readonly taints: boolean
}
export interface Walked extends Judgement {
  /** Bindings of protected Pods that the gate refused. */
  readonly refused: number
  readonly leaderlessTimes: number
}

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
export async function placementsOf(cluster: Cluster): Promise<{ placed: Placement[]; refused: number }> {
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

async function marked(client: ApiClient): Promise<string[]> {
  const { items } = await client.request<{
    items: { metadata: { name: string }; spec: { taints?: { key: string }[] } }[]
  }>('GET', '/api/v1/nodes')
  return items
    .filter(({ spec }) => spec.taints?.some(({ key }) => key === TAINT_IDS_NOT_READY))
    .map(({ metadata }) => metadata.name)
}

/** Walks, judges, and says what was seen. Whether that is fine is for the test to say. */
export async function walk(t: Test, { nodes, steps: count, seed, taints }: Walk): Promise<Walked> {
  const begun = performance.now()
  const say = (line: string) => t.comment(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${line}`)
  const file = process.env['SEKISHO_WALK_LOG']
  const steps = file === undefined ? plan(seed, count, nodes > 100 ? 20 : 5, taints ? [] : OF_GUARDS) : readSteps(file)
  const lab = await startLab({ nodes, log: say, work: temporaryDirectory(t), taint: { enabled: taints } })
  t.teardown(() => lab.stop())
  const { cluster, client, guards } = lab
  const journal = startJournal(client)
  t.teardown(() => journal.stop())
  const walker = new Walker(lab)
  await walker.begin(Math.ceil(nodes / 6))
  const from = Date.now()
  say(`walking: ${steps.length} steps`)
  for (const [i, step] of steps.entries()) {
    await walker.step(step)
    if (i % 20 === 19) say(`step ${i + 1}, load ${loadavg()[0]!.toFixed(1)}`)
  }
  const to = Date.now()
  await walker.end()
  await t.test('with everything given back no taint is left and every Pod runs', async () => {
    await until(
      'no node has our taint',
      () => marked(client),
      (names) => names.length === 0,
      120_000,
    )
    for (const { name } of [...NAMESPACES, { name: FREE }])
      for (const each of name === FREE ? ['app'] : ['app', 'astray'])
        await cluster.kubectlOk(['-n', name, 'rollout', 'status', `deployment/${each}`, '--timeout=240s'])
  })
  await sleep(1000)
  const { placed, refused } = await placementsOf(cluster)
  const gaps = leaderless(
    guards.flatMap(({ terms }) => terms),
    from,
    Date.now(),
  )
  const judgement = judge({
    entries: journal.entries(),
    placements: placed,
    namespaces: NAMESPACES,
    free: [FREE],
    visible: walker.visible,
    others: walker.others,
    // Who is not to taint is not asked for taints.
    leaderless: taints ? gaps : [{ from: 0, to: Number.POSITIVE_INFINITY }],
    until: to,
    limits: LIMITS,
  })
  const { bindings, inFlight, longestWindowMs, untaintedMs, overtaintedMs, violations } = judgement
  say(
    `${journal.entries().length} changes; ${bindings} bindings of protected Pods, ${refused} refused, ${inFlight} met a change within their own request (${longestWindowMs} ms at most)`,
  )
  say(`a node went without its taint ${spread(untaintedMs)}; one kept it ${spread(overtaintedMs)}`)
  say(`nobody led ${gaps.length} times; load ${loadavg()[0]!.toFixed(1)}`)
  if (violations.length > 0) {
    const log = join(tmpdir(), `sekisho-walk-${seed}.jsonl`)
    writeSteps(log, steps)
    say(`walk it again: SEKISHO_WALK_LOG=${log}`)
  }
  return { ...judgement, refused, leaderlessTimes: gaps.length }
}

function spread(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b)
  const of = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return `${all.length} times (median ${of(0.5)} ms, p99 ${of(0.99)} ms, at most ${of(1)} ms while a guard led)`
}
