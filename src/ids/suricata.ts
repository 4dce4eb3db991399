/** What the agent asks Suricata: its answers checked and typed. Anything of another shape is an error, never a number. */
import { SuricataError } from './errors.ts'
import type { RuleCounts } from './readiness/facts.ts'
import type { CommandOptions, SuricataSocket } from './suricata-socket.ts'

export interface InterfaceCounts {
  /** The kernel's, with the dropped ones in it. */
  readonly packets: number
  readonly drops: number
}

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

function count(from: unknown, key: string, command: string): number {
  const value = fields(from)[key]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new SuricataError('malformed', `Suricata's answer to '${command}' has no count '${key}'`)
}

/** How many rules are active. There is one engine: we have no tenants. */
export async function ruleCounts(socket: SuricataSocket, options?: CommandOptions): Promise<RuleCounts> {
  const message = await socket.command('ruleset-stats', undefined, options)
  const [engine] = Array.isArray(message) ? (message as unknown[]) : []
  return {
    loaded: count(engine, 'rules_loaded', 'ruleset-stats'),
    failed: count(engine, 'rules_failed', 'ruleset-stats'),
  }
}

/** Packets of an interface since Suricata started; undefined: Suricata does not capture it. */
export async function interfaceCounts(
  socket: SuricataSocket,
  name: string,
  options?: CommandOptions,
): Promise<InterfaceCounts | undefined> {
  try {
    const message = await socket.command('iface-stat', { iface: name }, options)
    return { packets: count(message, 'pkts', 'iface-stat'), drops: count(message, 'drop', 'iface-stat') }
  } catch (error) {
    if (error instanceof SuricataError && error.code === 'refused') return undefined
    throw error
  }
}
