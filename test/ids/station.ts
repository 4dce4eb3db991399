/**
 * Suricata's container of the IDS on one end of a wire, as the DaemonSet runs it: NET_RAW alone, an emptyDir, a read-only root. In the
 * agent's place is the test, which listens to eve.socket and speaks to the command socket.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type RunningImage, type RunOptions, startImage } from '../images/run.ts'
import { eventually, layWire, type Wire } from './wire.ts'

export interface Alert {
  readonly event_type: string
  readonly host: string
  readonly in_iface: string
  readonly src_ip: string
  readonly dest_ip: string
  readonly payload?: string
  readonly alert: { readonly signature_id: number; readonly signature: string }
}

interface Answer {
  readonly return: string
  // biome-ignore lint/suspicious/noExplicitAny: each command answers with its own
  readonly message: any
}

interface Stats {
  readonly threads: Readonly<Record<string, { readonly decoder?: Readonly<Record<string, number>> }>>
}

export interface Station extends Wire {
  readonly ids: RunningImage
  /** Alerts of one rule among what the container printed so far. */
  alerts(sid: number): Alert[]
  /** Every line the container printed, parsed; a line that is no JSON throws. */
  lines(): Record<string, unknown>[]
  /** What came over eve.socket so far. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a record
  readonly eve: readonly Record<string, any>[]
  /** The newest counters that came over eve.socket. */
  lastStats(): Stats | undefined
  /** Nobody listens to eve.socket any more. */
  stopListening(): Promise<void>
  /** One command of Suricata's command socket: what it answers. */
  command(command: string, more?: Record<string, unknown>): Promise<Answer>
  /** Waits until Suricata captures: it has written counters of each of these interfaces. */
  capturing(...interfaces: string[]): Promise<void>
  /** A file of /run/suricata, '' while it is not there. */
  file(name: string): string
  /** Where the container's /run/suricata is on this machine. */
  readonly runFolder: string
}

export interface StationOptions {
  env?: Record<string, string>
  run?: Partial<RunOptions>
  /** Changes the wire, or the folder that is mounted at /run/suricata, before the IDS starts. */
  prepare?: (wire: Wire, runFolder: string) => Promise<void>
}

/** Listens where Suricata's second output connects, in the agent's place, and keeps each record. */
async function listenToEve(
  path: string,
  keep: (record: Record<string, unknown>) => void,
): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let rest = ''
    socket.setEncoding('utf8').on('data', (data: string) => {
      const lines = (rest + data).split('\n')
      rest = lines.pop()!
      for (const line of lines) keep(JSON.parse(line))
    })
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((listening) => server.listen(path, listening))
  chmodSync(path, 0o777)
  return async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((closed) => server.close(closed))
  }
}

/** Starts it. `close` takes everything away. */
export async function startStation({ env = {}, run = {}, prepare }: StationOptions = {}): Promise<Station> {
  const wire = await layWire()
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ids-'))
  const runFolder = join(folder, 'run')
  const eve: Record<string, unknown>[] = []
  let ids: RunningImage | undefined
  let stopListening: (() => Promise<void>) | undefined
  const close = async () => {
    await ids?.stop()
    await stopListening?.()
    await wire.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    mkdirSync(runFolder)
    chmodSync(runFolder, 0o777)
    await prepare?.(wire, runFolder)
    stopListening = await listenToEve(join(runFolder, 'eve.socket'), (record) => eve.push(record))
    const started = await startImage('sekisho-ids', {
      env: { NODE_NAME: 'node-a', ...env },
      capabilities: ['CAP_NET_RAW'],
      allowPrivilegeEscalation: true,
      network: { path: wire.node.path },
      binds: [{ source: runFolder, target: '/run/suricata' }],
      ...run,
    })
    ids = started
    const lines = () =>
      started
        .stdout()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    const newest = (from = 0) =>
      eve.slice(from).findLast(({ event_type }) => event_type === 'stats')?.['stats'] as Stats | undefined
    const file = (name: string) =>
      existsSync(join(runFolder, name)) ? readFileSync(join(runFolder, name), 'utf8') : ''
    return {
      ...wire,
      ids: started,
      alerts: (sid) =>
        (lines() as unknown as Alert[]).filter(
          ({ event_type, alert }) => event_type === 'alert' && alert.signature_id === sid,
        ),
      lines,
      eve,
      lastStats: () => newest(),
      stopListening: async () => {
        await stopListening?.()
        stopListening = undefined
      },
      command: (command, more) => tell(join(runFolder, 'suricata-command.socket'), { command, ...more }),
      capturing: async (...interfaces) => {
        const begin = eve.length
        await eventually(
          async () => {
            const names = Object.keys(newest(begin)?.threads ?? {})
            return interfaces.every((one) => names.some((name) => new RegExp(`^W#\\d+-${one}$`).test(name)))
              ? true
              : undefined
          },
          () => `no counters of ${interfaces}; the container's log:\n${started.stdout()}${started.stderr()}`,
        )
      },
      file,
      runFolder,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Speaks to the command socket: each message is one line, an answer is one line. */
async function tell(path: string, message: Record<string, unknown>): Promise<Answer> {
  const socket = connect(path)
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  try {
    for (const line of [{ version: '0.2' }, message]) {
      socket.write(`${JSON.stringify(line)}\n`)
      const { value } = await answers.next()
      if (line === message) return JSON.parse(String(value))
    }
    throw new Error('unreachable')
  } finally {
    socket.destroy()
  }
}

/** sids of ids/sekisho.rules with their messages. */
export const ownRules = (): Map<number, string> =>
  new Map(
    [
      ...readFileSync(join(import.meta.dirname, '../../ids/sekisho.rules'), 'utf8').matchAll(
        /msg:"([^"]+)".*sid:(\d+);/g,
      ),
    ].map(([, message, sid]) => [Number(sid), message!]),
  )
