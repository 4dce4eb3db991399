/**
 * The process that owns a cluster: it starts the parts, and when its owner is gone it ends them and takes away what they left.
 *
 *   test ──stdin──▶ keeper ──▶ etcd, kube-apiserver, nodes …
 *
 * The owner is the other end of stdin: however the test ends (stop(), Ctrl-C, kill -9), the pipe closes and the keeper cleans up.
 * After the line "release" the owner is whoever sends it TERM. Should the keeper itself be killed, the kernel ends its parts
 * (parent-death signals, process namespaces); only its work folder and empty cgroups stay, which the next start takes away.
 */
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeCgroups } from './cgroups.ts'
import { prepareWork, startControlPlaneHere, writeKubeConfig } from './control-plane.ts'
import { type StartedNodes, startNodes } from './node.ts'
import { type Part, PartError } from './part.ts'
import type { ClusterSpec, ClusterState, KeeperMessage, NodeState } from './spec.ts'

const parts: Part[] = []
const over = new AbortController()
const spec = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ClusterSpec
let released = false
let begun: Promise<void> = Promise.resolve()
let stopping = false
let join: StartedNodes['join'] | undefined

process.stdout.on('error', () => {})
const say = (message: KeeperMessage): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function begin(wanted: ClusterSpec): Promise<void> {
  const context = { spec: wanted, signal: over.signal, progress: (text: string) => say({ type: 'progress', text }) }
  await prepareWork(wanted.work)
  let server: string
  let nodes: NodeState[] = []
  if (wanted.size === 'node') ({ server, nodes, join } = await startNodes(context, parts))
  else server = await startControlPlaneHere(context, parts)
  const kubeconfig = await writeKubeConfig(wanted.work, 'admin', Number(new URL(server).port))
  const { name, size, work, binaries } = wanted
  const state: ClusterState = { name, size, keeper: process.pid, work, server, kubeconfig, binaries, nodes }
  if (wanted.stateFile) await writeFile(wanted.stateFile, JSON.stringify(state, null, 2), { mode: 0o600 })
  for (const part of parts)
    part.ended.then((how) => {
      if (!stopping) console.error(`${new Date().toISOString()} ${part.name} ${how}`)
    })
  say({ type: 'ready', state })
}

/** Ends everything. The data is thrown away, so nothing is asked to end politely. */
async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  over.abort(new Error('the cluster is being stopped'))
  // What is being started right now would else be started after the end; it notices the abort within moments.
  await Promise.race([begun.catch(() => {}), sleep(30_000)])
  await Promise.all(parts.map((part) => part.stop()))
  const left = await takeAway(spec)
  if (left.length > 0) say({ type: 'left', what: left })
  process.exit(left.length > 0 ? 3 : code)
}

async function takeAway({ work, stateFile, keepWork }: ClusterSpec): Promise<string[]> {
  const left = await removeCgroups(process.pid)
  if (stateFile) await rm(stateFile, { force: true })
  // A container's last process may still be on its way out.
  const options = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }
  if (!keepWork) await rm(work, options).catch((error) => left.push(`${work}: ${error.message}`))
  return left
}

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  if (line === 'release') released = true
  else if (line === 'stop') stop(0)
  else if (line.startsWith('join ')) {
    const node = line.slice('join '.length)
    join?.(node).then(() => say({ type: 'joined', node }))
  }
})
lines.on('close', () => {
  if (!released) stop(0)
})
// Ctrl-C in a terminal reaches whole process groups; the keeper has its own, but may be asked directly.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop(0))
// What nobody foresaw must not leave a cluster without its keeper.
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error: unknown) => {
    console.error(error)
    stop(1)
  })
// A released keeper has no stdin left to wait on; its parts' exits alone would not keep it.
setInterval(() => {}, 1 << 30)

begun = begin(spec)
begun.catch((error: Error) => {
  if (!stopping)
    say({ type: 'failed', message: error.message, ...(error instanceof PartError && { part: error.part }) })
  stop(1)
})
