/** What the commands that serve until they are told to end have in common: signals, faults, and how much they log. */
import { InvalidArgumentError } from 'commander'
import { LOG_LEVELS, type Logger, type LogLevel } from '../log.ts'
import { EXIT } from './command.ts'

/** The value of `--log-level`. */
export const logLevel = (word: string): LogLevel => {
  if ((LOG_LEVELS as readonly string[]).includes(word)) return word as LogLevel
  throw new InvalidArgumentError(`must be one of ${LOG_LEVELS.join(', ')}.`)
}

/** Resolves with the name of the first signal, and with that of the second. */
export const signals = () => {
  const asked = Promise.withResolvers<string>()
  const insisted = Promise.withResolvers<string>()
  let heard = 0
  const hear = (name: string) => (heard++ === 0 ? asked : insisted).resolve(name)
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, hear)
  return { asked: asked.promise, insisted: insisted.promise }
}

/** What nobody caught: state may be half changed, so the process ends and Kubernetes starts it anew. */
export const endOnFault = (log: Logger) => {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a fault nobody caught')
    log.flush(() => process.exit(EXIT.failed))
  })
}
