/** Real `sekisho guard` processes, as Pods would run them: who of them leads and when, killed, frozen, with a clock that jumps. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const CLI = join(import.meta.dirname, '../../../src/cli.ts')
const CLOCK = join(import.meta.dirname, 'clock.ts')

/** From when until when a process led, as far as it could act. `to` is Infinity while it does. */
export interface Term {
  readonly from: number
  to: number
}

export interface GuardProcess {
  readonly name: string
  readonly pid: number
  readonly lines: readonly Record<string, unknown>[]
  readonly terms: readonly Term[]
  readonly child: ChildProcess
  leads(): boolean
  /** It can do nothing until `thaw`, and knows nothing of it: another takes over, and then there are two that claim to lead. */
  freeze(): void
  thaw(): void
  moveClock(ms: number): void
  /** As a node that loses its power. */
  kill(): Promise<void>
  stop(): Promise<number | null>
}

export interface GuardOptions {
  readonly name: string
  readonly kubeconfig: string
  readonly work: string
  /** Text of the configuration file. */
  readonly config: string
  /**
   * Another program than the sources, in which no clock can be moved.
   * @default src/cli.ts
   */
  readonly program?: string
  /** Node's own options, as the Deployment gives them. */
  readonly nodeOptions?: string
}

/** Starts one; whether it leads is another question. */
export function startGuard({ name, kubeconfig, work, config, program, nodeOptions = '' }: GuardOptions): GuardProcess {
  const folder = join(work, name)
  mkdirSync(folder, { recursive: true })
  const at = (file: string) => join(folder, file)
  writeFileSync(at('guard.yaml'), config)
  writeFileSync(at('clock'), '0')
  const child = spawn(
    process.execPath,
    [
      ...(program === undefined ? ['--import', CLOCK, CLI] : [program]),
      'guard',
      '--config',
      at('guard.yaml'),
      '--kubeconfig',
      kubeconfig,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        SEKISHO_TEST_CLOCK: at('clock'),
        SEKISHO_POD_NAME: name,
        NODE_OPTIONS: nodeOptions,
      },
    },
  )
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const lines: Record<string, unknown>[] = []
  const terms: Term[] = []
  let offset = 0
  const begin = () => void terms.push({ from: Date.now(), to: Number.POSITIVE_INFINITY })
  const end = () => {
    const last = terms.at(-1)
    if (last?.to === Number.POSITIVE_INFINITY) last.to = Date.now()
  }
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>
    lines.push(line)
    if (line['sekisho.leader'] === true) begin()
    if (line['sekisho.leader'] === false) end()
  })
  createInterface({ input: child.stderr }).on('line', (text) => lines.push({ level: 'stderr', msg: text }))
  child.on('exit', end)
  return {
    name,
    pid: child.pid!,
    lines,
    terms,
    child,
    leads: () => terms.at(-1)?.to === Number.POSITIVE_INFINITY,
    freeze: () => {
      child.kill('SIGSTOP')
      end()
    },
    thaw: () => void child.kill('SIGCONT'),
    moveClock: (ms) => {
      offset += ms
      writeFileSync(at('clock'), String(offset))
      child.kill('SIGUSR2')
    },
    kill: async () => {
      child.kill('SIGKILL')
      end()
      await ended
    },
    stop: async () => {
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      return (await ended)[0]
    },
  }
}

/** The times within `[from, to]` in which nobody led: nothing is promised of them. */
export function leaderless(terms: readonly Term[], from: number, to: number): Term[] {
  const gaps: Term[] = []
  let covered = from
  for (const term of terms.toSorted((a, b) => a.from - b.from)) {
    if (term.from > covered) gaps.push({ from: covered, to: Math.min(term.from, to) })
    covered = Math.max(covered, term.to)
    if (covered >= to) return gaps
  }
  if (covered < to) gaps.push({ from: covered, to })
  return gaps
}
