/** What the proof of updates stands on: a real node with Sekisho, an upstream of our own that signs, a protected Deployment, and who visits it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import type { Cluster } from '../cluster/cluster.ts'
import { nodeAddress } from '../cluster/network.ts'
import { run } from '../cluster/run.ts'
import { realCrsArchive } from '../rules/real-crs.ts'
import { newSigner } from '../rules/sources/signing.ts'
import { install } from './install.ts'
import { Narrator } from './narrator.ts'
import { startNewCluster } from './new-cluster.ts'
import type { Loaded } from './updates-load.ts'
import { type Publication, UPSTREAM_HOST } from './updates-upstream.ts'

const ROOT = join(import.meta.dirname, '../..')
const SQLI = "/?id=1'%20UNION%20SELECT%20user,password%20FROM%20users--"
/** Echoes what a WebSocket says, counts what is uploaded. */
const APP = `
const server = require('node:http').createServer((request, response) => {
  let bytes = 0
  request.on('data', (chunk) => { bytes += chunk.length })
  request.on('end', () => response.end(request.method === 'POST' ? bytes + ' bytes' : 'welcome to the shop'))
})
server.keepAliveTimeout = 75000
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n')
  socket.on('data', (chunk) => socket.write(chunk))
})
server.listen(8080)
`

export interface PodSeen {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly status: {
    readonly podIP: string
    readonly initContainerStatuses: readonly { readonly name: string; readonly restartCount: number }[]
  }
}

export async function startUpdates(t: Test) {
  const work = mkdtempSync(join(tmpdir(), 'sekisho-updates-'))
  t.teardown(() => rmSync(work, { recursive: true, force: true }))
  const [{ station, cluster }, old, fresh, signer, stranger] = await Promise.all([
    startNewCluster('updates', (line) => t.comment(line)),
    realCrsArchive('4.22.0'),
    realCrsArchive('4.25.0'),
    newSigner(),
    newSigner(),
  ])
  t.teardown(() => cluster.stop())
  const upstream = await startOnNode(t, cluster, 'updates-upstream.ts', nodeAddress(1))
  const { ca } = JSON.parse(await upstream.next()) as { ca: string }
  const publish = async (publication: Omit<Publication, 'archive'>, bytes: Uint8Array) => {
    const archive = join(work, `${publication.version}.tar.gz`)
    writeFileSync(archive, bytes)
    upstream.child.stdin!.write(`${JSON.stringify({ ...publication, archive } satisfies Publication)}\n`)
    await upstream.next()
  }

  const settings = {
    rollout: { stages: [34, 67, 100], soakMinutes: 0.1 },
    sources: {
      everyMinutes: 0.05,
      http: { caFile: '/etc/sekisho/keys/upstream.crt' },
      crs: {
        ...{ line: 'latest', keyFile: '/etc/sekisho/keys/crs.asc', fingerprints: [signer.fingerprint] },
        github: { api: `https://${UPSTREAM_HOST}`, downloads: `https://${UPSTREAM_HOST}` },
      },
    },
  }
  const hosts = [
    { op: 'add', path: '/spec/template/spec/hostAliases', value: [{ ip: nodeAddress(1), hostnames: [UPSTREAM_HOST] }] },
  ]
  const text = `  - target: {kind: Deployment, name: sekisho-rules}
    patch: '${JSON.stringify(hosts)}'
configMapGenerator:
  - name: sekisho-rules-config
    namespace: sekisho-system
    behavior: replace
    files: [rules.yaml]
  - name: sekisho-rules-keys
    namespace: sekisho-system
    files: [crs.asc, upstream.crt]
    options: {disableNameSuffixHash: true}
`
  const files = { 'rules.yaml': stringify(settings), 'crs.asc': signer.publicText, 'upstream.crt': ca }
  const lines: string[] = []
  t.on('end', () => {
    if (!t.passing()) process.stderr.write(`${lines.join('\n')}\n`)
  })

  const kubectl = (...args: string[]) => cluster.kubectlOk(args)
  const apply = (...objects: object[]) =>
    cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) })
  const pods = async (): Promise<PodSeen[]> => {
    const { items } = JSON.parse(await kubectl('-n', 'shop', 'get', 'pods', '-l', 'app=web', '-o', 'json')) as {
      items: PodSeen[]
    }
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }
  const statusOf = async (path: string, address: string): Promise<string> =>
    (
      await cluster.exec('curl', [
        ...['-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '10', '-H', 'Host: shop.example'],
        `http://${address}${path}`,
      ])
    ).stdout
  return {
    cluster,
    archives: { old, fresh },
    signer,
    stranger,
    publish,
    install: () => install(station, new Narrator((line) => lines.push(line)), { text, files }),
    kubectl,
    apply,
    pods,
    /** What the WAF of each protected Pod answers, without the Service. */
    answers: async (path: string) => {
      const all = await pods()
      return Promise.all(all.map(({ status }) => statusOf(path, `${status.podIP}:15080`)))
    },
    attack: SQLI,
    /** What the WAF of each Pod says of itself. */
    generations: async () => {
      const all = await pods()
      return Promise.all(
        all.map(async ({ metadata }) => {
          const { stdout } = await cluster.kubectl([
            ...['-n', 'shop', 'exec', metadata.name, '-c', 'sekisho-waf', '--', 'cat', '/run/sekisho/status.json'],
          ])
          return (JSON.parse(stdout || '{}') as { generation?: string }).generation ?? ''
        }),
      )
    },
    policies: () => kubectl('get', 'wafpolicies', '-A'),
    events: async (namespace: string) =>
      (
        JSON.parse(await kubectl('-n', namespace, 'get', 'events', '-o', 'json')) as {
          items: { reason: string; message: string }[]
        }
      ).items.map(({ reason, message }) => `${reason}: ${message}`),
    rules: (...args: string[]) =>
      run(process.execPath, [join(ROOT, 'src/cli.ts'), 'rules', ...args], { env: cluster.env }),
    leader: async () =>
      await kubectl('-n', 'sekisho-system', 'get', 'lease', 'sekisho-rules', '-o', 'jsonpath={.spec.holderIdentity}'),
    /** Of all replicas. */
    metrics: async () => {
      const { items } = JSON.parse(
        await kubectl(
          '-n',
          'sekisho-system',
          'get',
          'pods',
          '-l',
          'app.kubernetes.io/name=sekisho-rules',
          '-o',
          'json',
        ),
      ) as { items: PodSeen[] }
      const read = items.map(({ status }) =>
        cluster.exec('curl', ['-s', '-m', '10', `http://${status.podIP}:8080/metrics`]),
      )
      return (await Promise.all(read)).map(({ stdout }) => stdout).join('\n')
    },
    /** Starts visitors; the function returned ends them and tells what they met. */
    load: async () => {
      const address = await kubectl('-n', 'shop', 'get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}')
      const visitors = await startOnNode(t, cluster, 'updates-load.ts', address)
      return async () => {
        visitors.child.stdin!.end()
        return JSON.parse(await visitors.next()) as Loaded
      }
    },
    shop: (replicas: number) => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'shop' },
        spec: {
          replicas,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web', 'sekisho.dev/waf': 'block' } },
            spec: {
              automountServiceAccountToken: false,
              containers: [
                {
                  name: 'web',
                  image: 'registry.local/sekisho/sekisho:dev',
                  command: ['node', '-e', APP],
                  ports: [{ name: 'http', containerPort: 8080 }],
                  readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 2, timeoutSeconds: 5 },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
      },
      {
        apiVersion: 'sekisho.dev/v1alpha1',
        kind: 'WafPolicy',
        metadata: { name: 'web', namespace: 'shop' },
        spec: { selector: { matchLabels: { app: 'web' } }, mode: 'block' },
      },
    ],
  }
}
export type Updates = Awaited<ReturnType<typeof startUpdates>>

/** A TypeScript program of this folder inside the node: its network is that of the Pods. */
async function startOnNode(t: Test, cluster: Cluster, script: string, argument: string) {
  const [command, ...before] = cluster.enter()
  const args = [...before, process.execPath, join(import.meta.dirname, script), argument]
  const child: ChildProcess = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: Interface = createInterface({ input: child.stdout! })
  const iterator = lines[Symbol.asyncIterator]()
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  return {
    child,
    next: async (): Promise<string> => {
      const { value, done } = await iterator.next()
      if (done) throw new Error(`${script} ended with ${child.exitCode}`)
      return value
    },
  }
}
