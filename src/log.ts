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
  /** @default stdout, in the background */
  readonly stream?: DestinationStream
}

/**
 * Lines are collected and written in the background, 4 KiB or a fifth of a second at once: a write for each review would
 * cost as much as the review, and a slow reader of stdout must not make one late. Flushed when the process exits.
 */
export const background = (dest: string | number): DestinationStream => {
  const stream = destination({ dest, sync: false, minLength: 4096 })
  setInterval(() => stream.flush(), 200).unref()
  return stream
}

export const createLogger = ({ level = 'info', service, stream }: LogOptions): Logger =>
  pino(
    {
      level,
      base: { 'service.name': service, 'service.version': VERSION },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream ?? background(1),
  )

/** Text that others wrote, for a log line: as long as Kubernetes names may be, not as long as an attacker likes. */
export const cut = (text: string, length = 253): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text
