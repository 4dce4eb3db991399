/** Runs a program of the image beside the agent: at the lowest priority, with a time limit, in its own process group, its output bounded. */
import { spawn } from 'node:child_process'

export interface Ended {
  /** null: ended by a signal. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly timedOut: boolean
  /** stdout and stderr as they came: the beginning and the end, where there is too much. */
  readonly output: string
}
export interface ChildOptions {
  readonly timeMs: number
  readonly signal: AbortSignal
  readonly env?: Readonly<Record<string, string>>
  readonly cwd: string
}
export type RunChild = (program: string, args: readonly string[], options: ChildOptions) => Promise<Ended>

const HEAD_BYTES = 192 * 1024
const TAIL_BYTES = 64 * 1024

/** @throws where the program cannot be started, or `signal` was aborted */
export const runChild: RunChild = (program, args, { timeMs, signal, env = {}, cwd }) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const child = spawn('nice', ['-n', '19', program, ...args], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: cwd, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let head = ''
    let tail = ''
    let timedOut = false
    const take = (chunk: string) => {
      const room = HEAD_BYTES - head.length
      if (room > 0) head += chunk.slice(0, room)
      if (chunk.length > room) tail = (tail + chunk.slice(Math.max(room, 0))).slice(-TAIL_BYTES)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take)
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has just ended.
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      kill()
    }, timeMs)
    signal.addEventListener('abort', kill, { once: true })
    const over = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', kill)
    }
    child.once('error', (error) => {
      over()
      reject(error)
    })
    child.once('close', (code, ended) => {
      over()
      if (signal.aborted) reject(signal.reason)
      else resolve({ code, signal: ended, timedOut, output: head + tail })
    })
  })
