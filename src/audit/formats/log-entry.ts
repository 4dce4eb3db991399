/**
 * Cloud Logging's LogEntry, one JSON object a line: what gcp-audit, cloudsql-postgres, cloudsql-mysql-general and gcp-vpc-flows are
 * made of.
 *
 * A sink writes one log into an object, but Pub/Sub and exports mix them. So whichever of the four an object is taken for, each entry
 * goes to the reader of its own log, and what connections tell serves the statements beside them.
 */
import type { Format, FormatOptions, Read, Sessions } from '../../api/audit.ts'
import { at, parseObject, text } from './json.ts'
import { poison, skipped } from './record.ts'
import { openSessions } from './sessions.ts'

export interface Entry {
  readonly body: Record<string, unknown>
  /** As a line, for what is set aside. */
  readonly raw: string
  /** logName, timestamp and insertId: what overlapping sinks deliver twice. */
  readonly id: string
  readonly time: number
  readonly line: number
}
export interface EntryReader {
  entry(entry: Entry): readonly Read[]
  end(): readonly Read[]
}
/** One of the logs: what a Format is made from. */
export interface EntryKind {
  readonly name: string
  readonly description: string
  /** Whether the log of this name is its own; the name has its slashes escaped. */
  readonly logs: RegExp
  open(options: FormatOptions, sessions: Sessions): EntryReader
}

const LOG_NAME = /"logName"\s*:\s*"([^"\\]{1,512})"/g

/** The share of the entries in the head that are of this log; SQL inside an entry cannot say so, since its quotes are escaped. */
const detect = (kind: EntryKind, head: string): number => {
  if (!/^\ufeff?\s*\{/.test(head)) return 0
  const names = [...head.matchAll(LOG_NAME)].map(([, name]) => name!)
  const own = names.filter((name) => kind.logs.test(name)).length
  return own === 0 ? 0 : 0.55 + (0.4 * own) / names.length
}

const parse = (raw: string, line: number): Entry | undefined => {
  const body = parseObject(raw)
  if (body === undefined) return undefined
  const timestamp = text(body['timestamp']) || text(body['receiveTimestamp'])
  const id = `${text(body['logName'])} ${timestamp} ${text(body['insertId'])}`
  return { body, raw, id, time: Date.parse(timestamp), line }
}

const openEntries = (kinds: readonly EntryKind[], options: FormatOptions) => {
  const sessions = options.sessions ?? openSessions()
  const readers = kinds.map((kind) => ({ kind, reader: kind.open(options, sessions) }))
  return {
    line: (raw: string, line: number): readonly Read[] => {
      const entry = parse(raw, line)
      if (entry === undefined) return poison(line, 'it is no JSON object, or broke off', raw)
      const name = text(at(entry.body, 'logName'))
      const found = readers.find(({ kind }) => kind.logs.test(name))
      return found ? found.reader.entry(entry) : skipped(line, 'an entry of another log')
    },
    end: () => readers.flatMap(({ reader }) => reader.end()),
  }
}

export const entryFormats = (kinds: readonly EntryKind[]): readonly Format[] =>
  kinds.map((kind) => ({
    name: kind.name,
    description: kind.description,
    detect: (head) => detect(kind, head),
    open: (_, options) => openEntries(kinds, options),
  }))
