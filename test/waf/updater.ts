/**
 * The rule-updater alone, from the real image, on a volume where a test plays the WAF: what is kicked is read from the FIFO, and status.json
 * is what the test says. Whole Pods are in pod.ts.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningImage, startImage } from '../images/run.ts'
import type { UpdateService } from './update-service.ts'

export interface UpdaterOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A size for the volume of rule sets; without one it is as large as the disk. */
  readonly runBytes?: number
  /** Whether a WAF answers each kick as one that serves whatever it is asked for. @default true */
  readonly waf?: boolean
}

export type TestUpdater = Awaited<ReturnType<typeof startUpdater>>

export async function startUpdater(service: UpdateService, options: UpdaterOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-updater-'))
  const run = join(folder, 'run')
  const custom = join(folder, 'custom')
  for (const path of [run, custom]) mkdirSync(path)
  if (options.runBytes) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${options.runBytes}`, 'tmpfs', run])
  execFileSync('chmod', ['0777', run])
  execFileSync('mkfifo', ['-m', '666', join(run, 'reload.fifo')])
  const inRun = (...parts: string[]) => join(run, ...parts)
  const start = () =>
    startImage('sekisho-waf', {
      command: ['/usr/local/bin/sekisho-rules'],
      env: { SEKISHO_MODE: 'block', SEKISHO_POD_NAMESPACE: 'shop', ...service.environment(), ...options.env },
      network: { path: `/proc/${process.pid}/ns/net` },
      binds: [
        { source: run, target: '/run/sekisho' },
        { source: custom, target: '/etc/sekisho/custom', readOnly: true },
        { source: service.tokens, target: '/var/run/secrets/sekisho', readOnly: true },
      ],
      memoryBytes: 64 << 20,
    })

  let status = {
    generation: '',
    wanted: '',
    state: 'waiting',
    reason: 'Waiting',
    detail: '',
    mode: 'block',
    orders: '',
    engine: '3.0.16',
  }
  const say = (change: Partial<typeof status>) => {
    status = { ...status, ...change }
    writeFileSync(inRun('status.json.test'), `${JSON.stringify(status)}\n`)
    execFileSync('mv', ['-f', inRun('status.json.test'), inRun('status.json')])
  }
  const link = (name: string, generation: string) => {
    rmSync(inRun(name), { force: true })
    symlinkSync(`rulesets/${generation}`, inRun(name))
  }
  const kicks: string[] = []
  /** Answers a kick as the WAF would that finds nothing wrong. A test may put another in its place. */
  const serveAll = (line: string): void => {
    if (line === ':orders') {
      const sum = execFileSync('sha256sum', [inRun('orders')], { encoding: 'utf8' })
      say({ orders: sum.slice(0, 16) })
      return
    }
    if (!existsSync(inRun('rulesets', line))) {
      say({ wanted: line, state: 'failed', reason: 'RuleSetMissing', detail: 'It is not there.' })
      return
    }
    link('active', line)
    link('last-good', line)
    say({ generation: line, wanted: line, state: 'active', reason: 'Active', detail: '' })
  }
  const waf = { answer: options.waf === false ? () => {} : serveAll }
  const reader = spawn('sh', ['-c', 'exec cat 0<> "$0"', inRun('reload.fifo')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let rest = ''
  reader.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      kicks.push(line)
      waf.answer(line)
    }
  })

  let container: RunningImage = await start()
  return {
    run,
    custom,
    kicks,
    waf,
    serveAll,
    say,
    get container() {
      return container
    },
    started: async () => (await container.exec(['/usr/local/bin/sekisho-rules', 'started'])).code === 0,
    wanted: () => (existsSync(inRun('wanted')) ? readFileSync(inRun('wanted'), 'utf8').trim() : ''),
    /** Everything in rulesets/, hidden entries too. */
    sets: () => (existsSync(inRun('rulesets')) ? readdirSync(inRun('rulesets')).sort() : []),
    /** Everything else that the updater may leave behind. */
    left: () => readdirSync(run).filter((name) => /\.new|^\./.test(name)),
    files: (generation: string) => readdirSync(inRun('rulesets', generation)).sort(),
    read: (name: string) => readFileSync(inRun(name), 'utf8'),
    restart: async ({ hard = true } = {}) => {
      if (hard) await container.kill('SIGKILL')
      await container.stop()
      container = await start()
    },
    stop: async () => {
      const code = await container.stop()
      reader.kill()
      if (options.runBytes) execFileSync('umount', [run])
      rmSync(folder, { recursive: true, force: true })
      return code
    },
  }
}
