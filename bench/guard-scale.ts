/**
 * `guard-scale`: the guard's loop in a large cluster, and how soon a node counts as watched.
 *
 *   lag      real kube-apiserver; nodes and their IDS Pods are bare objects written straight to it, no kubelet and no controller plays them.
 *            The real `sekisho guard`, bundled as in its image, with the rights of its ServiceAccount. IDS Pods are called not Ready one after the other, then many at
 *            once: told is the time from the answer to that status until a watch shows the taint on the node
 *   proven   real nodes, the IDS as it is installed: from the start of the agent's container to the Pod being Ready
 *
 *   node bench/guard-scale.ts [--nodes 5000] [--losses 500] [--rate 20] [--burst 500] [--parts lag,proven]
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findAccess } from '../src/cluster/access.ts'
import { type ApiClient, createApiClient } from '../src/cluster/api-client.ts'
import { startCluster } from '../test/cluster/start.ts'
import { startNodesLab } from '../test/guard/nodes/lab.ts'
import { startGuard } from '../test/guard/walk/guard-process.ts'
import { startJournal } from '../test/guard/walk/journal.ts'
import { untilLed } from '../test/guard/walk/lab.ts'
import { bundleProgram } from '../test/images/bundle.ts'
import { kubeconfigOf } from '../test/manifests/account.ts'
import { installed, nodeOptions } from './guard-scale/installed.ts'
import { bareNode, bareSensor, notReady, ready, SENSORS } from './guard-scale/objects.ts'
import { preferUs } from './priority.ts'
import { limited, percentile, type Row, report } from './report.ts'

const LAG_MS = 2000
const PROVEN_MS = 20_000
/** The container's limit in manifests/base/guard.yaml. */
const MEMORY_MIB = 384
const AT_ONCE = 16

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5000' },
    losses: { type: 'string', default: '500' },
    rate: { type: 'string', default: '20' },
    burst: { type: 'string', default: '500' },
    parts: { type: 'string', default: 'lag,proven' },
  },
})
const [nodes, losses, rate, burst] = [values.nodes, values.losses, values.rate, values.burst].map(Number) as [
  number,
  number,
  number,
  number,
]
const begun = performance.now()
const tell = (text: string) =>
  void process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
const told = (what: string, unit: string, ours: number): Row => ({
  ...limited('guard-scale', what, unit, ours, 1),
  rival: null,
  ratio: null,
  aim: null,
})

const many = (count: number): string => count.toLocaleString('en')

const memory = (pid: number, field: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
const lags = (said: ReadonlyMap<string, number>, seen: ReadonlyMap<string, number>): number[] =>
  [...said].map(([name, at]) => Math.max(0, (seen.get(name) ?? Number.POSITIVE_INFINITY) - at))

preferUs()
const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'sekisho-guard-scale-'))
try {
  if (values.parts.includes('lag')) await lag()
  if (values.parts.includes('proven')) await proven()
} finally {
  await rm(folder, { recursive: true, force: true })
}
tell(`load ${loadavg()[0]!.toFixed(1)}`)
report(rows)

async function lag(): Promise<void> {
  tell('starting kube-apiserver')
  const cluster = await startCluster({ size: 'control-plane', name: 'guard-scale' })
  const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'guard-scale')
  try {
    const daemonSet = await installed(cluster)
    tell(`writing ${nodes} nodes and ${nodes} IDS Pods`)
    const names = Array.from({ length: nodes }, (_, i) => `node-${i}`)
    await each(names, async (name) => {
      await client.request('POST', '/api/v1/nodes', { body: bareNode(name) })
      await client.request('POST', SENSORS, { body: bareSensor(name, daemonSet) })
      await say(client, name, ready())
    })
    await bundleProgram(folder)
    const guard = startGuard({
      name: 'guard',
      kubeconfig: await kubeconfigOf(cluster, folder, 'sekisho-guard'),
      work: folder,
      config: JSON.stringify({ health: { address: '127.0.0.1', port: 0 } }),
      program: join(folder, 'app', 'sekisho.mjs'),
      nodeOptions: await nodeOptions(),
    })
    // Whatever happens below, it ends with this program.
    process.once('exit', () => guard.child.kill('SIGKILL'))
    await untilLed([guard])
    const journal = startJournal(client)
    await sleep(5000)
    rows.push(told(`memory of the guard at rest, ${many(nodes)} nodes`, 'MiB', memory(guard.pid, 'VmRSS')))
    const cpu = cpuSeconds(guard.pid)
    const from = Date.now()

    tell(`${losses} IDS Pods are lost, ${rate} a second`)
    const paced = await lose(client, names.slice(0, losses), async (name, when) => {
      await sleep(Math.max(0, from + when - Date.now()))
      return say(client, name, notReady())
    })
    await until(() => tainted(journal.entries()).size >= losses)
    const one = lags(paced, tainted(journal.entries()))
    const used = cpuSeconds(guard.pid) - cpu
    rows.push(
      told(`not Ready → taint, ${rate} losses a second, p50`, 'ms', percentile(one, 0.5)),
      limited('guard-scale', `not Ready → taint, ${rate} losses a second, p99`, 'ms', percentile(one, 0.99), LAG_MS),
      told('CPU of the guard for each loss', 'ms', (used / losses) * 1000),
    )

    tell(`${burst} at once`)
    const names2 = names.slice(losses, losses + burst)
    const together = new Map<string, number>()
    await each(names2, async (name) => void together.set(name, await say(client, name, notReady())))
    await until(() => tainted(journal.entries()).size >= losses + burst)
    rows.push(
      limited(
        'guard-scale',
        `not Ready → taint, ${many(burst)} losses as fast as they can be said, p99`,
        'ms',
        percentile(lags(together, tainted(journal.entries())), 0.99),
        LAG_MS,
      ),
      limited(
        'guard-scale',
        `memory of the guard at most, ${many(nodes)} nodes`,
        'MiB',
        memory(guard.pid, 'VmHWM'),
        MEMORY_MIB,
      ),
    )
    tell(`load ${loadavg()[0]!.toFixed(1)}`)
    await journal.stop()
    await guard.kill()
  } finally {
    client.close()
    await cluster.stop()
  }
}

/** From the container `agent` being started to its Pod being Ready, as the kubelet says both. */
async function proven(): Promise<void> {
  // With a second node, since a switch without a cable carries no canary.
  const lab = await startNodesLab({ name: 'guard-scale', nodes: 2, log: tell, work: join(folder, 'proven'), guard: {} })
  try {
    const { cluster } = lab
    const here = ['-n', 'sekisho-node', 'get', 'pods', '--field-selector', 'spec.nodeName=node-1', '-o']
    const read = async () => {
      const text = await cluster.kubectlOk([...here, 'json'])
      const { items } = JSON.parse(text) as { items: IdsPod[] }
      return items.find(({ metadata }) => metadata.deletionTimestamp === undefined)?.status
    }
    const samples: number[] = []
    for (let round = 0; round < 5; round++) {
      const before = (await cluster.kubectlOk([...here, 'name'])).trim()
      if (round > 0) await cluster.kubectlOk(['-n', 'sekisho-node', 'delete', before, '--wait'])
      let status: IdsPod['status'] | undefined
      await until(async () => {
        status = await read()
        return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
      })
      const started = status?.containerStatuses?.find(({ name }) => name === 'agent')?.state.running?.startedAt ?? ''
      const since = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
      samples.push(Date.parse(since) - Date.parse(started))
      tell(`proven after ${samples.at(-1)} ms`)
    }
    const most = Math.max(...samples)
    rows.push(
      limited('guard-scale', 'agent started → node proven, the longest of 5', 's', most / 1000, PROVEN_MS / 1000),
    )
  } finally {
    await lab.stop()
  }
}

interface IdsPod {
  readonly metadata: { readonly deletionTimestamp?: string }
  readonly status: {
    readonly conditions?: readonly { type: string; status: string; lastTransitionTime: string }[]
    readonly containerStatuses?: readonly { name: string; state: { running?: { startedAt: string } } }[]
  }
}

/** Writes a status and returns when the API server's answer was here: by then it is visible. */
async function say(client: ApiClient, name: string, body: object): Promise<number> {
  const contentType = 'application/strategic-merge-patch+json'
  await client.request('PATCH', `${SENSORS}/ids-${name}/status`, { body, contentType })
  return Date.now()
}

async function lose(
  _client: ApiClient,
  names: readonly string[],
  one: (name: string, whenMs: number) => Promise<number>,
): Promise<Map<string, number>> {
  const all = await Promise.all(names.map(async (name, i) => [name, await one(name, (i * 1000) / rate)] as const))
  return new Map(all)
}

type Entries = ReturnType<ReturnType<typeof startJournal>['entries']>
/** When each node was first seen with our taint. */
function tainted(entries: Entries): Map<string, number> {
  const at = new Map<string, number>()
  for (const { seen, at: when } of entries)
    if (seen.kind === 'node' && seen.ours && !at.has(seen.name)) at.set(seen.name, when)
  return at
}

async function each(names: readonly string[], one: (name: string) => Promise<void>): Promise<void> {
  const waiting = [...names]
  const work = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await one(name)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 180_000; !(await holds()); await sleep(200))
    if (Date.now() > end) throw new Error('Cannot measure: what was waited for did not come in 180 s')
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
