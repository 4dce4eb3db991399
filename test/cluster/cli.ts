/**
 * Real Kubernetes at the command line, kept until it is told to go:
 *   node test/cluster/cli.ts up --size node --name demo
 *   node test/cluster/cli.ts shell --name demo
 *   node test/cluster/cli.ts down --name demo
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { attachCluster, runningClusters, startLasting } from './attach.ts'
import { ensureBinaries } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { enterNode } from './enter.ts'
import type { Size } from './spec.ts'
import { provide } from './start.ts'

const INSIDE = 'SEKISHO_INSIDE'
const begin = Date.now()
const say = (line: string): boolean =>
  process.stderr.write(`[${((Date.now() - begin) / 1000).toFixed(1).padStart(6)} s] ${line}\n`)

async function find(name: string): Promise<Cluster> {
  if (process.env[INSIDE])
    throw new Error(
      `This is a shell inside the cluster ${process.env[INSIDE]}: leave it first (exit), then run this again`,
    )
  const cluster = await attachCluster(name)
  if (cluster) return cluster
  const running = await runningClusters()
  const hint = running.length > 0 ? `running: ${running.join(', ')}` : 'none runs'
  throw new Error(
    `There is no cluster ${name} (${hint}). Start it: node test/cluster/cli.ts up --size node --name ${name}`,
  )
}

interface UpOptions {
  readonly name: string
  readonly size: Size
  readonly nodes?: number
  readonly image: string[]
  readonly audit: boolean
  readonly keepWork: boolean
}

async function up({ image, ...options }: UpOptions): Promise<void> {
  const over = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      say('stopping, and taking away what was started')
      over.abort(new Error(`stopped by ${signal}`))
    })
  const cluster = await startLasting({ ...options, log: say, signal: over.signal })
  if (image.length > 0) say(`importing ${image.length} images`)
  await cluster.importImages(image)
  say(`ready: ${cluster.apiServer}`)
  console.log(`export KUBECONFIG=${cluster.kubeconfig}`)
}

async function down({ name }: { name: string }): Promise<void> {
  if (!process.env[INSIDE] && !(await attachCluster(name)))
    return void say(`there is no cluster ${name}: nothing to do`)
  const cluster = await find(name)
  await cluster.stop()
  say(`${name} is gone`)
}

async function kubeconfig({ name, output }: { name: string; output?: string }): Promise<void> {
  const text = await (await find(name)).adminKubeConfigText
  if (output) writeFileSync(output, text, { mode: 0o600 })
  else process.stdout.write(text)
}

async function shell({ name, node }: { name: string; node: number }): Promise<number> {
  const cluster = await find(name)
  const where =
    cluster.nodes.length > 0
      ? `You are inside ${cluster.nodes[node - 1]?.name}: curl reaches Pods and ClusterIPs. `
      : ''
  process.stderr.write(`kubectl is ready for the cluster ${name}. ${where}\`exit\` leaves; the cluster stays.\n`)
  return within(cluster, node, [process.env['SHELL'] || '/bin/bash'], { [INSIDE]: name })
}

const exec = async (command: string[], { name, node }: { name: string; node: number }): Promise<number> =>
  within(await find(name), node, command, {})

/** Runs a command at this terminal inside a node, in the present folder. */
async function within(cluster: Cluster, node: number, command: string[], more: NodeJS.ProcessEnv): Promise<number> {
  const inside = cluster.nodes[node - 1]
  if (!inside && cluster.state.size === 'node')
    throw new Error(`Cannot enter node ${node}: ${cluster.name} has ${cluster.nodes.length}`)
  const line = [...(inside ? enterNode(inside.pid, process.cwd()) : []), ...command]
  // Ctrl-C is for the command; it tells us how it ended.
  process.on('SIGINT', () => {})
  const child = spawn(line[0]!, line.slice(1), { stdio: 'inherit', env: { ...cluster.env, ...more } })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

async function status({ json }: { json: boolean }): Promise<void> {
  const clusters = await Promise.all((await runningClusters()).map(find))
  if (json) return void console.log(JSON.stringify(clusters.map(({ state }) => state)))
  if (clusters.length === 0) console.log('no cluster runs')
  for (const { state } of clusters) {
    console.log(`${state.name}: ${state.size}, ${state.server}, keeper ${state.keeper}, logs ${state.work}/logs`)
    console.log(`  KUBECONFIG=${state.kubeconfig}`)
    for (const node of state.nodes) console.log(`  ${node.name} ${node.address}, first process ${node.pid}`)
  }
}

function positive(text: string): number {
  if (!/^[1-9]$/.test(text)) throw new InvalidArgumentError('a whole number from 1 to 9 is wanted')
  return Number(text)
}

const program = new Command('cluster')
  .description('Starts real Kubernetes on this machine, and takes it away again.')
  .enablePositionalOptions()
const named = (words: string, about: string) =>
  program.command(words).description(about).option('--name <name>', 'name of the cluster', 'demo')
const collect = (value: string, all: string[]): string[] => [...all, value]
const end =
  (work: (...args: never[]) => Promise<number>) =>
  async (...args: unknown[]) => {
    process.exitCode = await work(...(args as never[]))
  }

named('up', 'starts a cluster and lets it run until `down`')
  .addOption(new Option('--size <size>', 'what to start').choices(['control-plane', 'node']).default('node'))
  .option('--nodes <count>', 'real nodes, 1 to 9 (size node)', positive)
  .option('--image <file>', 'OCI archive to import into every node; may be repeated', collect, [])
  .option('--audit', 'write an audit log into the logs folder', false)
  .option('--keep-work', 'leave the work folder with its logs at the end', false)
  .action(up)
named('down', 'ends a cluster; nothing of it is left').action(down)
named('kubeconfig', "prints the administrator's kubeconfig")
  .option('-o, --output <file>', 'write it there')
  .action(kubeconfig)
named('shell', 'opens $SHELL inside a node, with kubectl ready')
  .option('--node <number>', 'which node', positive, 1)
  .action(end(shell))
named('exec <command...>', 'runs a command inside a node')
  .passThroughOptions()
  .option('--node <number>', 'which node', positive, 1)
  .action(end(exec))
named('import <file...>', 'imports OCI archives into every node').action(
  async (files: string[], { name }: { name: string }) => (await find(name)).importImages(files),
)
named('logs <part>', 'prints the log of a part: etcd, kube-apiserver, node-1.kubelet, …').action(
  async (part: string, { name }: { name: string }) => void process.stdout.write(await (await find(name)).logs(part)),
)
program
  .command('build')
  .description('builds what is missing into the cache, so that later starts take seconds')
  .action(async () => {
    await provide('node', [], { log: say })
    await ensureBinaries(['kwok'], { log: say })
    say('all binaries are in the cache')
  })
program.command('status').description('lists the clusters that run').option('--json', 'as JSON', false).action(status)

program.parseAsync().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
