/** The real `sekisho guard` as a process, against a real API server. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Finding } from '../../../src/api/finding.ts'

import { until } from '../../cluster-cache/lab.ts'

const CLI = join(import.meta.dirname, '../../../src/cli.ts')

export interface GuardProcess {
  readonly child: ChildProcess
  readonly lines: readonly { readonly message?: string; readonly finding?: Finding; readonly [key: string]: unknown }[]
  readonly healthPort: Promise<number>
  metrics(): Promise<string>
  /** The first finding of this kind and action, once it stands in the log. */
  found(kind: string, action: string): Promise<Finding>
  /** Resolves with the exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
}

/** What `--dry-run` prints. */
export async function dryRun(kubeconfig: string, work: string, ...more: string[]): Promise<string> {
  const config = join(work, 'dry-run.yaml')
  writeFileSync(config, '{}')
  const args = [CLI, 'guard', '--config', config, '--kubeconfig', kubeconfig, '--dry-run', ...more]
  return (await promisify(execFile)(process.execPath, args)).stdout
}

/** Starts one. @param more the configuration file, beside the port */
export function startGuard(options: {
  readonly kubeconfig: string
  readonly work: string
  readonly more?: object
  readonly name?: string
}): GuardProcess {
  const { kubeconfig, work, more = {}, name = 'guard' } = options
  const config = join(work, `${name}.yaml`)
  writeFileSync(config, JSON.stringify({ health: { address: '127.0.0.1', port: 0 }, ...more }))
  const args = [CLI, 'guard', '--config', config, '--kubeconfig', kubeconfig]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, SEKISHO_POD_NAME: name },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: Record<string, unknown>[] = []
  const { promise: healthPort, resolve } = Promise.withResolvers<number>()
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    lines.push({ ...line, message: line['msg'] })
    const port = line['sekisho.health_port']
    if (typeof port === 'number') resolve(port)
  })
  const ended = new Promise<number | string>((done) =>
    child.on('close', (code, signal) => done(code ?? signal ?? 'gone')),
  )
  return {
    child,
    lines,
    healthPort,
    found: (kind, action) =>
      until(
        `a finding ${kind} ${action}`,
        () =>
          lines
            .map(({ finding }) => finding as Finding | undefined)
            .find((one) => one?.kind === kind && one.action === action),
        (one) => one !== undefined,
      ) as Promise<Finding>,
    metrics: async () => (await fetch(`http://127.0.0.1:${await healthPort}/metrics`)).text(),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}
