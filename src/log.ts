/**
 * JSON lines on stdout, one each event, so that `kubectl logs` and any log shipper read them.
 * Keys are OpenTelemetry's attribute names where it has one (`k8s.namespace.name`), else `sekisho.…`.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { VERSION } from './version.ts'

export type { Logger } from 'pino'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogOptions {
  /** @default 'info' */
  readonly level?: LogLevel
  /** `service.name` of each line: `sekisho-webhook`. */
  readonly service: string
  /** @default stdout, written without blocking the reviews; flushed when the process exits */
  readonly stream?: DestinationStream
}

export const createLogger = ({ level = 'info', service, stream }: LogOptions): Logger =>
  pino(
    {
      level,
      base: { 'service.name': service, 'service.version': VERSION },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // A slow reader of stdout must not make a review late, so lines are written in the background.
    stream ?? destination({ fd: 1, sync: false }),
  )

/** Text that others wrote, for a log line: as long as Kubernetes names may be, not as long as an attacker likes. */
export const cut = (text: string, length = 253): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text
