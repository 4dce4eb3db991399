/** Runs one command to its end and hands back what it said: the lab is mostly other people's programs, started with care. */
import { spawn } from 'node:child_process'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Buffer
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** The command is killed after this long; its outcome then has code 124, as timeout(1) has. */
  readonly timeoutMs?: number
  /** Called with each piece of stdout and stderr as it comes. */
  readonly onOutput?: (text: string) => void
}

/** Runs a command. Never rejects for a command that fails: its code says so; 127 when it could not be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const { promise, cancel } = deadline(options.timeoutMs)
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let late = false
    const end = () => child.kill('SIGKILL')
    promise.then(() => {
      late = true
      end()
    })
    options.signal?.addEventListener('abort', end, { once: true })
    if (options.signal?.aborted) end()
    child.stdout?.on('data', (piece: Buffer) => {
      out.push(piece)
      options.onOutput?.(String(piece))
    })
    child.stderr?.on('data', (piece: Buffer) => {
      err.push(piece)
      options.onOutput?.(String(piece))
    })
    const finish = (code: number, more = '') => {
      cancel()
      options.signal?.removeEventListener('abort', end)
      resolve({ code, stdout: String(Buffer.concat(out)), stderr: String(Buffer.concat(err)) + more })
    }
    child.on('error', (error) => finish(127, error.message))
    child.on('close', (code) => {
      if (late) finish(124, `\n${command} was ended after ${options.timeoutMs} ms`)
      else finish(code ?? 137)
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
  })
}

/** Runs a command that must succeed; the error carries the command and the last lines it wrote. */
export async function must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code === 0) return stdout
  const said = lastLines(stderr.trim() || stdout, 12)
  throw new Error(`\`${[command, ...args].join(' ').slice(0, 300)}\` ended with code ${code}:\n${said}`)
}

/** The last lines of a text, which is where programs say why they ended. */
export const lastLines = (text: string, count: number): string => text.trimEnd().split('\n').slice(-count).join('\n')

function deadline(ms: number | undefined): { promise: Promise<void>; cancel: () => void } {
  if (ms === undefined) return { promise: new Promise(() => {}), cancel: () => {} }
  let timer: NodeJS.Timeout
  const promise = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return { promise, cancel: () => clearTimeout(timer) }
}
