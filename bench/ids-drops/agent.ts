/** What the agent beside Suricata takes on an idle node, with its settings as shipped; without an API server, so without the Lease. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgentStation } from '../../test/ids/agent-station.ts'
import { peakMiB, residentMiB } from './sensor.ts'

const SECONDS = 60
/** The kernel counts a process's time in hundredths of a second. */
const TICKS = 100

export interface AgentMeasured {
  readonly rest: number
  readonly peak: number
  /** Of one core. */
  readonly cpuPercent: number
}

export async function measureAgent(): Promise<AgentMeasured> {
  const station = await startAgentStation({ config: { canary: {} } })
  try {
    await station.until(/every canary caught/, 120_000)
    const { pid } = station.agent
    let cpuPercent = 0
    const peak = await peakMiB(pid, async () => {
      await sleep(5000)
      const [before, since] = [cpuSeconds(pid), performance.now()]
      await sleep(SECONDS * 1000)
      cpuPercent = ((cpuSeconds(pid) - before) / ((performance.now() - since) / 1000)) * 100
    })
    return { rest: residentMiB(pid), peak, cpuPercent }
  } finally {
    await station.close()
  }
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}
