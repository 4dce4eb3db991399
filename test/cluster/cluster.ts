/** A running cluster, as tests use it. */

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, apiCaller } from './api.ts'
import { issueCertificate } from './certificates.ts'
import { auditLogFile, pkiFolder } from './control-plane.ts'
import { enterNode } from './enter.ts'
import { directly } from './environment.ts'
import { importInto } from './images/import.ts'
import { logFile } from './part.ts'
import { must, type Outcome, type RunOptions, run } from './run.ts'
import type { ClusterState, NodeState } from './spec.ts'

export interface Owner {
  readonly state: ClusterState
  readonly stop: () => Promise<void>
  /** Lets the cluster live on after this process. */
  readonly release: () => void
  readonly join: (node: string) => Promise<void>
}

export class Cluster {
  readonly state: ClusterState
  readonly name: string
  /** Path of the administrator's kubeconfig; it works on the machine and inside the nodes. */
  readonly kubeconfig: string
  /** URL of the API server. */
  readonly apiServer: string
  readonly nodes: readonly NodeState[]
  /** One call to the API server as its administrator: `api('GET', '/readyz')`. */
  readonly api: Api
  readonly release: () => void
  /** Starts the kubelet of a node that was to be `late`; its object comes within seconds. */
  readonly join: (node: string) => Promise<void>
  readonly #stop: () => Promise<void>
  #stopped: Promise<void> | undefined

  constructor({ state, stop, release, join }: Owner) {
    this.state = state
    this.name = state.name
    this.kubeconfig = state.kubeconfig
    this.apiServer = state.server
    this.nodes = state.nodes
    this.api = apiCaller(state.server, pkiFolder(state.work))
    this.release = release
    this.join = join
    this.#stop = stop
  }

  /** The administrator's kubeconfig as text, with its certificates in it. */
  get adminKubeConfigText(): Promise<string> {
    return readFile(this.kubeconfig, 'utf8')
  }

  /** The environment in which kubectl finds this cluster, and writes its own cache into the work folder. */
  get env(): NodeJS.ProcessEnv {
    const { binaries, work } = this.state
    return {
      ...directly(process.env),
      PATH: `${dirname(binaries['kubectl']!)}:${process.env['PATH']}`,
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: `${work}/kubectl-cache`,
      KUBERC: 'off',
      SEKISHO_LAB: this.name,
    }
  }

  /** The real kubectl. A refusal is an outcome, not an exception: look at `code`. */
  kubectl(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(this.state.binaries['kubectl']!, args, { env: this.env, ...options })
  }

  /** kubectl that must succeed; returns its stdout. */
  kubectlOk(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return must(this.state.binaries['kubectl']!, args, { env: this.env, ...options })
  }

  /**
   * Waits until the API server serves what a CustomResourceDefinition defines. `kubectl wait` by itself ends with an error where it looks
   * before the first condition is written.
   */
  async established(...definitions: readonly string[]): Promise<void> {
    const end = Date.now() + 60_000
    for (;;) {
      const { code, stderr } = await this.kubectl([
        'wait',
        '--for=condition=Established',
        'crd',
        ...definitions,
        '--timeout=30s',
      ])
      if (code === 0) return
      if (Date.now() > end) throw new Error(`not established: ${definitions.join(', ')}: ${stderr}`)
      await sleep(200)
    }
  }

  /**
   * What to put before a command so that it runs inside a node's namespaces: `spawn(enter[0], [...enter.slice(1), 'curl', url])`.
   * Empty in a control plane, whose network is the machine's.
   */
  enter(node: string | number = 0): string[] {
    const found = typeof node === 'number' ? this.nodes[node] : this.nodes.find(({ name }) => name === node)
    if (found) return enterNode(found.pid)
    if (this.state.size === 'control-plane') return []
    throw new Error(
      `Cannot enter the node '${node}': it must be one of ${this.nodes.map(({ name }) => name).join(', ')}`,
    )
  }

  /** Runs a command inside a node's namespaces: its network, its processes, its mounts. */
  exec(command: string, args: readonly string[] = [], options: RunOptions & { node?: string | number } = {}) {
    const line = [...this.enter(options.node), command, ...args]
    return run(line[0]!, line.slice(1), { env: this.env, ...options })
  }

  /** Makes a namespace in which Pods are admitted at once, also where no controller makes its service account. */
  async createNamespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const call = async (path: string, body: object) => {
      const answer = await this.api('POST', path, body)
      if (answer.status !== 201 && answer.status !== 409)
        throw new Error(`POST ${path}: ${answer.status} ${answer.body}`)
    }
    await call('/api/v1/namespaces', { metadata: { name, labels } })
    await call(`/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } })
  }

  /**
   * A certificate for a server of your own, say a webhook, signed by the cluster's CA: `names` as openssl writes them, e.g.
   * `IP:127.0.0.1` or `DNS:wh.default.svc`. The CA is what `caBundle` wants, in base64.
   */
  async serverCertificate(file: string, names: readonly string[]): Promise<{ cert: Buffer; key: Buffer; ca: Buffer }> {
    const pki = pkiFolder(this.state.work)
    await issueCertificate(pki, { file, subject: `/CN=${file}`, names })
    const read = (name: string) => readFile(join(pki, name))
    return { cert: await read(`${file}.crt`), key: await read(`${file}.key`), ca: await read('ca.crt') }
  }

  /** Puts images (OCI archives whose names are inside) into every node. Small ones take 0.2 s, 200 MB take 4 s. */
  async importImages(paths: readonly string[]): Promise<void> {
    await Promise.all(this.nodes.map((node) => importInto(this.state, node.name, paths)))
  }

  /** The log of one part: `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `NODE.kubelet`, `NODE.containerd`. */
  logs(part: string): Promise<string> {
    return readFile(logFile(this.state.work, part), 'utf8')
  }

  /** The audit events so far, when the cluster was started with `audit`. */
  async auditLog(): Promise<Record<string, unknown>[]> {
    const text = await readFile(auditLogFile(this.state.work), 'utf8')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  }

  /** Ends the cluster and waits until nothing of it is left. May be called more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
