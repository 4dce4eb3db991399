/**
 * Both containers of the IDS on one end of a wire, as the DaemonSet runs them: Suricata with NET_RAW, the agent with no capability at all, one
 * emptyDir between them.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { IdsReport } from '../../src/api/ids.ts'
import { attempt } from '../images/command.ts'
import { type RunningImage, type RunOptions, startImage } from '../images/run.ts'
import { eventually, layWire, type Wire } from './wire.ts'

export interface AgentStation extends Wire {
  readonly suricata: RunningImage
  readonly agent: RunningImage
  /** Kills the agent and starts another one, as the kubelet does with a container. */
  restart(): Promise<void>
  /** Where both containers' /run/suricata is on this machine. */
  readonly runFolder: string
  /** The readiness probe: its exit code and its line. */
  probe(): Promise<{ code: number; line: string }>
  /** Waits until the probe's line matches. @returns seconds it took */
  until(wanted: RegExp, limitMs?: number): Promise<number>
  status(): { report: IdsReport; checks: { check: string; ok: boolean; detail: string }[] }
  /** Suricata's process, as this machine sees it. */
  suricataPid(): Promise<number>
  close(): Promise<void>
}
export interface AgentStationOptions {
  /** Settings of the agent over those that make tests short. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly agent?: Partial<RunOptions>
  /** Of the agent's command, after those it has. */
  readonly args?: readonly string[]
  /** Changes the wire before anything starts. */
  readonly prepare?: (wire: Wire) => Promise<void>
  /** A file in the place of the rules of the image. */
  readonly ownRules?: string
}

/** One after another, as the kubelet starts them: the agent is there before Suricata writes to it. */
export async function startAgentStation(options: AgentStationOptions = {}): Promise<AgentStation> {
  const wire = await layWire()
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-agent-'))
  const runFolder = join(folder, 'run')
  const started: RunningImage[] = []
  const close = async () => {
    for (const one of started.toReversed()) await one.stop()
    await wire.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await options.prepare?.(wire)
    for (const name of ['run', 'state', 'config']) {
      mkdirSync(join(folder, name))
      chmodSync(join(folder, name), 0o777)
    }
    chmodSync(folder, 0o755)
    const config = { rules: { from: 'none' }, canary: { periodSeconds: 5, answerSeconds: 3 }, ...options.config }
    writeFileSync(join(folder, 'config/ids.yaml'), JSON.stringify(config), { mode: 0o644 })
    const run = { source: runFolder, target: '/run/suricata' }
    const startAgent = () =>
      startImage('sekisho-ids', {
        command: [
          '/usr/local/bin/node',
          '--max-semi-space-size=1',
          '/app/sekisho.mjs',
          'ids',
          'run',
          '--config',
          '/etc/sekisho/ids.yaml',
          ...(options.args ?? []),
        ],
        env: { NODE_NAME: 'node-a', ...options.env },
        network: { path: wire.node.path },
        ...options.agent,
        binds: [
          run,
          { source: join(folder, 'state'), target: '/var/lib/sekisho-ids' },
          { source: join(folder, 'config'), target: '/etc/sekisho', readOnly: true },
          ...(options.agent?.binds ?? []),
        ],
        tmpfs: [{ target: '/tmp' }],
      })
    let agent = await startAgent()
    started.push(agent)
    const suricata = await startImage('sekisho-ids', {
      env: { NODE_NAME: 'node-a', ...options.env },
      capabilities: ['CAP_NET_RAW'],
      allowPrivilegeEscalation: true,
      network: { path: wire.node.path },
      binds: [
        run,
        ...(options.ownRules
          ? [{ source: options.ownRules, target: '/etc/suricata/rules/sekisho.rules', readOnly: true }]
          : []),
      ],
    })
    started.push(suricata)
    const probe = async () => {
      const { code, stdout, stderr } = await agent.exec(['/usr/local/bin/sekisho-ids-ready'])
      return { code, line: `${stdout}${stderr}`.trim() }
    }
    const status = () => JSON.parse(readFileSync(join(runFolder, 'status.json'), 'utf8'))
    return {
      ...wire,
      suricata,
      get agent() {
        return agent
      },
      restart: async () => {
        await agent.kill('SIGKILL')
        await agent.exited
        await agent.stop()
        agent = await startAgent()
        started.push(agent)
      },
      runFolder,
      probe,
      status,
      until: async (wanted, limitMs) => {
        const began = performance.now()
        let last = ''
        await eventually(
          async () => {
            last = (await probe()).line
            return wanted.test(last) ? last : undefined
          },
          () =>
            `the probe last said '${last}', not ${wanted};\nthe agent: ${agent.stdout().slice(-4000)}${agent.stderr()}\n` +
            `Suricata: ${suricata.stdout().slice(-3000)}${suricata.stderr()}\n` +
            (existsSync(join(runFolder, 'status.json')) ? JSON.stringify(status()) : ''),
          limitMs,
        )
        return (performance.now() - began) / 1000
      },
      suricataPid: async () => {
        const { stdout } = await attempt('pgrep', [
          '-f',
          '^suricata-capture ',
          '--ns',
          String(suricata.pid),
          '--nslist',
          'pid',
        ])
        return Number(stdout.split('\n')[0])
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
