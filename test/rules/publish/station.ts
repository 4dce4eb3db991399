/**
 * `sekisho rules serve` as a process of its own against a real API server, with the real WAF as its bench, a directory that plays upstream, and
 * Pods that only the API server knows: their updaters are `updater.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type createPublicKey, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import type { WafPolicy } from '../../../src/api/waf-policy.ts'
import { rulesConfig } from '../../../src/config/rules.ts'
import { type Ca, makeCa, makeLeaf, placePair, temporaryDirectory } from '../../admission/support.ts'
import { type StartOptions, startCluster } from '../../cluster/start.ts'
import { until } from '../../cluster-cache/lab.ts'
import { type RunningImage, startImage } from '../../images/run.ts'
import { kubeconfigOf } from '../../manifests/account.ts'
import { createUpdater, type Updater } from './updater.ts'

const ROOT = join(import.meta.dirname, '../../..')
export const WAF_IMAGE = 'registry.local/sekisho/sekisho-waf:dev'
const BENCH = { port: 15080, upstream: 18080 }

export interface Serving {
  readonly port: number
  readonly healthPort: number
  readonly child: ChildProcess
  readonly lines: readonly Record<string, unknown>[]
  metrics(): Promise<string>
  ready(): Promise<{ status: number; text: string }>
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** A pair of signing keys as certs-job writes them; the private half of `next` is its own business. */
export function placeSigning(directory: string) {
  const pair = generateKeyPairSync('ed25519')
  const next = generateKeyPairSync('ed25519')
  const raw = (key: ReturnType<typeof createPublicKey>) =>
    Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64')
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'current.key'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(directory, 'next.pub'), raw(next.publicKey))
  return { keys: [raw(pair.publicKey), raw(next.publicKey)] as const, next }
}

export async function startStation(
  t: Test,
  { bench = true, ...options }: { bench?: boolean } & Partial<StartOptions> = {},
) {
  const work = temporaryDirectory(t)
  const cluster = await startCluster({ size: 'control-plane', ...options })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('sekisho-system')
  await cluster.kubectlOk(['apply', '-f', join(ROOT, 'manifests/base/waf-policy.yaml')])
  await cluster.established('wafpolicies.sekisho.dev')
  // With no more rights than the installation gives it.
  for (const file of ['rules-rbac', 'rules-admission'])
    await cluster.kubectlOk(['apply', '-f', join(ROOT, `manifests/base/${file}.yaml`)])
  const kubeconfig = await kubeconfigOf(cluster, work, 'sekisho-rules')
  const ca: Ca = await makeCa()
  const tls = join(work, 'tls')
  mkdirSync(tls)
  placePair(tls, await makeLeaf(ca))
  writeFileSync(join(tls, 'ca.crt'), ca.certPem)
  const signing = placeSigning(join(work, 'signing'))
  const upstream = join(work, 'upstream')
  mkdirSync(upstream)
  const run = join(work, 'run')
  mkdirSync(run, { mode: 0o777 })
  const { chmodSync } = await import('node:fs')
  chmodSync(run, 0o777)
  let waf: RunningImage | undefined
  if (bench) {
    waf = await startImage('sekisho-waf', {
      command: ['/usr/local/bin/sekisho-waf'],
      env: {
        SEKISHO_BENCH: '1',
        SEKISHO_POD_NAMESPACE: 'sekisho-bench',
        SEKISHO_MODE: 'block',
        SEKISHO_PORTS: `${BENCH.port}:${BENCH.upstream}:http`,
        SEKISHO_UPSTREAM_HOST: '127.0.0.1',
        SEKISHO_RULES_KEYS: signing.keys.join(' '),
      },
      network: { path: `/proc/${process.pid}/ns/net` },
      binds: [{ source: run, target: '/run/sekisho' }],
      tmpfs: [{ target: '/tmp', sizeBytes: 64 << 20 }],
      memoryBytes: 384 << 20,
    })
    t.teardown(() => waf?.stop())
  }
  const empty = join(work, 'no-bench')
  mkdirSync(empty)
  const started: Serving[] = []
  t.teardown(async () => {
    for (const one of started) if (one.child.exitCode === null) await one.stop('SIGKILL')
  })

  /** @param more settings over those of the station */
  const serve = async (more: Record<string, unknown> = {}, { withBench = true } = {}): Promise<Serving> => {
    const config = {
      listen: { address: '127.0.0.1', port: 0 },
      health: { address: '127.0.0.1', port: 0 },
      tls: { directory: tls },
      signing: { directory: join(work, 'signing') },
      bench: { directory: withBench ? run : empty, upstreamPort: withBench ? BENCH.upstream : 0 },
      poll: { lowestSeconds: 1 },
      rollout: { soakMinutes: 0.05 },
      sources: {
        everyMinutes: 0.02,
        crs: { from: 'directory', verify: 'none', directory: { path: upstream } },
      },
      ...more,
    }
    rulesConfig.parse(config)
    const file = join(work, `rules-${started.length}.yaml`)
    writeFileSync(file, stringify(config))
    const args = ['rules', 'serve', '--config', file, '--waf-image', WAF_IMAGE, '--kubeconfig', kubeconfig]
    const child = spawn(process.execPath, [join(ROOT, 'src/cli.ts'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], SEKISHO_POD_NAME: `sekisho-rules-${started.length}` },
    })
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const lines: Record<string, unknown>[] = []
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const listening = new Promise<Record<string, unknown>>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (text) => {
        const line = JSON.parse(text) as Record<string, unknown>
        lines.push(line)
        if (process.env['SEKISHO_TEST_LOG']) console.error(text)
        if (line['msg'] === 'listening') resolve(line)
      })
    })
    const first = await Promise.race([
      listening,
      ended.then(([code]) =>
        Promise.reject(new Error(`sekisho rules serve ended with ${code}: ${said}${JSON.stringify(lines.slice(-3))}`)),
      ),
    ])
    ended.catch(() => {})
    const healthPort = Number(first['sekisho.health_port'])
    const ask = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${healthPort}${path}`)
      return { status: response.status, text: await response.text() }
    }
    const serving: Serving = {
      port: Number(first['server.port']),
      healthPort,
      child,
      lines,
      metrics: async () => (await ask('/metrics')).text,
      ready: () => ask('/healthz/ready'),
      stop: async (signal = 'SIGTERM') => {
        child.kill(signal)
        const [code, by] = await ended
        return { code, signal: by }
      },
    }
    started.push(serving)
    return serving
  }

  /** A protected Pod as the webhook would make it, as far as the service looks; and its updater. */
  const addPod = async (
    namespace: string,
    name: string,
    port: () => number,
    { labels = {}, mode = 'block' }: { labels?: Record<string, string>; mode?: string } = {},
  ): Promise<Updater> => {
    await cluster.createNamespace(namespace)
    const sidecar = (container: string) => ({
      name: container,
      image: WAF_IMAGE,
      restartPolicy: 'Always',
      env: [{ name: 'SEKISHO_MODE', value: mode }],
    })
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: {
        initContainers: [sidecar('sekisho-rules'), sidecar('sekisho-waf')],
        containers: [{ name: 'app', image: 'app' }],
      },
    }
    await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(pod) })
    const token = await cluster.kubectlOk([
      ...['create', 'token', 'default', '-n', namespace, '--audience', 'sekisho-rules'],
      ...['--bound-object-kind', 'Pod', '--bound-object-name', name],
    ])
    return createUpdater({ namespace, name, token: token.trim(), ca: ca.certPem, port, keys: signing.keys })
  }

  const json = async <T>(args: readonly string[]): Promise<T> =>
    JSON.parse(await cluster.kubectlOk([...args, '-o', 'json'])) as T
  return {
    cluster,
    kubeconfig,
    work,
    ca,
    tls,
    signing,
    signingDirectory: join(work, 'signing'),
    upstream,
    get waf() {
      return waf
    },
    serve,
    addPod,
    json,
    apply: (object: object) => cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) }),
    /** Puts an archive where the source looks, in the place of what is there. */
    publish: (version: string, archive: Uint8Array, signature?: string) => {
      const name = `coreruleset-${version}-minimal.tar.gz`
      if (signature !== undefined) writeFileSync(join(upstream, `${name}.asc`), signature)
      writeFileSync(join(upstream, `${name}`), archive)
    },
    empty: () => {
      rmSync(upstream, { recursive: true, force: true })
      mkdirSync(upstream)
    },
    policy: async (namespace: string, name: string) =>
      json<{ metadata: { generation: number }; status?: WafPolicy['status'] }>([
        'get',
        'wafpolicy',
        name,
        '-n',
        namespace,
      ]),
    events: async (namespace: string) =>
      (
        await json<{ items: { reason: string; note?: string; message?: string }[] }>(['get', 'events', '-n', namespace])
      ).items.map(({ reason, message = '' }) => `${reason}: ${message}`),
    rollout: async () => {
      const found = await cluster.kubectl([
        'get',
        'configmap',
        'sekisho-rules-rollout',
        '-n',
        'sekisho-system',
        '-o',
        'json',
      ])
      if (found.code !== 0) return undefined
      return JSON.parse((JSON.parse(found.stdout) as { data: { state: string } }).data.state) as Record<string, never>
    },
    readFile: (path: string) => readFileSync(path, 'utf8'),
  }
}
export type Station = Awaited<ReturnType<typeof startStation>>

/** Steps an updater until it runs a release. */
export const runs = (updater: Updater, release: string, ms = 60_000): Promise<string> =>
  until(
    `${updater.options.name} runs ${release}`,
    async () => {
      await updater.step()
      return updater.state.generation
    },
    (generation) => generation.startsWith(`crs-${release}-`),
    ms,
  )
