/**
 * The wiring of `sekisho ids run`, the container `agent` of the DaemonSet sekisho-ids.
 *
 *   configuration ─▶ command socket, rules ─▶ the agent ─▶ the probe's file, the Lease ─▶ until a signal: not ready, exit 0
 */
import { randomBytes } from 'node:crypto'
import { ConfigError } from '../config/errors.ts'
import { type IdsConfig, idsConfig } from '../config/ids.ts'
import { loadConfig } from '../config/load.ts'
import { commandSocket, startAgent } from '../ids/agent.ts'
import type { RulesState } from '../ids/readiness/facts.ts'
import { createSuricataSocket } from '../ids/suricata-socket.ts'
import { createLogger, type LogLevel } from '../log.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, type Io } from './command.ts'
import { endOnFault, signals } from './serving.ts'

export interface RunOptions {
  readonly config: string
  readonly logLevel: LogLevel
}

const readConfig = (file: string): IdsConfig => {
  try {
    return loadConfig(idsConfig, file).config
  } catch (error) {
    throw error instanceof ConfigError ? new Exit(EXIT.usage, error.message, { cause: error }) : error
  }
}

export const runIds = async (options: RunOptions, _io: Io): Promise<void> => {
  const config = readConfig(options.config)
  const log = createLogger({ level: options.logLevel, service: 'sekisho-ids' })
  endOnFault(log)
  const { asked } = signals()
  const monotonic = () => performance.now()
  const socket = createSuricataSocket({ path: commandSocket(config.runDirectory), monotonic })
  const baseline: RulesState = {
    set: 'baseline',
    expected: undefined,
    minimum: 0,
    reload: { state: 'none' },
    confirmedAt: undefined,
  }
  const agent = await startAgent({
    config,
    socket,
    rules: () => baseline,
    report: () => {},
    flow: () => {},
    nonce: () => randomBytes(16).toString('hex'),
    monotonic,
    version: VERSION,
    log,
  })
  const signal = await asked
  agent.stop()
  log.info({ 'sekisho.signal': signal }, 'ended')
}
