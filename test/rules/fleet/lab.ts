/**
 * Sekisho installed on a real node, and beside it as many fake nodes as a fleet needs: a handful of Pods runs for real, the rest is admitted
 * and injected by the real webhook, is called Ready by kwok, and has its updaters played by `simulated.ts`.
 *
 *   node-1                                           fake-0 … fake-N
 *   webhook ×2, sekisho rules ×2 with its bench      Pods with sidecars that nobody starts
 *   real Pods: app, WAF, updater ──poll──▶ Service sekisho-rules ◀──poll── simulated updaters, from the Pods' own addresses
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import type { Cluster } from '../../cluster/cluster.ts'
import { APP_IMAGE } from '../../cluster/images/names.ts'
import { FAKE_ADDRESSES, FAKE_TAINT, startKwok } from '../../cluster/kwok.ts'
import { startCluster } from '../../cluster/start.ts'
import { until } from '../../cluster-cache/lab.ts'
import { overlay, reachWithoutDns } from '../../e2e/install.ts'
import { IMAGE_DEFAULT, type Station } from '../../e2e/station.ts'
import { ensureImages } from '../../images/build.ts'
import { BASE } from '../../manifests/render.ts'
import { realCrsArchive } from '../real-crs.ts'
import type { Fleet, Said } from './simulated.ts'

export const NAMESPACE = 'fleet'
const PODS_A_NODE = 100
const SYSTEM = ['-n', 'sekisho-system']
/** Requests of `sekisho rules` alone: all others would be a thousand times as many. */
const AUDIT = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', users: ['system:serviceaccount:sekisho-system:sekisho-rules'] }, { level: 'None' }],
}

/** A cluster with Sekisho, whose rules come from a ConfigMap. */
export async function startInstalled(log: (line: string) => void): Promise<Cluster> {
  const [cluster, images] = await Promise.all([
    startCluster({ size: 'node', name: 'fleet', audit: AUDIT, log }),
    ensureImages(['sekisho', 'sekisho-waf'], { log }),
  ])
  try {
    await cluster.importImages(Object.values(images).map(({ tar }) => tar))
    await install(cluster, log)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function install(cluster: Cluster, log: (line: string) => void): Promise<void> {
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'sekisho-fleet-')))
  try {
    const crs = { from: 'configmap', verify: 'none', configMap: { name: 'crs' } }
    // As it is installed, but for where the rules come from.
    const config = { sources: { everyMinutes: 1, crs } }
    const folder = join(work, 'overlay')
    mkdirSync(folder)
    writeFileSync(join(folder, 'rules.yaml'), stringify(config))
    const generator = `configMapGenerator:
  - name: sekisho-rules-config
    namespace: sekisho-system
    behavior: replace
    files: [rules.yaml]
`
    writeFileSync(join(folder, 'kustomization.yaml'), overlay(relative(folder, BASE), IMAGE_DEFAULT) + generator)
    const name = 'coreruleset-4.25.0-minimal.tar.gz'
    writeFileSync(join(work, name), await realCrsArchive('4.25.0'))
    await cluster.kubectlOk(['apply', '-f', join(BASE, 'namespaces.yaml')])
    await cluster.kubectlOk([...SYSTEM, 'create', 'configmap', 'crs', `--from-file=${join(work, name)}`])
    log('installing')
    await cluster.kubectlOk(['apply', '-k', folder])
    const station: Station = {
      about: 'Kubernetes on this machine',
      images: IMAGE_DEFAULT,
      dns: false,
      kubectl: (args, options) => cluster.kubectl(args, options),
    }
    await reachWithoutDns(station)
    await cluster.kubectlOk([...SYSTEM, 'wait', 'job', '--all', '--for=condition=Complete', '--timeout=180s'])
    for (const deployment of ['sekisho-webhook', 'sekisho-rules'])
      await cluster.kubectlOk([...SYSTEM, 'rollout', 'status', `deployment/${deployment}`, '--timeout=240s'])
    log('installed')
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const template = (app: string) => ({
  metadata: { labels: { app, 'sekisho.dev/waf': 'block' } },
  spec: {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      { name: 'app', image: APP_IMAGE, ports: [{ name: 'http', containerPort: 8080 }], securityContext },
    ] as object[],
  },
})

interface RawPod {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly image: string }[] }
  readonly status: { readonly podIP?: string }
}
export interface FleetPod {
  readonly name: string
  readonly uid: string
  readonly address: string
}

/** Asks for one after the other, sixteen at a time. */
async function sixteenAtATime<T, R>(all: readonly T[], call: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(all.length)
  let next = 0
  const work = async () => {
    for (let i = next++; i < all.length; i = next++) results[i] = await call(all[i]!)
  }
  await Promise.all(Array.from({ length: 16 }, work))
  return results
}

async function post<T>(cluster: Cluster, path: string, body: object): Promise<T> {
  const answer = await cluster.api('POST', path, body)
  if (answer.status !== 201) throw new Error(`Cannot POST ${path}: ${answer.status} ${answer.body}`)
  return JSON.parse(answer.body) as T
}

/** Pods with the label `app`, once all of them have an address and both of our sidecars. */
async function podsOf(cluster: Cluster, app: string, count: number): Promise<FleetPod[]> {
  const read = async () => {
    const { body } = await cluster.api('GET', `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=app%3D${app}`)
    return (JSON.parse(body) as { items: RawPod[] }).items
  }
  const items = await until(
    `${count} Pods with an address`,
    read,
    (all) => all.length === count && all.every(({ status }) => status.podIP !== undefined),
    240_000,
  )
  for (const { metadata, spec } of items) {
    const names = spec.initContainers?.map(({ name }) => name).join(' ')
    if (names !== 'sekisho-rules sekisho-waf') throw new Error(`Pod ${metadata.name} has no sidecars: ${names}`)
  }
  return items.map(({ metadata, status }) => ({ ...metadata, address: status.podIP! }))
}

/** A Deployment whose Pods really run. */
export async function addRealPods(cluster: Cluster, count: number): Promise<FleetPod[]> {
  const real = template('real')
  const probe = { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 2 }
  Object.assign(real.spec.containers[0]!, { readinessProbe: probe })
  await post(cluster, `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, {
    metadata: { name: 'real' },
    spec: { replicas: count, selector: { matchLabels: { app: 'real' } }, template: real },
  })
  await cluster.kubectlOk(['-n', NAMESPACE, 'rollout', 'status', 'deployment/real', '--timeout=240s'])
  return podsOf(cluster, 'real', count)
}

/** Pods on nodes that kwok plays; the webhook injects them as any other. */
export async function addFakePods(cluster: Cluster, count: number): Promise<FleetPod[]> {
  const kwok = await startKwok(cluster)
  const nodes = await kwok.addNodes(Math.ceil(count / PODS_A_NODE))
  const fake = template('fake')
  const { key, effect } = FAKE_TAINT
  const tolerations = [{ key, operator: 'Exists', effect }]
  await sixteenAtATime(
    Array.from({ length: count }, (_, i) => i),
    (i) =>
      post(cluster, `/api/v1/namespaces/${NAMESPACE}/pods`, {
        metadata: { name: `fake-${i}`, labels: fake.metadata.labels },
        spec: { ...fake.spec, tolerations, nodeName: nodes[Math.floor(i / PODS_A_NODE)] },
      }),
  )
  return podsOf(cluster, 'fake', count)
}

/** What the sidecars of a real Pod are told, of which the simulated ones use the same. */
async function whomToAsk(cluster: Cluster, pod: FleetPod): Promise<Pick<Fleet, 'service' | 'image' | 'engine'>> {
  const found = JSON.parse(await cluster.kubectlOk(['-n', NAMESPACE, 'get', 'pod', pod.name, '-o', 'json'])) as {
    spec: { initContainers: { image: string; env: { name: string; value?: string }[] }[] }
  }
  const { image, env } = found.spec.initContainers[0]!
  const value = (name: string) => env.find((one) => one.name === name)?.value ?? ''
  const [host, port] = value('SEKISHO_RULES_CONNECT_TO').split(':') as [string, string]
  const { hostname: servername } = new URL(value('SEKISHO_RULES_URL'))
  const cat = ['exec', pod.name, '-c', 'sekisho-waf', '--', 'cat', '/run/sekisho/status.json']
  const { engine } = JSON.parse(await cluster.kubectlOk(['-n', NAMESPACE, ...cat])) as { engine: string }
  return { image, engine, service: { host, port: Number(port), servername, caPem: value('SEKISHO_RULES_CA') } }
}

export interface Simulated {
  readonly last: () => Said | undefined
  /** Of each poll so far, ms. */
  readonly ms: number[]
  stop(): void
}

/** Begins to play the updaters of `pods`. */
export async function simulate(cluster: Cluster, pods: readonly FleetPod[], like: FleetPod): Promise<Simulated> {
  const asked = await whomToAsk(cluster, like)
  const tokens = await sixteenAtATime(pods, async ({ name, uid }) => {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid }
    const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default/token`
    const spec = { audiences: ['sekisho-rules'], expirationSeconds: 3600, boundObjectRef }
    return (await post<{ status: { token: string } }>(cluster, path, { spec })).status.token
  })
  // The addresses that kwok gave lead nowhere: here they are the node's own. They are of the Pods' range, so kube-proxy leaves them as they are.
  const route = await cluster.exec('ip', ['route', 'add', 'local', FAKE_ADDRESSES, 'dev', 'lo'])
  if (route.code !== 0) throw new Error(`Cannot speak from the Pods' addresses: ${route.stderr}`)
  const line = [...cluster.enter(), process.execPath, join(import.meta.dirname, 'simulated.ts')]
  const child = spawn(line[0]!, line.slice(1), {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Nothing of the test runner's own loaders.
    env: { PATH: process.env['PATH'] },
  })
  const fleet: Fleet = {
    ...asked,
    pods: pods.map(({ address }, i) => ({ address, token: tokens[i]! })),
    loadMs: { least: 500, most: 1500 },
  }
  child.stdin.write(`${JSON.stringify(fleet)}\n`)
  let last: Said | undefined
  const ms: number[] = []
  createInterface({ input: child.stdout }).on('line', (text) => {
    last = JSON.parse(text) as Said
    ms.push(...last.ms)
  })
  return { last: () => last, ms, stop: () => void child.stdin.end() }
}

/** One request to each Pod's WAF, from inside the node: their statuses. */
export async function visit(cluster: Cluster, pods: readonly FleetPod[], path: string): Promise<string[]> {
  const urls = pods.map(({ address }) => `http://${address}:15080${path}`)
  const args = ['-s', '-m', '3', '-w', '%{http_code}\n', ...urls.flatMap((url) => ['-o', '/dev/null', url])]
  return (await cluster.exec('curl', args)).stdout.trim().split('\n')
}

/** What `kubectl get wafpolicies` shows of the one policy, by its columns. */
export async function shown(cluster: Cluster): Promise<Record<string, string>> {
  const [head = '', row = ''] = (await cluster.kubectlOk(['-n', NAMESPACE, 'get', 'wafpolicies'])).split('\n')
  const [names, values] = [head, row].map((line) => line.trim().split(/ {2,}/))
  return Object.fromEntries(names!.map((name, i) => [name, values![i] ?? '']))
}

/** Peak of resident memory of the processes of `sekisho rules`, MiB. */
export async function memory(cluster: Cluster): Promise<number[]> {
  const { stdout } = await cluster.exec('pgrep', ['-f', 'rules serve --config'])
  const pids = stdout.trim().split('\n')
  const read = await Promise.all(pids.map((pid) => cluster.exec('cat', [`/proc/${pid}/status`])))
  return read.map(({ stdout: text }) => Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1]) / 1024))
}
