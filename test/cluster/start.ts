/**
 * `startCluster` gives a test a real Kubernetes and takes it away again.
 *
 *   size            parts                                   ready in   for
 *   control-plane   etcd, kube-apiserver                    seconds    admission, RBAC, watches; many side by side
 *   node            all of it, Pods run, ClusterIPs work    ~15 s      what a user sees
 *
 * Both are reached from the machine itself at `https://127.0.0.1:PORT` with `kubeconfig`. What must happen inside the node's network
 * (curl to a Pod or a ClusterIP) goes through `exec`, or through your own spawn behind `enter()`.
 * A test that only ends, or is killed, leaves nothing either: the keeper notices.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type EnsureOptions, ensureBinaries, type Log } from './binaries.ts'
import { cacheFolder } from './cache.ts'
import { Cluster } from './cluster.ts'
import { ensureContainerd } from './containerd.ts'
import { HIDDEN_IN_NODES, hiddenInNodes } from './enter.ts'
import { directly } from './environment.ts'
import { labImages } from './images/build.ts'
import { logFile } from './part.ts'
import { lastLines } from './run.ts'
import type { ClusterSpec, KeeperMessage, Size } from './spec.ts'
import { claim, sweep } from './sweep.ts'

export interface StartOptions {
  readonly size: Size
  /** Real nodes of size `node`; 1 unless said. */
  readonly nodes?: number
  readonly name?: string
  readonly signal?: AbortSignal
  /** Told what takes long. Quiet unless given. */
  readonly log?: Log
  /** More flags of kube-apiserver, after the lab's own. */
  readonly apiServerArgs?: readonly string[]
  /** Writes an audit log (`auditLog()`): `true` for a line of metadata a request, or a policy of your own. */
  readonly audit?: boolean | object
  /** Controllers to run beside a control plane, e.g. `['namespace-controller', 'serviceaccount-controller']`. */
  readonly controllers?: readonly string[]
  /** Runs kube-scheduler beside a control plane, for Pods on nodes that kwok plays. */
  readonly scheduler?: boolean
  /** The last so many of the real nodes have no kubelet and no object until `join()`. 0 unless said. */
  readonly late?: number
  /** The work folder with its logs stays after the end; also by SEKISHO_KEEP_WORK=1. */
  readonly keepWork?: boolean
}

const CONTROL_PLANE = ['etcd', 'kube-apiserver', 'kubectl']
const NODE = [...CONTROL_PLANE, 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy']
const METADATA = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
}

/** Starts a cluster and resolves when it can be used. Rejects with the part that failed and its last lines. */
export async function startCluster(options: StartOptions): Promise<Cluster> {
  const spec = await specOf(options)
  return new Cluster(await launch(spec, options))
}

/** Provides what clusters of a size are made of, building what is not in the cache yet. */
export async function provide(size: Size, beside: readonly string[], options: EnsureOptions) {
  const binaries = await ensureBinaries(size === 'node' ? NODE : [...CONTROL_PLANE, ...beside], options)
  if (size === 'control-plane') return { binaries, images: [] }
  Object.assign(binaries, await ensureContainerd(options))
  return { binaries, images: Object.values(await labImages()) }
}

export async function specOf(options: StartOptions, stateFile?: string): Promise<ClusterSpec> {
  const { size, signal, log, controllers = [], scheduler = false, late = 0, audit, name = 'test' } = options
  const nodes = size === 'node' ? (options.nodes ?? 1) : 0
  if (size === 'node' && (nodes < 1 || nodes > 9 || !Number.isInteger(nodes)))
    throw new Error(`Cannot start a cluster with ${nodes} nodes: \`nodes\` must be a whole number from 1 to 9`)
  if (late !== 0 && (!Number.isInteger(late) || late < 0 || late >= nodes))
    throw new Error(
      `Cannot let ${late} of ${nodes} nodes join late: \`late\` must leave one that is there from the start`,
    )
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name))
    throw new Error(`Cannot name a cluster '${name}': use up to 32 lower-case letters, digits and hyphens, e.g. demo`)
  if (size === 'node') checkFolders()
  const ensure = { ...(log && { log }), ...(signal && { signal }) }
  const beside = [
    ...(controllers.length > 0 ? ['kube-controller-manager'] : []),
    ...(scheduler ? ['kube-scheduler'] : []),
  ]
  const { binaries, images } = await provide(size, beside, ensure)
  await sweep()
  return {
    name,
    size,
    nodes,
    work: await mkdtemp(join(tmpdir(), `sekisho-lab-${name}-`)),
    binaries,
    images,
    apiServerArgs: options.apiServerArgs ?? [],
    controllers,
    scheduler,
    late,
    keepWork: options.keepWork ?? process.env['SEKISHO_KEEP_WORK'] === '1',
    ...(audit && { auditPolicy: audit === true ? METADATA : audit }),
    ...(stateFile !== undefined && { stateFile }),
  }
}

/** Nodes cover some folders of the machine, and a socket's path has at most 107 characters. */
function checkFolders(): void {
  const folders = {
    'TMPDIR (the work folder)': tmpdir(),
    'SEKISHO_CACHE (the cache)': cacheFolder(),
    'this repository': import.meta.dirname,
  }
  for (const [what, folder] of Object.entries(folders))
    if (hiddenInNodes(folder))
      throw new Error(`Cannot start a node: ${what} is ${folder}; it must not be below ${HIDDEN_IN_NODES.join(', ')}`)
  if (tmpdir().length > 30)
    throw new Error(`Cannot start a node: TMPDIR (the work folder) is ${tmpdir()}; it must have at most 30 characters`)
}

/** Starts the keeper of a cluster and waits for its word. Until released it lives no longer than this process. */
export function launch(spec: ClusterSpec, { signal, log }: Pick<StartOptions, 'signal' | 'log'>) {
  mkdirSync(join(spec.work, 'logs'), { mode: 0o700 })
  const keeperLog = openSync(logFile(spec.work, 'keeper'), 'a')
  const specFile = join(spec.work, 'spec.json')
  writeFileSync(specFile, JSON.stringify(spec), { mode: 0o600 })
  const keeper = spawn(process.execPath, [join(import.meta.dirname, 'keeper.ts'), specFile], {
    // Not our stderr: a cluster that lasts would hold a terminal's or a pipe's other end open.
    stdio: ['pipe', 'pipe', keeperLog],
    // A session of its own: Ctrl-C must reach the keeper as the end of its pipe, not as a signal to all its parts at once.
    detached: true,
    // The mark by which whatever descends from the cluster is known, see leftovers.ts.
    env: { ...directly(process.env), NODE_OPTIONS: '', SEKISHO_LAB: spec.name },
    cwd: '/',
  })
  closeSync(keeperLog)
  if (!spec.keepWork && keeper.pid !== undefined) claim(spec.work, keeper.pid)
  const [stdin, stdout] = [keeper.stdin!, keeper.stdout!]
  const ended = new Promise<number>((resolve) => keeper.on('close', (code) => resolve(code ?? 137)))
  stdin.on('error', () => {})
  const left: string[] = []
  let failure: Error | undefined
  const stop = async (): Promise<void> => {
    keeper.ref()
    stdin.end('stop\n')
    const code = await ended
    if (code !== 0 && left.length > 0) throw new Error(`Stopping the cluster ${spec.name} left: ${left.join(', ')}`)
  }
  const release = (): void => {
    stdin.end('release\n')
  }
  const joining = new Map<string, () => void>()
  const joinNode = (node: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    joining.set(node, resolve)
    stdin.write(`join ${node}\n`)
    return promise
  }
  return new Promise<ConstructorParameters<typeof Cluster>[0]>((resolve, reject) => {
    const abort = () => {
      failure = signal?.reason
      stop().catch(reject)
    }
    const hear = (message: KeeperMessage) => {
      if (message.type === 'progress') log?.(message.text)
      if (message.type === 'left') left.push(...message.what)
      if (message.type === 'joined') joining.get(message.node)?.()
      if (message.type === 'failed') failure ??= new Error(message.message)
      if (message.type === 'ready') {
        // From here the cluster must not keep a finished test waiting.
        keeper.unref()
        ;(stdin as unknown as { unref(): void }).unref()
        ;(stdout as unknown as { unref(): void }).unref()
        resolve({ state: message.state, stop, release, join: joinNode })
      }
    }
    createInterface({ input: stdout }).on('line', (line) => hear(JSON.parse(line) as KeeperMessage))
    keeper.on('error', reject)
    ended.then((code) => {
      signal?.removeEventListener('abort', abort)
      const said = keeperSaid(spec.work)
      // A keeper that could not do it any more; one that could has taken its folder away itself.
      if (code !== 0 && !spec.keepWork) rmSync(spec.work, { recursive: true, force: true })
      reject(failure ?? new Error(`Cannot start the cluster ${spec.name}: its keeper ended with code ${code}${said}`))
    })
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}

/** What the keeper wrote when it ended in a way it had not foreseen; its log is gone where it could clean up. */
function keeperSaid(work: string): string {
  try {
    return `:\n${lastLines(readFileSync(logFile(work, 'keeper'), 'utf8'), 15)}`
  } catch {
    return ''
  }
}
