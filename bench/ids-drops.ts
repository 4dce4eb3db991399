/**
 * What Suricata of the image drops on one core when more and more is offered, and what memory it takes: with the configuration we ship, beside
 * the default configuration of its Debian package, with the same 30,000 rules, the same traffic and the same core. The generator has another
 * core. They take turns twice: ours, packaged, packaged, ours. Other jobs of the machine take of both cores: run it while there are none.
 *
 *   node bench/ids-drops.ts
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { layWire, type Wire } from '../test/ids/wire.ts'
import { measureAgent } from './ids-drops/agent.ts'
import { packagedConfig } from './ids-drops/packaged.ts'
import { syntheticRules } from './ids-drops/rules.ts'
import { peakMiB, residentMiB, type Sensor, startSensor } from './ids-drops/sensor.ts'
import { limited, type Row, report } from './report.ts'

const [GENERATOR_CORE, SENSOR_CORE] = [0, 1]
const RULES = 30_000
const SECONDS = 5
const STEPS = [20_000, 40_000, 60_000, 80_000, 100_000, 120_000, 160_000]

interface Step {
  readonly offered: number
  readonly share: number
}
interface Measured {
  readonly steps: readonly Step[]
  readonly rest: number
  readonly peak: number
  readonly reloadSeconds: number
}

const folder = mkdtempSync(join(tmpdir(), 'ids-drops-'))
const flows = join(folder, 'flows')
execFileSync('cc', ['-O2', '-o', flows, join(import.meta.dirname, 'ids-drops/flows.c')])
// What reads Suricata's second output here is not to take of Suricata's core.
execFileSync('taskset', ['-acp', String(GENERATOR_CORE), String(process.pid)], { stdio: 'ignore' })
const packaged = await packagedConfig()
const rules = syntheticRules(RULES)

const link = async (wire: Wire) => {
  const [one] = JSON.parse((await wire.node.run('ip', '-s', '-j', 'link', 'show', 'eth0')).stdout) as {
    address: string
    stats64: { rx: { packets: number } }
  }[]
  return { address: one!.address, received: one!.stats64.rx.packets }
}

let clients = 0
/** One rate for some seconds. What Suricata's end received is what was offered. */
async function step(wire: Wire, sensor: Sensor, rate: number): Promise<Step> {
  const before = { ...(await link(wire)), ...(await sensor.counters()) }
  const args = [
    '-c',
    String(GENERATOR_CORE),
    flows,
    'eth0',
    before.address,
    String(rate),
    String(SECONDS),
    String(clients),
  ]
  const run = await wire.outside.run('taskset', ...args)
  if (run.code !== 0) throw new Error(`the generator failed: ${run.stderr}`)
  const told = JSON.parse(run.stdout) as { seconds: number; conversations: number }
  clients += told.conversations
  // Suricata reads what is left in its ring, and its counters follow within a second.
  await sleep(2500)
  const after = { ...(await link(wire)), ...(await sensor.counters()) }
  const offered = after.received - before.received
  const seen = after.packets - before.packets - (after.drops - before.drops)
  if (after.invalidChecksums > before.invalidChecksums) throw new Error('the generator wrote wrong checksums')
  return { offered: offered / told.seconds, share: Math.max(0, 1 - seen / offered) }
}

async function measure(who: string, config: string | undefined): Promise<Measured> {
  const wire = await layWire()
  try {
    const sensor = await startSensor({
      place: wire.node,
      core: SENSOR_CORE,
      rules,
      ...(config !== undefined && { packaged: config }),
    })
    try {
      await sleep(3000)
      const rest = residentMiB(sensor.pid)
      const steps: Step[] = []
      for (const rate of STEPS) {
        const one = await step(wire, sensor, rate)
        steps.push(one)
        console.log(`${who}: ${Math.round(one.offered)} packets/s offered, ${(one.share * 100).toFixed(2)} % not seen`)
      }
      let reloadSeconds = 0
      const peak = await peakMiB(sensor.pid, async () => {
        reloadSeconds = await sensor.reload()
      })
      console.log(
        `${who}: ${sensor.rules} rules, ${Math.round(rest)} MiB at rest, ${Math.round(peak)} MiB at most in a reload of ${reloadSeconds.toFixed(1)} s; load ${loadavg()[0]!.toFixed(1)}`,
      )
      return { steps, rest, peak, reloadSeconds }
    } finally {
      await sensor.stop()
    }
  } finally {
    await wire.close()
  }
}

const mine: Measured[] = []
const theirs: Measured[] = []
for (const turn of ['ours', 'packaged', 'packaged', 'ours'] as const)
  (turn === 'ours' ? mine : theirs).push(await measure(turn, turn === 'ours' ? undefined : packaged))
rmSync(folder, { recursive: true })
const agent = await measureAgent()
console.log(`agent: ${JSON.stringify(agent)}; load ${loadavg()[0]!.toFixed(1)}`)

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
const of = (turns: readonly Measured[], get: (one: Measured) => number): number => mean(turns.map(get))
/** The highest rate offered of which at most so much was not seen, in the worse of the turns. */
const kept = (turns: readonly Measured[], share: number): number =>
  Math.min(
    ...turns.map(({ steps }) => Math.max(0, ...steps.filter((one) => one.share <= share).map((one) => one.offered))),
  )
const row = (
  what: string,
  unit: string,
  ours: number,
  rival: number | null,
  ratio: number | null,
  aim: number | null = null,
): Row => ({
  bench: 'ids-drops',
  what,
  unit,
  ours,
  rival,
  ratio,
  aim,
})
const least = (what: string, unit: string, get: (one: Measured) => number): Row => {
  const [one, other] = [of(mine, get), of(theirs, get)]
  return row(what, unit, one, other, other / one)
}
const [held, heldBy] = [kept(mine, 0.001), kept(theirs, 0.001)]
report([
  row(
    'highest rate with at most 0.1 % not seen',
    'packets/s',
    held,
    heldBy,
    heldBy === 0 ? null : held / heldBy,
    heldBy === 0 ? null : 1,
  ),
  ...STEPS.map((rate, i) => {
    const [one, other] = [
      of(mine, ({ steps }) => steps[i]!.share * 100),
      of(theirs, ({ steps }) => steps[i]!.share * 100),
    ]
    return row(
      `not seen of ${rate.toLocaleString('en')} packets/s offered`,
      '%',
      one,
      other,
      one === 0 ? null : other / one,
    )
  }),
  least(`Suricata with ${RULES.toLocaleString('en')} rules at rest, resident`, 'MiB', ({ rest }) => rest),
  least('the same at most during a reload', 'MiB', ({ peak }) => peak),
  least('a reload of them on that core', 's', ({ reloadSeconds }) => reloadSeconds),
  limited('ids-drops', 'the agent on an idle node, resident', 'MiB', agent.rest, 60),
  limited('ids-drops', 'the same at most within a minute', 'MiB', agent.peak, 60),
  row('CPU of the agent on an idle node', '% of a core', agent.cpuPercent, null, null),
])
