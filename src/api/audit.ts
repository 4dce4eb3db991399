/**
 * What the audit of data stores is made of. Types alone.
 *
 *     object (gzip, Parquet, text) ─ format ─ AccessRecord ─ detectors with what was learned ─ Finding ─ stdout, Slack, OTLP
 *
 * Everything a record holds was written by somebody else, an attacker perhaps: it is data, and escaped wherever it is shown.
 */

export type StoreKind = 'object-storage' | 'sql' | 'nosql' | 'cache'
export interface StoreRef {
  readonly cloud: 'gcp' | 'aws' | 'none'
  readonly kind: StoreKind
  /** Bucket, instance, table, or address of a cache: what a person calls it. */
  readonly name: string
  /** GCP project or AWS account, where the log tells. */
  readonly owner?: string
}

export type PrincipalKind = 'user' | 'service-account' | 'role' | 'database-user' | 'anonymous' | 'peer' | 'unknown'
export interface Principal {
  readonly kind: PrincipalKind
  /** What is learned by: a role rather than its sessions, a service account rather than its keys. '' for anonymous. */
  readonly id: string
  /** The credential or session that was used, for people: an access key id, a key name, a session name. */
  readonly credential?: string
}

export type Action = 'read' | 'list' | 'write' | 'delete' | 'query' | 'connect' | 'admin' | 'flow'
export type Outcome = 'allowed' | 'denied' | 'failed'

export interface Statement {
  readonly engine: 'postgresql' | 'mysql'
  readonly database: string
  /** As logged; may be cut off, then `complete` is false. */
  readonly text: string
  readonly complete: boolean
}

/** One access, whatever cloud and log it is from. */
export interface AccessRecord {
  /** Name of the format that read it. */
  readonly format: string
  /** The log's own identity of the record, so that one that is delivered twice counts once; of what has none, its content's hash. */
  readonly id: string
  /** ms since 1970 */
  readonly time: number
  readonly store: StoreRef
  readonly principal: Principal
  /** As logged where it is an IP address. */
  readonly address?: string
  /** Where the caller is a service of the cloud, not an address: `logging.googleapis.com`, `private`. */
  readonly service?: string
  readonly action: Action
  /** The log's own word: `storage.objects.get`, `REST.GET.OBJECT`, `SELECT`. */
  readonly operation: string
  readonly outcome: Outcome
  readonly object?: string
  readonly bytes?: number
  readonly rows?: number
  readonly userAgent?: string
  readonly statement?: Statement
  /** Where data goes, for copies, exports and shares: project, account or bucket. */
  readonly destination?: string
  /** What an admin operation changed, as far as detectors ask: `public`, `shared`, `logging-off`, `backup-deleted`, `exported` … */
  readonly changes?: readonly Change[]
  /** Peers of a flow. */
  readonly flow?: { readonly from: string; readonly to: string; readonly port: number; readonly packets: number }
}
export type Change =
  | 'made-public'
  | 'shared-outside'
  | 'copied-outside'
  | 'exported'
  | 'snapshot-shared'
  | 'instance-public'
  | 'backup-deleted'
  | 'logging-off'
  | 'audit-off'
  | 'deletion-protection-off'

/** Where a record stands, for set-aside ones and for people: 1 is the first line. */
export interface Place {
  readonly object: string
  readonly line: number
}
export type Read =
  | { readonly kind: 'record'; readonly record: AccessRecord; readonly line: number }
  /** Not an access: a header, a comment, another log's entry that this format leaves to others. */
  | { readonly kind: 'skipped'; readonly line: number; readonly why: string }
  /** Set aside: damaged or hostile. `text` is cut to 300 characters. */
  | { readonly kind: 'poison'; readonly line: number; readonly why: string; readonly text: string }

/** One log format: a small pure file, one line in FORMATS. */
export interface Format {
  /** `gcs-usage`, `s3-access`: as `--format` and documentation name it. */
  readonly name: string
  readonly description: string
  /** How an object of it is cut into what `LineReader` is given: lines, unless it says `json`: then the elements of `{"Records":[…]}`. */
  readonly framing?: 'lines' | 'json'
  /** How sure it is, 0 to 1, from the first bytes (up to 64 KiB, decompressed) and the object's name. */
  detect(head: string, object: string): number
  /** A reader for one object. Lines come in order, without their line ends; state (headers, chunks of a statement) lives in it. */
  open(object: string, options: FormatOptions): LineReader
}
export interface FormatOptions {
  /** Addresses of caches and databases by what a person calls them, for flow logs: `10.1.2.3:6379` → `memorystore/sessions`. */
  readonly stores: ReadonlyMap<string, StoreRef>
  /** SHA-256 in hexadecimal, for records without an identity. */
  readonly hash: (text: string) => string
  /** Which database session came from where, shared between the readers of several logs; without it each reader keeps its own. */
  readonly sessions?: Sessions
}
/** Connections are logged in one place, statements in another, without the address: they are joined by instance and session. */
export interface Sessions {
  connected(session: string, address: string, time: number): void
  /** Where the session came from, if that was known by then. */
  addressOf(session: string, time: number): string | undefined
}
export interface LineReader {
  line(text: string, number: number): readonly Read[]
  /** The start of a line that was longer than the bound. A reader without it has the line set aside. */
  cut?(text: string, number: number): readonly Read[]
  /** What was still held back (statements in several chunks or lines). */
  end(): readonly Read[]
}

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info'
export interface Finding {
  /** Stable: the same detector, entity and value give the same id. */
  readonly id: string
  readonly detector: string
  readonly severity: Severity
  /** ms since 1970, of the record that caused it */
  readonly time: number
  readonly store: StoreRef
  readonly principal: Principal
  readonly address?: string
  /** The sentence for a person: who, what, how much, against what is usual, from where. */
  readonly why: string
  /** The records that show it, the first few. */
  readonly evidence: readonly {
    readonly id: string
    readonly format: string
    readonly place: Place
    readonly text: string
  }[]
  readonly count: number
}
