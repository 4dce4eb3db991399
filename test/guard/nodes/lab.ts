/**
 * Real nodes with the IDS as it is installed, real Suricata and its agent in it. The webhook runs in the network of the first node, where the API
 * server reaches it; the guard on the machine. Both with the rights of their ServiceAccounts alone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAccess } from '../../../src/cluster/access.ts'
import { type ApiClient, createApiClient } from '../../../src/cluster/api-client.ts'
import { makeCa, makeLeaf } from '../../admission/support.ts'
import { configurations, startWebhook } from '../../admission/webhook-process.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { startCluster } from '../../cluster/start.ts'
import { until } from '../../cluster-cache/lab.ts'
import { ensureImages } from '../../images/build.ts'
import { kubeconfigOf } from '../../manifests/account.ts'
import { BASE, objectsOf, render } from '../../manifests/render.ts'
import { type GuardProcess, startGuard } from '../walk/guard-process.ts'
import { AUDIT, INSTALLED, untilLed } from '../walk/lab.ts'
import type { Visits } from './visitor.ts'

export interface NodesLab {
  readonly cluster: Cluster
  readonly client: ApiClient
  readonly guard: GuardProcess
  stop(): Promise<void>
}

export interface NodesOptions {
  readonly name: string
  readonly nodes: number
  readonly late?: number
  readonly log: (line: string) => void
  readonly work: string
  /** Settings of the guard's process, and of the gate in both. */
  readonly taint?: object
  readonly loss?: object
  readonly guard: object
}

export async function startNodesLab(options: NodesOptions): Promise<NodesLab> {
  const { name, nodes, late = 0, log, work, taint = {}, loss = {}, guard } = options
  const [cluster, images] = await Promise.all([
    startCluster({ size: 'node', nodes, late, name, audit: AUDIT }),
    ensureImages(['sekisho-ids'], { log }),
  ])
  const undo: (() => Promise<unknown> | unknown)[] = [() => cluster.stop()]
  const stop = async () => {
    for (const one of undo.toReversed()) await one()
  }
  try {
    await cluster.importImages([images['sekisho-ids'].tar])
    const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'sekisho-nodes')
    undo.push(() => client.close())
    const manifests = objectsOf(await render(BASE))
    const wanted = manifests.filter(
      ({ kind = '', metadata }) =>
        INSTALLED.has(kind) || (metadata?.namespace === 'sekisho-node' && ['ConfigMap', 'DaemonSet'].includes(kind)),
    )
    const apply = (objects: readonly object[]) =>
      cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      })
    await apply(wanted.filter(({ kind }) => kind === 'Namespace'))
    await apply(wanted.filter(({ kind }) => kind !== 'Namespace'))
    log('the IDS is installed')
    mkdirSync(work, { recursive: true })
    const ca = await makeCa()
    const webhook = await startWebhook({
      kubeconfig: await kubeconfigOf(cluster, work, 'sekisho-webhook'),
      work: join(work, 'webhook'),
      pair: await makeLeaf(ca),
      config: `  updates: {url: ""}\nguard: ${JSON.stringify(guard)}\n`,
      before: ['nsenter', `--target=${cluster.nodes[0]!.pid}`, '-n', '--'],
    })
    undo.push(() => webhook.stop('SIGKILL'))
    await apply(configurations(webhook.port, ca.certPem))
    const started = startGuard({
      name: 'guard',
      kubeconfig: await kubeconfigOf(cluster, work, 'sekisho-guard'),
      work,
      config: JSON.stringify({ health: { address: '127.0.0.1', port: 0 }, guard, taint, loss }),
    })
    undo.push(() => started.kill())
    await untilLed([started])
    const health = ['-fsS', `http://127.0.0.1:${webhook.healthPort}/healthz/ready`]
    await until(
      'the webhook is ready',
      () => cluster.exec('curl', health),
      ({ code }) => code === 0,
      60_000,
    )
    return { cluster, client, guard: started, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Asks all addresses from inside a node until told to stop. */
export function startVisits(cluster: Cluster, node: number, urls: readonly string[]): { stop(): Promise<Visits[]> } {
  const program = [process.execPath, join(import.meta.dirname, 'visitor.ts'), ...urls]
  const child: ChildProcess = spawn('nsenter', [`--target=${cluster.nodes[node]!.pid}`, '-n', '--', ...program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  })
  let output = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  return {
    stop: async () => {
      child.stdin!.end()
      await once(child, 'close')
      return JSON.parse(output) as Visits[]
    },
  }
}

/** Sends a signal to Suricata on a node, whose processes nothing else on the machine sees by these ids. */
export async function signalSuricata(cluster: Cluster, node: string, signal: 'STOP' | 'CONT'): Promise<void> {
  const script = `for f in $(grep -lx Suricata-Main /proc/[0-9]*/comm); do kill -${signal} "$(echo "$f" | cut -d / -f 3)"; done`
  const { code, stderr } = await cluster.exec('sh', ['-c', script], { node })
  if (code !== 0) throw new Error(`Cannot send ${signal} to Suricata on ${node}: ${stderr}`)
}

/** Ends every process of a node at once. */
export async function cutPower(cluster: Cluster, node: string): Promise<void> {
  const { pid } = cluster.nodes.find(({ name }) => name === node)!
  process.kill(pid, 'SIGKILL')
  await sleep(0)
}
