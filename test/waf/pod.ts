/** A protected Pod without Kubernetes: the two sidecars of the image as the webhook injects them, and an app that answers with what it saw. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningImage, startImage } from '../images/run.ts'
import { POD_IP } from './own-network.ts'
import type { UpdateService } from './update-service.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Status {
  readonly generation: string
  readonly wanted: string
  readonly state: 'active' | 'failed' | 'waiting'
  readonly reason: string
  readonly detail: string
  readonly previous: string
  readonly rules: number
  readonly crs: string
  readonly mode: string
  readonly engine: string
}

export interface AuditRecord {
  readonly type: 'audit'
  readonly request_id: string
  readonly action: 'blocked' | 'detected'
  readonly status: number
  readonly score: number | null
  readonly client: { readonly ip: string; readonly port: number }
  readonly request: {
    readonly path: string
    readonly query: string
    readonly headers: Readonly<Record<string, string>>
  }
  readonly rules_total: number
  readonly rules: readonly {
    readonly id: string
    readonly variable: string
    readonly data: string
    readonly file: string
  }[]
}

/** What the app saw of a request. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: number
}

export interface PodOptions {
  mode?: 'block' | 'detect'
  env?: Readonly<Record<string, string>>
  /** Files of the ConfigMap; absent where undefined. */
  custom?: Readonly<Record<string, string>>
  tmpBytes?: number
  /** A size for the volume of rule sets; without one it is as large as the disk. */
  runBytes?: number
  /** The service that the rule-updater asks; without one it only uses what the Pod has. */
  service?: UpdateService
  /** Whether the rule-updater runs. @default true */
  updater?: boolean
  /** Whether to wait until the WAF is ready. @default true */
  ready?: boolean
}

interface AskOptions {
  port?: number
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string | Buffer
}

/** One HTTP request to the Pod, with a Host that is a name. */
export function ask(path: string, { port = 15080, method, headers = {}, body }: AskOptions = {}): Promise<Answer> {
  return new Promise((done, failed) => {
    const how = {
      host: POD_IP,
      port,
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      agent: false as const,
    }
    const sent = request({ ...how, headers: { host: 'shop.example', accept: '*/*', ...headers } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => done({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }))
      answer.on('error', failed)
    })
    sent.on('error', failed)
    sent.end(body)
  })
}

/** Waits until `look` returns something, and says what was waited for when it does not come. */
export async function until<T>(what: string, look: () => T | Promise<T>, seconds = 60): Promise<NonNullable<T>> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const seen = await look()
    if (seen) return seen as NonNullable<T>
    if (Date.now() > end) throw new Error(`Waited ${seconds} s in vain for ${what}`)
    await sleep(50)
  }
}

/** JSON lines of a container's output; a line that is no JSON is an error, for nothing else may leave a container. */
export function records(text: string): Record<string, unknown>[] {
  const lines = text.split('\n')
  lines.pop()
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** An app that answers 200 with what it saw, in JSON. */
export async function startApp(port = 8080): Promise<{ server: Server; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer(async (incoming: IncomingMessage, answer) => {
    let bytes = 0
    for await (const chunk of incoming) bytes += (chunk as Buffer).length
    const what: Seen = { method: incoming.method!, url: incoming.url!, headers: incoming.headers, bytes }
    seen.push(what)
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify(what))
  })
  await new Promise<void>((done) => server.listen(port, POD_IP, done))
  return { server, seen }
}

export type TestPod = Awaited<ReturnType<typeof startPod>>

export async function startPod(options: PodOptions = {}) {
  const { mode = 'block', tmpBytes = 64 << 20, updater = true } = options
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-waf-'))
  const run = join(folder, 'run')
  const custom = join(folder, 'custom')
  for (const path of [run, custom]) mkdirSync(path)
  if (options.runBytes) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.runBytes}`, 'tmpfs', run])
  execFileSync('chmod', ['0777', run])
  let revision = 0
  /** As the kubelet does: a new folder, then the link ..data switched to it by a rename; keys are links into it. */
  const setCustom = (files: Readonly<Record<string, string>> | undefined) => {
    const data = `..${++revision}`
    mkdirSync(join(custom, data))
    for (const [name, text] of Object.entries(files ?? {})) writeFileSync(join(custom, data, name), text)
    symlinkSync(data, join(custom, '..data_tmp'))
    execFileSync('mv', ['-T', join(custom, '..data_tmp'), join(custom, '..data')])
    execFileSync('find', [custom, '-maxdepth', '1', '-type', 'l', '!', '-name', '..data', '-delete'])
    for (const name of Object.keys(files ?? {})) symlinkSync(`..data/${name}`, join(custom, name))
  }
  setCustom(options.custom)

  const network = { path: `/proc/${process.pid}/ns/net` }
  const names = { SEKISHO_POD_NAME: 'shop-1', SEKISHO_POD_NAMESPACE: 'shop', SEKISHO_POD_UID: '0bf995de-d233-4c3a' }
  const startRules = () =>
    startImage('sekisho-waf', {
      command: ['/usr/local/bin/sekisho-rules'],
      env: { SEKISHO_MODE: mode, ...names, ...options.service?.environment() },
      network,
      binds: [
        { source: run, target: '/run/sekisho' },
        { source: custom, target: '/etc/sekisho/custom', readOnly: true },
        ...(options.service
          ? [{ source: options.service.tokens, target: '/var/run/secrets/sekisho', readOnly: true }]
          : []),
      ],
    })
  const startWaf = () =>
    startImage('sekisho-waf', {
      command: ['/usr/local/bin/sekisho-waf'],
      env: {
        SEKISHO_MODE: mode,
        SEKISHO_PORTS: '15080:8080:http,15081:9090:grpc',
        SEKISHO_UPSTREAM_HOST: POD_IP,
        SEKISHO_WITHOUT_BUNDLE: 'baseline-block',
        SEKISHO_TMP_BYTES: String(tmpBytes),
        ...names,
        ...(options.service ? { SEKISHO_RULES_KEYS: options.service.keys } : {}),
        ...options.env,
      },
      network,
      binds: [{ source: run, target: '/run/sekisho' }],
      tmpfs: [{ target: '/tmp', sizeBytes: tmpBytes }],
      // The default limit of the webhook's configuration; the temp volume counts in it.
      memoryBytes: 384 << 20,
    })
  const status = (): Status | undefined => {
    try {
      return JSON.parse(readFileSync(join(run, 'status.json'), 'utf8')) as Status
    } catch {
      return undefined
    }
  }
  const healthy = async (path: string) => (await ask(path, { port: 15021 }).catch(() => undefined))?.status === 200
  const ready = () => healthy('/healthz/ready')

  let rules: RunningImage | undefined
  if (updater) {
    rules = await startRules()
    const started = async () => (await rules!.exec(['/usr/local/bin/sekisho-rules', 'started'])).code === 0
    await until('the updater to place its first rule set', started)
  }
  let waf = await startWaf()
  const pod = {
    folder,
    run,
    get waf() {
      return waf
    },
    get rules() {
      return rules
    },
    status,
    ready,
    live: () => healthy('/healthz/live'),
    setCustom,
    /** What sekisho-rules says of the custom rules. */
    customStatus: () =>
      JSON.parse(readFileSync(join(run, 'custom.json'), 'utf8')) as {
        state: string
        generation: string
        refusals: string[]
      },
    kick: (line: string) => execFileSync('sh', ['-c', 'printf "%s\\n" "$1" 1<> "$0"', join(run, 'reload.fifo'), line]),
    records: (): Record<string, unknown>[] => [...records(waf.stdout()), ...records(waf.stderr())],
    /** The audit record of a request, once it is there. */
    audit: (requestId: unknown) =>
      until(`the audit record of ${requestId}`, () =>
        pod.records().find((record) => record['type'] === 'audit' && record['request_id'] === requestId),
      ) as Promise<unknown> as Promise<AuditRecord>,
    active: (condition: (status: Status) => boolean = () => true) =>
      until(`another state than ${JSON.stringify(status())}`, () => {
        const now = status()
        return now?.state === 'active' && condition(now) && now
      }),
    failed: (condition: (status: Status) => boolean = () => true) =>
      until(`another state than ${JSON.stringify(status())}`, () => {
        const now = status()
        return now?.state === 'failed' && condition(now) && now
      }),
    restartWaf: async ({ hard = false } = {}) => {
      if (hard) {
        await waf.kill('SIGKILL')
        await waf.exited
      } else await waf.stop()
      waf = await startWaf()
    },
    restartRules: async ({ hard = false } = {}) => {
      if (hard) await rules?.kill('SIGKILL')
      await rules?.stop()
      rules = await startRules()
    },
    stop: async () => {
      await rules?.stop()
      const code = await waf.stop()
      if (options.runBytes) execFileSync('umount', [run])
      rmSync(folder, { recursive: true, force: true })
      return code
    },
  }
  if (options.ready !== false) {
    try {
      await until('the WAF to be ready', ready)
      if (updater) await pod.active(({ wanted }) => wanted !== '')
    } catch (cause) {
      const said = `${waf.stderr()}\n${rules?.stderr() ?? ''}`
      await pod.stop()
      throw new Error(`${(cause as Error).message}; it said:\n${said}`, { cause })
    }
  }
  return pod
}
