/** `sekisho ids status`: what the agent wrote last, check by check. Exit code 1 when the node is not proven to be watched. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IdsReport } from '../api/ids.ts'
import { EXIT, Exit, type Io } from './command.ts'

export interface StatusOptions {
  readonly runDirectory: string
  readonly output: 'text' | 'json'
}
interface Status {
  readonly report: IdsReport
  readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly detail: string }[]
}

/** The probe's limit: what is older was written by an agent that hangs or has ended. */
const LIMIT_SECONDS = 15

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new Exit(
      EXIT.failed,
      `Cannot read ${path} (${code}): this is a command for the container \`agent\`, and it runs there once the agent does.`,
      { cause },
    )
  }
}

export const printStatus = ({ runDirectory, output }: StatusOptions, io: Io): void => {
  const [head = ''] = read(join(runDirectory, 'readiness')).split('\n')
  const status = JSON.parse(read(join(runDirectory, 'status.json'))) as Status
  const age = Math.floor(Number(read('/proc/uptime').split(' ')[0])) - Number(head.split(' ')[1])
  const silent = !(age >= 0 && age <= LIMIT_SECONDS)
  const detail = `nothing was written for ${age} s (limit ${LIMIT_SECONDS} s)`
  const checks = status.checks.map((one) =>
    silent && one.check === 'AgentSilent' ? { ...one, ok: false, detail } : one,
  )
  const ready = status.report.ready && !silent
  if (output === 'json')
    io.stdout.write(`${JSON.stringify({ ...status, report: { ...status.report, ready }, checks })}\n`)
  else {
    const width = Math.max(...checks.map(({ check }) => check.length))
    for (const one of checks)
      io.stdout.write(`${one.ok ? 'ok  ' : 'FAIL'}  ${one.check.padEnd(width)}  ${one.detail}\n`)
    for (const spot of status.report.blindSpots) io.stdout.write(`not seen: ${spot}\n`)
  }
  if (!ready) throw new Exit(EXIT.refused)
}
