/**
 * One part of the cluster (etcd, kubelet, …): started with its output in a log, watched while others start, ended with the keeper.
 * A part that ends while the cluster starts is an error that names the part and ends with its last lines.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastLines } from './run.ts'

export interface PartSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Put before the command, to run it inside a node's namespaces. */
  readonly enter?: readonly string[]
  /** File descriptors handed over beside the usual three. */
  readonly handles?: readonly number[]
}

export const logFile = (work: string, part: string): string => join(work, 'logs', `${part}.log`)

export class PartError extends Error {
  readonly part: string
  constructor(part: string, what: string, log: string) {
    super(`Cannot start the cluster: ${part} ${what}. The last lines of its log:\n${lastLines(log, 15) || '(empty)'}`)
    this.part = part
  }
}

export class Part {
  readonly name: string
  readonly child: ChildProcess
  /** Resolves when the process is gone. */
  readonly ended: Promise<string>
  /** Who is to be killed at the end, where that is not the process itself. */
  target: number | undefined
  readonly #log: string
  #running = true

  constructor(spec: PartSpec, work: string) {
    this.name = spec.name
    this.#log = logFile(work, spec.name)
    const log = openSync(this.#log, 'a')
    // Should even the keeper be killed, the kernel ends the part.
    const line = [...(spec.enter ?? []), 'setpriv', '--pdeathsig', 'KILL', '--', spec.command, ...spec.args]
    this.child = spawn(line[0]!, line.slice(1), {
      stdio: ['ignore', log, log, ...(spec.handles ?? [])],
      env: spec.env ?? process.env,
      cwd: work,
    })
    closeSync(log)
    this.ended = new Promise((resolve) => {
      const over = (how: string) => {
        this.#running = false
        resolve(how)
      }
      this.child.on('error', (error) => over(`could not be started (${error.message})`))
      this.child.on('exit', (code, signal) => over(signal ? `was ended by ${signal}` : `ended with code ${code}`))
    })
  }

  get running(): boolean {
    return this.#running
  }

  /** Rejects as soon as the process is gone; for races with what waits for it. */
  async fails(): Promise<never> {
    throw await this.error(await this.ended)
  }

  async error(what: string): Promise<PartError> {
    return new PartError(this.name, what, await readFile(this.#log, 'utf8').catch(() => ''))
  }

  /** Ends the process at once: what the parts know is thrown away with the work folder. */
  async stop(): Promise<void> {
    if (!this.#running) return
    this.child.ref()
    if (this.target === undefined || !kill(this.target)) this.child.kill('SIGKILL')
    await this.ended
  }
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

/** Waits until `check` says yes, failing when any of the parts ends or the time is over. `part` is blamed for the time. */
export async function untilReady(
  part: Part,
  parts: readonly Part[],
  check: () => Promise<boolean>,
  signal: AbortSignal,
  limitMs = 180_000,
): Promise<void> {
  const over = new AbortController()
  const poll = async () => {
    const end = Date.now() + limitMs
    while (!over.signal.aborted) {
      signal.throwIfAborted()
      if (await check().catch(() => false)) return
      if (Date.now() > end) throw await part.error(`was not ready after ${limitMs / 1000} s`)
      await sleep(50)
    }
  }
  const failures = parts.map((one) => one.fails())
  try {
    await Promise.race([poll(), ...failures])
  } finally {
    over.abort()
    for (const failure of failures) failure.catch(() => {})
  }
}
