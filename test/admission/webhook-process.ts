/** The real `sekisho webhook` as a process of its own, as a Pod would run it, and the objects by which an API server calls it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import type { Issued } from '../../certs-job/issue.ts'
import { placePair } from './support.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')

export interface WebhookProcess {
  readonly port: number
  readonly healthPort: number
  readonly pid: number
  /** The log so far, a line an object. */
  readonly lines: readonly Record<string, unknown>[]
  readonly child: ChildProcess
  /** Where its certificate is; `placePair` rotates it. */
  readonly tlsDirectory: string
  /** Status and text of its readiness. */
  ready(): Promise<{ status: number; text: string }>
  untilReady(): Promise<void>
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export interface WebhookProcessOptions {
  readonly kubeconfig: string
  /** A directory for its files. */
  readonly work: string
  readonly pair: Issued
  /** Lines of the configuration file after `inject:`'s two. */
  readonly config?: string
  readonly drainMs?: number
  /** What is put before the command: `taskset -c 1`. */
  readonly before?: readonly string[]
  /** @default src/cli.ts */
  readonly program?: string
}

/** Starts it and resolves once it listens; that it is ready is another question. */
export const startWebhook = async (options: WebhookProcessOptions): Promise<WebhookProcess> => {
  const { kubeconfig, work, pair, config = '', drainMs = 1000, before = [], program = CLI } = options
  const tlsDirectory = join(work, 'tls')
  mkdirSync(tlsDirectory, { recursive: true })
  placePair(tlsDirectory, pair)
  const file = join(work, 'webhook.yaml')
  writeFileSync(
    file,
    `listen: {address: 127.0.0.1, port: 0}
health: {address: 127.0.0.1, port: 0}
tls: {directory: ${JSON.stringify(tlsDirectory)}}
drainMs: ${drainMs}
inject:
  capture: port
  image: registry.local/sekisho/sekisho-waf:dev
${config}`,
  )
  const command = [...before, process.execPath, program, 'webhook', '--config', file, '--kubeconfig', kubeconfig]
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Nothing of the test runner's own loaders.
    env: { PATH: process.env['PATH'] },
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
      if (line['msg'] === 'listening') resolve(line)
    })
  })
  const first = await Promise.race([
    listening,
    ended.then(([code]) =>
      Promise.reject(new Error(`the webhook ended with ${code}: ${said}${JSON.stringify(lines)}`)),
    ),
  ])
  ended.catch(() => {})
  const healthPort = Number(first['sekisho.health_port'])
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${healthPort}/healthz/ready`)
    return { status: response.status, text: await response.text() }
  }
  return {
    port: Number(first['server.port']),
    healthPort,
    pid: child.pid!,
    lines,
    child,
    tlsDirectory,
    ready,
    untilReady: async () => {
      let last = ''
      for (let i = 0; i < 300; i++) {
        const { status, text } = await ready()
        if (status === 200) return
        last = text
        await sleep(100)
      }
      throw new Error(`the webhook is not ready: ${last}`)
    },
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      const [code, by] = await ended
      return { code, signal: by }
    },
  }
}

const MANIFESTS = join(import.meta.dirname, '../../manifests/base')
interface Configuration {
  readonly webhooks: { clientConfig: object; timeoutSeconds: number }[]
}

/** Both webhook configurations as they are installed, but calling `https://localhost:PORT` instead of the Service. */
export const configurations = (port: number, caPem: string): object[] =>
  ['mutating', 'validating'].map((name) => {
    const configuration = parse(readFileSync(join(MANIFESTS, `${name}.yaml`), 'utf8')) as Configuration
    const path = name === 'mutating' ? '/mutate' : '/validate'
    const clientConfig = { url: `https://localhost:${port}${path}`, caBundle: Buffer.from(caPem).toString('base64') }
    for (const webhook of configuration.webhooks) webhook.clientConfig = clientConfig
    return configuration
  })
