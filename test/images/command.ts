/** Runs one program to its end: its output is kept, and a failure says which program failed and its last lines. */
import { spawn } from 'node:child_process'

export type Log = (line: string) => void

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  input?: string
  /** Called with each line of stdout and stderr as it comes. */
  onLine?: Log
  signal?: AbortSignal
}

export interface Finished {
  code: number
  stdout: string
  stderr: string
}

/** Runs `program`; any exit code is an answer. Rejects only when it cannot be started or ends by a signal. */
export function attempt(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const { cwd, env, input, onLine, signal } = options
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd, env, signal, stdio: ['pipe', 'pipe', 'pipe'] })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = ''
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk
        if (!onLine) return
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) onLine(line)
      })
    }
    // A program that ends before it has read its input is no fault of ours: its exit code tells.
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
    child.on('error', (cause) => failed(new Error(`Cannot run '${program}': ${cause.message}`, { cause })))
    child.on('close', (code, killedBy) => {
      if (code === null) failed(new Error(`'${program} ${args[0] ?? ''}' was ended by ${killedBy}`))
      else done({ code, ...text })
    })
  })
}

const short = (line: string): string => (line.length > 400 ? `${line.slice(0, 400)} …` : line)

/** Runs `program` and returns its stdout; another exit code than 0 is an error with the last lines of its output. */
export async function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args, options)
  if (code === 0) return stdout
  const last = `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-15)
  const called = short([program, ...args].join(' '))
  throw new Error(`'${called}' ended with exit code ${code}; its last lines:\n${last.map(short).join('\n')}`)
}

/** Tells that a step begins, that it still runs (every 10 s), and how long it took. */
export async function timed<T>(log: Log, what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1)
  log(`${what} …`)
  const ticker = setInterval(() => log(`${what} … ${Math.round(Number(seconds()))} s`), 10_000)
  try {
    const result = await work()
    log(`${what}: done in ${seconds()} s`)
    return result
  } finally {
    clearInterval(ticker)
  }
}

/** Throws with the package to install when a program the images need is not there. */
export async function requirePrograms(programs: Readonly<Record<string, string>>): Promise<void> {
  const missing: string[] = []
  for (const [program, debianPackage] of Object.entries(programs)) {
    const { code } = await attempt('sh', ['-c', 'command -v "$1"', 'sh', program])
    if (code !== 0) missing.push(debianPackage)
  }
  if (missing.length > 0) {
    throw new Error(
      `Cannot build images as programs are missing: run 'apt-get install -y --no-install-recommends ${missing.join(' ')}'`,
    )
  }
}
