/**
 * Whole nodes: each lives in private namespaces (network, mounts, processes, host name, IPC) whose first process is node-init.sh, and
 * runs containerd, kubelet and kube-proxy; the first one runs the control plane too.
 *
 *   machine ──127.0.0.1:PORT──▶ relay ──▶ kube-apiserver :PORT in node-1     the same kubeconfig works on both sides
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.ts'
import { exists } from './cache.ts'
import { controlPlaneIdentities, nodeIdentities, writeCertificates } from './certificates.ts'
import { cgroupName, makeCgroups } from './cgroups.ts'
import {
  pkiFolder,
  serverUrl,
  startApiServer,
  startControllers,
  startScheduler,
  writeKubeConfig,
} from './control-plane.ts'
import { enterNode } from './enter.ts'
import { importInto } from './images/import.ts'
import { connectNodes, nodeAddress } from './network.ts'
import { containerdSocket, nodeFolder, writeNodeFiles } from './node-files.ts'
import { Part, untilReady } from './part.ts'
import { run } from './run.ts'
import type { Context, NodeState } from './spec.ts'

export interface StartedNodes {
  readonly server: string
  readonly nodes: NodeState[]
  /** Starts kubelet and kube-proxy of a node that was to be late. */
  readonly join: (node: string) => Promise<void>
}

/** Starts all nodes and the control plane in the first, and waits until Pods can be made. */
export async function startNodes(context: Context, parts: Part[]): Promise<StartedNodes> {
  const { spec, progress, signal } = context
  const planned = Array.from({ length: spec.nodes }, (_, index) => ({
    name: `node-${index + 1}`,
    address: nodeAddress(index + 1),
  }))
  const identities = [...controlPlaneIdentities(planned[0]!.address), ...nodeIdentities(planned)]
  const [nodes] = await Promise.all([
    Promise.all(planned.map((node) => startNamespaces(context, parts, node))),
    writeCertificates(pkiFolder(spec.work), identities),
  ])
  await connectNodes(nodes)
  const port = await startRelay(context, parts, nodes[0]!)
  const enter = enterNode(nodes[0]!.pid)
  progress('starting etcd, kube-apiserver and containerd')
  const address = nodes[0]!.address
  const [api] = await Promise.all([
    startApiServer({ ...context, parts, enter, etcdPorts: [2379, 2380], port, address }),
    ...nodes.map((node) => startContainerd(context, parts, node)),
  ])
  progress('starting kube-controller-manager, kube-scheduler, kubelet and kube-proxy')
  await startScheduler(context, parts, enter, port)
  const join = async (node: NodeState) => {
    await startKubelet(context, parts, node, port, address)
    await startProxy(context, parts, node, port, address)
  }
  const punctual = nodes.slice(0, nodes.length - spec.late)
  await Promise.all([startControllers(context, parts, enter, port), ...punctual.map(join)])
  const kubelet = parts.find(({ name }) => name === `${nodes[0]!.name}.kubelet`)!
  await untilReady(kubelet, parts, () => podsCanBeMade(api, punctual), signal)
  const joinLate = (name: string) => {
    const node = nodes.find((one) => one.name === name && !punctual.includes(one))
    if (node === undefined) throw new Error(`Cannot let ${name} join: it is none of the nodes that were to be late`)
    return join(node)
  }
  return { server: serverUrl(port), nodes, join: joinLate }
}

async function startNamespaces({ spec, signal }: Context, parts: Part[], planned: { name: string; address: string }) {
  const { name } = planned
  const folder = nodeFolder(spec.work, name)
  const number = Number(name.split('-').at(-1))
  const cgroup = cgroupName(process.pid, spec.name, name)
  await Promise.all([writeNodeFiles({ work: spec.work, name, number, cgroup }), makeCgroups(cgroup)])
  const unshare = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
  const script = [join(import.meta.dirname, 'node-init.sh'), folder, name]
  const args = [...unshare, '--propagation', 'private', 'bash', ...script]
  const init = new Part({ name: `${name}.init`, command: 'unshare', args }, spec.work)
  parts.unshift(init)
  await untilReady(init, [init], () => exists(join(folder, 'prepared')), signal, 30_000)
  const children = await readFile(`/proc/${init.child.pid}/task/${init.child.pid}/children`, 'utf8')
  const pid = Number(children.trim())
  // Its end is everything's end, and its parent is there to bury it.
  init.target = pid
  return { ...planned, pid }
}

/** Opens the API server's port on the machine and hands the socket to a process inside the node's network. */
async function startRelay({ spec }: Context, parts: Part[], node: NodeState): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as { port: number }
  const socket = (server as unknown as { _handle: { fd: number } })._handle.fd
  const enter = ['nsenter', `--target=${node.pid}`, '-n', '--']
  const args = [join(import.meta.dirname, 'relay.ts'), String(port)]
  parts.push(new Part({ name: 'relay', command: process.execPath, args, enter, handles: [socket] }, spec.work))
  server.close()
  return port
}

async function startContainerd({ spec, signal }: Context, parts: Part[], node: NodeState) {
  const command = spec.binaries['containerd']!
  const env = { ...process.env, PATH: `${dirname(command)}:/usr/local/sbin:/usr/sbin:/sbin:${process.env['PATH']}` }
  const args = ['--config', join(nodeFolder(spec.work, node.name), 'containerd.toml')]
  const part = new Part({ name: `${node.name}.containerd`, command, args, env, enter: enterNode(node.pid) }, spec.work)
  parts.push(part)
  const socket = containerdSocket(spec.work, node.name)
  const answers = async () => (await run(spec.binaries['ctr']!, ['-a', socket, 'version'])).code === 0
  await untilReady(part, [part], async () => (await exists(socket)) && (await answers()), signal)
  await importInto(spec, node.name, spec.images)
}

async function startKubelet({ spec }: Context, parts: Part[], node: NodeState, port: number, host: string) {
  const folder = nodeFolder(spec.work, node.name)
  const kubeconfig = await writeKubeConfig(spec.work, node.name, port, host)
  const args = [
    `--config=${join(folder, 'kubelet.json')}`,
    `--kubeconfig=${kubeconfig}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--cert-dir=${join(folder, 'kubelet-pki')}`,
    `--node-ip=${node.address}`,
    `--hostname-override=${node.name}`,
  ]
  const command = spec.binaries['kubelet']!
  parts.push(new Part({ name: `${node.name}.kubelet`, command, args, enter: enterNode(node.pid) }, spec.work))
}

async function startProxy({ spec }: Context, parts: Part[], node: NodeState, port: number, host: string) {
  const args = [
    `--kubeconfig=${await writeKubeConfig(spec.work, 'proxy', port, host)}`,
    '--proxy-mode=nftables',
    '--cluster-cidr=10.244.0.0/16',
    `--hostname-override=${node.name}`,
    // What belongs to the machine stays as it is.
    '--oom-score-adj=0',
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ]
  const command = spec.binaries['kube-proxy']!
  parts.push(new Part({ name: `${node.name}.kube-proxy`, command, args, enter: enterNode(node.pid) }, spec.work))
}

/** All nodes Ready, and the service account that every Pod names is there. */
async function podsCanBeMade(api: Api, nodes: readonly NodeState[]): Promise<boolean> {
  await sleep(100)
  const account = await api('GET', '/api/v1/namespaces/default/serviceaccounts/default')
  if (account.status !== 200) return false
  const { items } = JSON.parse((await api('GET', '/api/v1/nodes')).body) as { items: NodeObject[] }
  const ready = items.filter(({ status }) =>
    status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  )
  return ready.length === nodes.length
}

interface NodeObject {
  readonly status: { readonly conditions?: readonly { type: string; status: string }[] }
}
