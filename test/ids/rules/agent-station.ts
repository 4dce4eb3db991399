/**
 * Both containers of the IDS on one wire, from the real image: Suricata, and the rule pipeline in the agent's place, with an https server for the
 * archive and, where asked, a real API server for the ConfigMaps.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IdsRulesState } from '../../../src/ids/rules/state.ts'
import { type RunningImage, startImage } from '../../images/run.ts'
import { startUpstream, type Upstream } from '../../rules/sources/upstream.ts'
import { type Station, startStation } from '../station.ts'
import { eventually } from '../wire.ts'

const repository = join(import.meta.dirname, '../../..')

export interface AgentStationOptions {
  readonly rules?: Record<string, unknown>
  readonly limits?: Record<string, number>
  readonly kubeconfig?: string
  /** Changes how the agent's container is run. */
  readonly memoryBytes?: number
}
export interface AgentLine {
  readonly event?: string
  readonly note?: string
  readonly log?: string
  readonly state?: IdsRulesState
  readonly [more: string]: unknown
}
export interface AgentStation extends Station {
  readonly upstream: Upstream
  readonly stateFolder: string
  /** What the agent printed since it was started last. */
  said(): AgentLine[]
  state(): IdsRulesState | undefined
  /** Waits until the state is so. */
  until(wanted: (state: IdsRulesState) => boolean, what: string): Promise<IdsRulesState>
  /** Waits for an Event, and gives its note. */
  event(reason: string, note: RegExp): Promise<string>
  startAgent(options?: AgentStationOptions): Promise<void>
  killAgent(signal?: NodeJS.Signals): Promise<void>
  agent(): RunningImage
  /** Sends the text over a TCP connection to the node and waits for alerts of a rule beyond those there were. */
  detects(text: string, sid: number): Promise<void>
  /** What goes wrong at the next reloads, one word for each. */
  sabotage(...words: string[]): void
  counts(): Promise<{ rules_loaded: number; rules_failed: number }>
}

/** A packed archive, as ET Open is: `rules/NAME`. */
export const archiveOf = (files: Readonly<Record<string, string>>): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-archive-'))
  try {
    mkdirSync(join(folder, 'rules'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'rules', name), text)
    return execFileSync('tar', ['-czf', '-', '-C', folder, 'rules'], { maxBuffer: 1 << 28 })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
/** `count` rules, each for a word of its own: `word SID`. */
export const rulesFrom = (first: number, count: number): string =>
  Array.from(
    { length: count },
    (_, index) =>
      `alert tcp any any -> any any (msg:"word ${first + index}"; content:"word-${first + index}-end"; sid:${first + index}; rev:1;)\n`,
  ).join('')

export const ARCHIVE_PATH = '/emerging.rules.tar.gz'

export async function startAgentStation(options: AgentStationOptions = {}): Promise<AgentStation> {
  const station = await startStation()
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-agent-'))
  const stateFolder = join(folder, 'state')
  mkdirSync(stateFolder)
  chmodSync(stateFolder, 0o777)
  const upstream = await startUpstream()
  writeFileSync(join(folder, 'ca.crt'), upstream.ca)
  if (options.kubeconfig) cpSync(options.kubeconfig, join(folder, 'kubeconfig'))
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n')
  execFileSync('chmod', ['-R', 'a+rX', folder])
  let agent: RunningImage | undefined
  const stop = async () => {
    await agent?.stop()
    agent = undefined
  }
  const shown = () =>
    `the agent said:\n${agent?.stdout().slice(-8000)}${agent?.stderr()}\nSuricata:\n${station.ids.stdout().slice(-3000)}`
  const said = (): AgentLine[] =>
    (agent?.stdout() ?? '')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as AgentLine)
  const startAgent = async ({ rules, limits, memoryBytes }: AgentStationOptions = options) => {
    await stop()
    const config = {
      rules: {
        from: 'archive',
        minimumRules: 5,
        archive: { address: `${upstream.address}${ARCHIVE_PATH}`, caFile: '/test/ca.crt' },
        ...rules,
      },
    }
    agent = await startImage('sekisho-ids', {
      command: [
        '/usr/local/bin/node',
        '--disable-warning=ExperimentalWarning',
        join(repository, 'test/ids/rules/agent.ts'),
      ],
      env: {
        AGENT_CONFIG: JSON.stringify(config),
        AGENT_LIMITS: JSON.stringify({
          firstFetchMs: 0,
          everyMs: 1500,
          lookMs: 1000,
          tickMs: 300,
          pollMs: 200,
          reloadMs: 30_000,
          againMs: 3000,
          ...limits,
        }),
        ...(options.kubeconfig && { AGENT_KUBECONFIG: '/test/kubeconfig' }),
      },
      network: 'host',
      binds: [
        { source: station.runFolder, target: '/run/suricata' },
        { source: stateFolder, target: '/var/lib/sekisho-ids' },
        { source: folder, target: '/test', readOnly: true },
        { source: repository, target: repository, readOnly: true },
        { source: join(folder, 'hosts'), target: '/etc/hosts', readOnly: true },
      ],
      tmpfs: [{ target: '/tmp' }],
      ...(memoryBytes && { memoryBytes }),
    })
  }
  const state = () => said().findLast((line) => line.state)?.state
  const close = async () => {
    await stop()
    await upstream.close()
    await station.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await station.node.serve(
      "require('node:net').createServer((socket) => socket.resume().on('error', () => {})).listen(8080, () => console.log('listening'))",
    )
    await station.capturing('eth0')
    await startAgent(options)
    return {
      ...station,
      upstream,
      stateFolder,
      said,
      state,
      until: (wanted, what) =>
        eventually(
          async () => {
            const now = state()
            return now && wanted(now) ? now : undefined
          },
          () => `not ${what}: ${JSON.stringify(state())}; ${shown()}`,
        ),
      event: (reason, note) =>
        eventually(
          async () => said().find((line) => line.event === reason && note.test(line.note!))?.note,
          () => `no Event ${reason} ${note}; ${shown()}`,
        ),
      startAgent,
      killAgent: async (signal = 'SIGKILL') => {
        await agent?.kill(signal)
        await agent?.exited
      },
      agent: () => agent!,
      detects: async (text, sid) => {
        const before = station.alerts(sid).length
        await eventually(
          async () => {
            await station.outside.run(
              process.execPath,
              '-e',
              `require('node:net').connect(8080, '${station.node.address}', function () { this.end(${JSON.stringify(text)}) }).on('error', () => {}).resume()`,
            )
            return station.alerts(sid).length > before ? true : undefined
          },
          () => `no alert of ${sid} for ${text}; ${shown()}`,
        )
      },
      sabotage: (...words) => {
        writeFileSync(join(stateFolder, 'sabotage'), words.join(' '))
        chmodSync(join(stateFolder, 'sabotage'), 0o666)
      },
      counts: async () => (await station.command('ruleset-stats')).message[0],
      close,
    }
  } catch (error) {
    const text = shown()
    await close()
    throw new Error(`${(error as Error).message}; ${text}`, { cause: error })
  }
}

export const readState = (folder: string) => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
