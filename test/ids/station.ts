/** The sekisho-ids image on one end of a wire, as its DaemonSet runs it: NET_RAW alone, two emptyDirs, a read-only root. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningImage, type RunOptions, startImage } from '../images/run.ts'
import { eventually, layWire, type Wire } from './wire.ts'

interface Alert {
  readonly event_type: string
  readonly host: string
  readonly src_ip: string
  readonly alert: { readonly signature_id: number }
}

export interface Station extends Wire {
  readonly ids: RunningImage
  /** The answer of the readiness probe, in one line. */
  ready(): Promise<{ code: number; line: string }>
  /** Waits until the readiness probe's line matches. */
  readyLine(wanted: RegExp): Promise<string>
  /** Alerts of one rule so far. */
  alerts(sid: number): Alert[]
  /** Every line the container printed, parsed; a line that is no JSON throws. */
  lines(): Record<string, unknown>[]
  /** Where the container's /run/suricata is on this machine. */
  readonly runFolder: string
}

export interface StationOptions {
  env?: Record<string, string>
  /** Rule files by name, mounted as a ConfigMap of custom rules is. */
  rules?: string
  run?: Partial<RunOptions>
  /** Changes the wire before the IDS starts. */
  prepare?: (wire: Wire) => Promise<void>
}

/** Starts it. `close` takes everything away. */
export async function startStation({ env = {}, rules, run = {}, prepare }: StationOptions = {}): Promise<Station> {
  const wire = await layWire()
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ids-'))
  let ids: RunningImage | undefined
  const close = async () => {
    await ids?.stop()
    await wire.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await prepare?.(wire)
    for (const name of ['run', 'log']) {
      mkdirSync(join(folder, name))
      execFileSync('chmod', ['0777', join(folder, name)])
    }
    const started = await startImage('sekisho-ids', {
      env: { NODE_NAME: 'node-a', ...env },
      capabilities: ['CAP_NET_RAW'],
      allowPrivilegeEscalation: true,
      network: { path: wire.node.path },
      binds: [
        { source: join(folder, 'run'), target: '/run/suricata' },
        { source: join(folder, 'log'), target: '/var/log/suricata' },
        ...(rules ? [{ source: rules, target: '/etc/sekisho/ids', readOnly: true }] : []),
      ],
      ...run,
    })
    ids = started
    const ready = async () => {
      const { code, stdout, stderr } = await started.exec(['/usr/local/bin/sekisho-ids-ready'])
      return { code, line: `${stdout}${stderr}`.trim() }
    }
    const lines = () =>
      started
        .stdout()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    return {
      ...wire,
      ids: started,
      ready,
      readyLine: async (wanted) => {
        let last = ''
        return eventually(
          async () => {
            last = (await ready()).line
            return wanted.test(last) ? last : undefined
          },
          () => `the readiness probe last said '${last}'; the container's log:\n${started.stdout()}${started.stderr()}`,
        )
      },
      alerts: (sid) =>
        (lines() as unknown as Alert[]).filter(
          ({ event_type, alert }) => event_type === 'alert' && alert.signature_id === sid,
        ),
      lines,
      runFolder: join(folder, 'run'),
      close,
    }
  } catch (error) {
    await close()
    throw error
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
