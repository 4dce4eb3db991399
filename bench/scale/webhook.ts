/**
 * The real webhook as its Deployment runs it: the bundled program, Node with the options given there, the credentials of a Pod. Those have a fixed path, so the
 * process gets a mount namespace of its own in which /run is empty but for them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { issueCa, issueLeaf } from '../../certs-job/issue.ts'
import { bundleProgram } from '../../test/images/bundle.ts'

export interface ApiServer {
  readonly host: string
  readonly port: number
  readonly caPem: string
  readonly token: string
}

export interface Webhook {
  readonly port: number
  readonly caPem: string
  /** Resident memory now and at most so far, MiB. */
  memory(): Promise<{ now: number; peak: number }>
  /** CPU seconds so far. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

const START = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$1/token" "$1/ca.crt" /run/secrets/kubernetes.io/serviceaccount/
exec "$2" "$3" webhook --config "$1/webhook.yaml"`

/** Starts it against an API server and waits until its watches are filled. `folder` must not lie under /run. */
export async function startWebhook(folder: string, api: ApiServer): Promise<Webhook> {
  const tls = join(folder, 'tls')
  await mkdir(tls, { recursive: true })
  await bundleProgram(folder)
  const [port, healthPort] = await Promise.all([freePort(), freePort()])
  const now = Date.now()
  const ca = await issueCa({ now, days: 365, backdateMs: 60_000 })
  const leaf = await issueLeaf({ ...ca, notAfter: now + 365 * 86_400_000 }, ['localhost'], {
    now,
    days: 30,
    backdateMs: 60_000,
  })
  const files = {
    'tls/tls.crt': leaf.certPem,
    'tls/tls.key': leaf.keyPem,
    'tls/ca.crt': ca.certPem,
    token: api.token,
    'ca.crt': api.caPem,
  }
  const config = {
    listen: { address: '127.0.0.1', port },
    health: { address: '127.0.0.1', port: healthPort },
    tls: { directory: tls },
    inject: { capture: 'port', image: 'registry.local/sekisho/sekisho-waf:dev' },
  }
  const all = { ...files, 'webhook.yaml': JSON.stringify(config) }
  await Promise.all(Object.entries(all).map(([name, text]) => writeFile(join(folder, name), text)))
  const args = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    START,
    'sh',
    folder,
    process.execPath,
    join(folder, 'app', 'sekisho.mjs'),
  ]
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    NODE_OPTIONS: await nodeOptions(),
    KUBERNETES_SERVICE_HOST: api.host,
    KUBERNETES_SERVICE_PORT: String(api.port),
  }
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const lines: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (lines.push(text) > 200 && lines.shift()))
  try {
    await filled(child, healthPort)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`the webhook did not fill its watches: ${(error as Error).message}\n${lines.slice(-10).join('')}`)
  }
  return {
    port,
    caPem: ca.certPem,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      const mib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
      return { now: mib('VmRSS'), peak: mib('VmHWM') }
    },
    cpu: async () => {
      const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** What the Deployment gives Node. */
async function nodeOptions(): Promise<string> {
  const manifest = new URL('../../manifests/base/webhook.yaml', import.meta.url)
  for (const document of parseAllDocuments(await readFile(manifest, 'utf8'))) {
    const object = document.toJS()
    if (object?.kind !== 'Deployment') continue
    const env: { name: string; value: string }[] = object.spec.template.spec.containers[0].env
    return env.find(({ name }) => name === 'NODE_OPTIONS')?.value ?? ''
  }
  throw new Error('Cannot find the Deployment of the webhook in its manifest')
}

async function filled(child: ChildProcess, port: number): Promise<void> {
  let last = ''
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    last = await fetch(`http://127.0.0.1:${port}/healthz/ready`).then((answer) => answer.text(), String)
    if (/^caches: ok$/m.test(last)) return
  }
  throw new Error(last)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
