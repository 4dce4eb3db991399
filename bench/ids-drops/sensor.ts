/** One Suricata of our image on the end of a wire, held to one core: with the configuration we ship, or with the packaged one. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSuricataSocket } from '../../src/ids/suricata-socket.ts'
import { eventually, type Place } from '../../test/ids/wire.ts'
import { type RunOptions, startImage } from '../../test/images/run.ts'

export interface Counters {
  readonly packets: number
  readonly drops: number
  readonly invalidChecksums: number
}
export interface Sensor {
  /** The process that captures. */
  readonly pid: number
  readonly rules: number
  counters(): Promise<Counters>
  /** Reloads the rules live. @returns the seconds it took */
  reload(): Promise<number>
  stop(): Promise<void>
}
export interface SensorOptions {
  readonly place: Place
  readonly core: number
  readonly rules: string
  /** The packaged configuration; without it ours. */
  readonly packaged?: string
}

export async function startSensor({ place, core, rules, packaged }: SensorOptions): Promise<Sensor> {
  const folder = mkdtempSync(join(tmpdir(), 'ids-drops-'))
  const [run, log, sets] = ['run', 'log', 'sets'].map((name) => join(folder, name)) as [string, string, string]
  for (const one of [run, log, sets]) {
    mkdirSync(one)
    chmodSync(one, 0o777)
  }
  const common: RunOptions = {
    capabilities: ['CAP_NET_RAW'],
    allowPrivilegeEscalation: true,
    network: { path: place.path },
    tmpfs: [{ target: '/tmp' }],
  }
  const socket = join(run, 'suricata-command.socket')
  // What the agent does for ours: reads the second output. Its work is not Suricata's, so it only takes the bytes away.
  const reader = createServer((one) => one.resume())
  let options: RunOptions
  if (packaged === undefined) {
    mkdirSync(join(run, 'rules/sets/bench'), { recursive: true })
    writeFileSync(join(run, 'rules/sets/bench/suricata.rules'), rules)
    symlinkSync('sets/bench', join(run, 'rules/active'))
    execFileSync('chown', ['-R', '65532:65532', run])
    await new Promise<void>((done) => reader.listen(join(run, 'eve.socket'), done))
    chmodSync(join(run, 'eve.socket'), 0o777)
    options = {
      ...common,
      env: { NODE_NAME: 'bench', SEKISHO_IDS_THREADS: '1' },
      binds: [{ source: run, target: '/run/suricata' }],
    }
  } else {
    writeFileSync(join(sets, 'suricata.rules'), rules)
    writeFileSync(join(sets, 'suricata.yaml'), packaged)
    // Where the rules are and that we may ask for the counters; all the rest is as packaged.
    const set = [
      'default-rule-path=/sets',
      'unix-command.enabled=yes',
      'unix-command.filename=/run/suricata/suricata-command.socket',
    ]
    options = {
      ...common,
      command: [
        'suricata-capture',
        '-c',
        '/sets/suricata.yaml',
        '--af-packet',
        ...set.flatMap((one) => ['--set', one]),
      ],
      binds: [
        { source: run, target: '/run/suricata' },
        { source: log, target: '/var/log/suricata' },
        { source: sets, target: '/sets', readOnly: true },
      ],
    }
  }
  const image = await startImage('sekisho-ids', options)
  const asked = createSuricataSocket({ path: socket, monotonic: () => performance.now() })
  const stop = async () => {
    asked.close()
    await image.stop()
    reader.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const pid = await eventually(
      async () => captures(image.pid),
      () => `no Suricata runs: ${image.stdout()}${image.stderr()}`,
    )
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
    const loaded = async () => {
      const [one] = (await asked.command('ruleset-stats')) as { rules_loaded: number }[]
      return one?.rules_loaded
    }
    const counters = async (): Promise<Counters> => {
      const told = (await asked.command('iface-stat', { iface: 'eth0' })) as Record<string, number>
      return { packets: told['pkts']!, drops: told['drop']!, invalidChecksums: told['invalid-checksums']! }
    }
    const count = await eventually(
      async () => {
        if (image.stderr().includes('exited') || !alive(pid))
          throw new Error(`Suricata ended: ${image.stdout()}${image.stderr()}`)
        // The socket is there before packets are captured, and the counters only once they are.
        return (await loaded().catch(() => undefined)) && (await counters().then(loaded, () => undefined))
      },
      () => `no rules are loaded: ${image.stdout()}${image.stderr()}`,
      300_000,
    )
    const lastReload = async () => JSON.stringify(await asked.command('ruleset-reload-time'))
    return {
      pid,
      rules: count,
      counters,
      reload: async () => {
        const before = await lastReload()
        const begin = performance.now()
        // The time of a reload is told in seconds, so the next one must be another.
        await sleep(1100)
        await asked.command('ruleset-reload-nonblocking')
        await eventually(
          async () => (await lastReload().catch(() => before)) !== before || undefined,
          () => 'the reload did not end',
          300_000,
        )
        return (performance.now() - begin - 1100) / 1000
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The process of Suricata in the PID namespace of a container. */
function captures(container: number): number | undefined {
  const inside = readlinkSync(`/proc/${container}/ns/pid`)
  for (const entry of readdirSync('/proc'))
    try {
      if (!/^\d+$/.test(entry) || readlinkSync(`/proc/${entry}/ns/pid`) !== inside) continue
      if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').startsWith('suricata-capture\0')) return Number(entry)
    } catch {
      // It ended meanwhile.
    }
  return undefined
}

const MIB = 2 ** 20
const field = (pid: number, name: string): number =>
  (Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024) / MIB
/** MiB that a process holds. */
export const residentMiB = (pid: number): number => field(pid, 'VmRSS')
/** MiB that it held at most while `during` ran. */
export async function peakMiB(pid: number, during: () => Promise<unknown>): Promise<number> {
  // The kernel's own mark of the most, begun anew.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  await during()
  return field(pid, 'VmHWM')
}
