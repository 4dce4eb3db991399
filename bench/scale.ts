/**
 * `scale`: what the webhook needs in a large cluster. The real program, bundled as in its image, holds its watches
 *
 *   real     on a real kube-apiserver, with nodes and IDS Pods that kwok plays
 *   played   on a small server that plays 5,000 nodes, 5,000 IDS Pods, 1,000 namespaces and 5,000 Services with copies of the
 *            real objects (each node with 50 images, as kubelets report them), and changes 20 nodes a second
 *
 * and judges namespaces over TLS meanwhile. Told are its resident memory (now and at most) and the time of a verdict,
 * from the quietest of twenty rounds.
 *
 *   node bench/scale.ts [--real-nodes 1000] [--nodes 5000] [--verdicts 250]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { issueCa, issueLeaf } from '../certs-job/issue.ts'
import type { Cluster } from '../test/cluster/cluster.ts'
import { startKwok } from '../test/cluster/kwok.ts'
import { startCluster } from '../test/cluster/start.ts'
import { limited, percentile, type Row, report } from './report.ts'
import type { Played } from './scale/played-api.ts'
import { startWebhook, type Webhook } from './scale/webhook.ts'

const MEMORY_MIB = 150
const VERDICT_MS = 5
/** A busy machine makes some rounds slow; the quietest tells what the program needs. */
const ROUNDS = 20
const ALL_PODS = 50_000
const IDS = { 'app.kubernetes.io/name': 'sekisho-ids' }

const { values } = parseArgs({
  options: {
    'real-nodes': { type: 'string', default: '1000' },
    nodes: { type: 'string', default: '5000' },
    verdicts: { type: 'string', default: '250' },
  },
})
const realNodes = Number(values['real-nodes'])
const playedNodes = Number(values.nodes)
const verdicts = Number(values.verdicts)
const begun = performance.now()
const tell = (text: string) =>
  void process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)

const rows: Row[] = []
const folder = await mkdtemp(join(tmpdir(), 'sekisho-scale-'))
try {
  const shapes = await real()
  await played(shapes)
} finally {
  await rm(folder, { recursive: true, force: true })
}
report(rows)

/** The real API server with kwok; returns one object of each kind as it stands there. */
async function real(): Promise<Played['shapes']> {
  tell('starting kube-apiserver and kwok')
  const cluster = await startCluster({ size: 'control-plane', name: 'scale' })
  try {
    const kwok = await startKwok(cluster)
    tell(`making ${realNodes} nodes`)
    const names = await kwok.addNodes(realNodes)
    tell(`making ${realNodes} IDS Pods`)
    await makeIds(cluster, names)
    const webhook = await startWebhook(join(folder, 'real'), await podAccess(cluster))
    try {
      await measure(`kwok, ${realNodes} nodes`, webhook, false)
    } finally {
      await webhook.stop()
    }
    const get = async (...args: string[]) => JSON.parse(await cluster.kubectlOk(['get', '-o', 'json', ...args]))
    const shapes = {
      node: await get('node', names[0]!),
      idsPod: await get('-n', 'sekisho-node', 'pod', `ids-${names[0]}`),
      daemonSet: await get('-n', 'sekisho-node', 'daemonset', 'sekisho-ids'),
      service: await get('-n', 'default', 'service', 'kubernetes'),
    }
    await kwok.stop()
    return shapes
  } finally {
    await cluster.stop()
  }
}

async function makeIds(cluster: Cluster, nodes: readonly string[]): Promise<void> {
  await cluster.createNamespace('sekisho-node')
  const spec = {
    hostNetwork: true,
    tolerations: [{ operator: 'Exists' }],
    containers: [
      {
        name: 'suricata',
        image: 'registry.local/sekisho/sekisho-ids:dev',
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '2', memory: '1Gi' } },
      },
    ],
  }
  const set = await cluster.api('POST', '/apis/apps/v1/namespaces/sekisho-node/daemonsets', {
    metadata: { name: 'sekisho-ids', labels: IDS },
    spec: { selector: { matchLabels: IDS }, template: { metadata: { labels: IDS }, spec } },
  })
  const { uid } = JSON.parse(set.body).metadata
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid, controller: true, blockOwnerDeletion: true },
  ]
  const waiting = [...nodes]
  const make = async () => {
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      const body = {
        metadata: { name: `ids-${node}`, labels: IDS, ownerReferences },
        spec: { ...spec, nodeName: node },
      }
      const made = await cluster.api('POST', '/api/v1/namespaces/sekisho-node/pods', body)
      if (made.status !== 201) throw new Error(`Cannot make an IDS Pod: ${made.status} ${made.body}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, make))
  for (;;) {
    const { body } = await cluster.api('GET', '/api/v1/namespaces/sekisho-node/pods?resourceVersion=0')
    const ready = (body.match(/"type":"Ready","status":"True"/g) ?? []).length
    if (ready >= nodes.length) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** The rights of the manifests and a token of their ServiceAccount: what the webhook's Pod has. */
async function podAccess(cluster: Cluster) {
  await cluster.createNamespace('sekisho-system')
  await cluster.kubectlOk(['apply', '-f', 'manifests/base/webhook-rbac.yaml'])
  const token = (await cluster.kubectlOk(['-n', 'sekisho-system', 'create', 'token', 'sekisho-webhook'])).trim()
  const { clusters } = JSON.parse(await cluster.kubectlOk(['config', 'view', '--raw', '--flatten', '-o', 'json']))
  const caPem = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString()
  return { host: '127.0.0.1', port: Number(new URL(cluster.apiServer).port), caPem, token }
}

/** The played cluster of full size. */
async function played(shapes: Played['shapes']): Promise<void> {
  tell(`playing ${playedNodes} nodes in a cluster of ${ALL_PODS} Pods`)
  const now = Date.now()
  const ca = await issueCa({ now, days: 2, backdateMs: 60_000 })
  const leaf = await issueLeaf({ ...ca, notAfter: now + 86_400_000 }, ['localhost'], {
    now,
    days: 1,
    backdateMs: 60_000,
  })
  const images = Array.from({ length: 50 }, (_, i) => ({
    names: [
      `registry.local/team/service-${i}@sha256:${'0123456789abcdef'.repeat(4)}`,
      `registry.local/team/service-${i}:v1.2.${i}`,
    ],
    sizeBytes: 123_456_789,
  }))
  const node = { ...shapes.node, status: { ...(shapes.node['status'] as object), images } }
  const world: Played = {
    cert: leaf.certPem,
    key: leaf.keyPem,
    nodes: playedNodes,
    pods: ALL_PODS,
    namespaces: 1000,
    services: 5000,
    changes: 20,
    shapes: { ...shapes, node },
  }
  await writeFile(join(folder, 'played.json'), JSON.stringify(world))
  const api = spawn(process.execPath, [join(import.meta.dirname, 'scale', 'played-api.ts'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [port] = (await once(api.stdout, 'data')) as [Buffer]
    const webhook = await startWebhook(join(folder, 'played'), {
      host: 'localhost',
      port: Number(port),
      caPem: ca.certPem,
      token: 'none',
    })
    try {
      await measure(`${playedNodes} nodes`, webhook, true)
    } finally {
      await webhook.stop()
    }
  } finally {
    api.stdin.end()
  }
}

async function measure(where: string, webhook: Webhook, aimed: boolean): Promise<void> {
  tell(`watches filled: ${JSON.stringify(await webhook.memory())}`)
  const before = await webhook.cpu()
  const rounds: number[][] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await judge(webhook))
  const times = rounds.toSorted((a, b) => percentile(a, 0.99) - percentile(b, 0.99))[0]!
  const cpuMs = ((await webhook.cpu()) - before) * 1000
  const { now, peak } = await webhook.memory()
  const row = (what: string, unit: string, ours: number, limit: number): Row =>
    aimed
      ? limited('scale', `${what}, ${where}`, unit, ours, limit)
      : { bench: 'scale', what: `${what}, ${where}`, unit, ours, rival: limit, ratio: limit / ours, aim: null }
  rows.push(
    row('resident memory at most', 'MiB', peak, MEMORY_MIB),
    row('resident memory after the verdicts', 'MiB', now, MEMORY_MIB),
    row('namespace verdict p50', 'ms', percentile(times, 0.5), VERDICT_MS),
    row('namespace verdict p99', 'ms', percentile(times, 0.99), VERDICT_MS),
    { ...row('CPU a verdict', 'ms', cpuMs / rounds.flat().length, VERDICT_MS), aim: null },
  )
}

/** One after the other on one connection, as an API server that asks about namespaces does. */
async function judge({ port, caPem }: Webhook): Promise<number[]> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: caPem, servername: 'localhost' })
  const times: number[] = []
  for (let i = 0; i < verdicts; i++) {
    const body = JSON.stringify(review(i))
    const start = performance.now()
    const text = await post(agent, port, body)
    times.push(performance.now() - start)
    const { allowed, auditAnnotations } = JSON.parse(text).response
    if (!allowed || auditAnnotations.reason !== 'Protected')
      throw new Error(`Cannot measure a verdict that is not Protected: ${text}`)
  }
  agent.destroy()
  return times
}

function review(i: number) {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: `bench-${i}`,
      kind: { group: '', version: 'v1', kind: 'Namespace' },
      resource: { group: '', version: 'v1', resource: 'namespaces' },
      name: `new-${i}`,
      namespace: `new-${i}`,
      operation: 'CREATE',
      userInfo: { username: 'jane', groups: ['system:authenticated'] },
      object: {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: `new-${i}`,
          labels: { 'sekisho.dev/protected': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' },
        },
      },
      oldObject: null,
      dryRun: true,
    },
  }
}

function post(agent: https.Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = https.request(
      { host: '127.0.0.1', port, path: '/validate?timeout=5s', method: 'POST', agent, headers },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part)).on('error', reject)
        response.on('end', () =>
          response.statusCode === 200
            ? resolve(Buffer.concat(parts).toString())
            : reject(new Error(`${response.statusCode}: ${Buffer.concat(parts)}`)),
        )
      },
    )
    request.on('error', reject).end(body)
  })
}
