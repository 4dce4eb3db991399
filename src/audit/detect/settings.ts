/** What an operator can set of the detectors, with the defaults. Clouds, lookups and hashes are handed in. */
import type { Statement } from '../../api/audit.ts'
import type { SqlReading } from './sql/reading.ts'

/** Where an address is, by a database the operator brought. */
export interface Whereabouts {
  readonly country?: string
  readonly asn?: string
}

export interface Settings {
  /** An entity is learned silently for so long and for so many events: both must be over. */
  readonly learnMs: number
  readonly learnEvents: number
  /** A value unseen for so long is new again. */
  readonly forgetMs: number
  /** Projects, accounts and buckets that are ours: a copy to them is no copy outside. */
  readonly own: ReadonlySet<string>
  /** Database users who should administrate, not write. */
  readonly superusers: ReadonlySet<string>
  /** Bytes a day below which no volume is unusual. */
  readonly volumeFloorBytes: number
  /** Rows of one statement below which no count is unusual. */
  readonly rowsFloor: number
  /** Denials within `burstMs` that make a burst. */
  readonly denials: number
  readonly burstMs: number
  /** Different objects read within an hour of a listing that make a mass download. */
  readonly massObjects: number
  /** No silence shorter than this is told. */
  readonly silenceFloorMs: number
  readonly whereabouts: (address: string) => Whereabouts | undefined
  /** SHA-256 in hexadecimal. */
  readonly hash: (text: string) => string
  /** The reading of a statement by a better parser than the tokenizer here; undefined where it cannot be read. */
  readonly parse: (statement: Statement) => SqlReading | undefined
}

const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Everything but the hash, which no default can bring. */
export const DEFAULTS: Omit<Settings, 'hash'> = Object.freeze({
  learnMs: 14 * DAY,
  learnEvents: 30,
  forgetMs: 90 * DAY,
  own: new Set<string>(),
  superusers: new Set(['postgres', 'root', 'admin', 'cloudsqlsuperuser', 'rds_superuser', 'sa']),
  volumeFloorBytes: 10_000_000,
  rowsFloor: 1000,
  denials: 20,
  burstMs: 10 * MINUTE,
  massObjects: 200,
  silenceFloorMs: 6 * HOUR,
  whereabouts: () => undefined,
  parse: () => undefined,
})
