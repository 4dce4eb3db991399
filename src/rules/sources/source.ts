/**
 * What every source of rules is: asked now and then, it says `unchanged`, hands over a verified release, or refuses with a reason.
 * It keeps nothing: what it must remember from one time to the next (`known`) it gives back and is given again, so a restart loses nothing.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { RuleFiles } from '../archive/files.ts'
import { Refusal, type RefusalCode } from './refusals.ts'

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  sleep: (ms: number, signal: AbortSignal) => wait(ms, undefined, { signal }),
})

export interface GetOptions {
  readonly signal: AbortSignal
  readonly accept: string
  readonly maxBytes: number
  /** For If-None-Match. */
  readonly etag?: string
  /** Sent as a bearer token, and never to another origin. */
  readonly token?: string
  /** The address as messages show it, where the true one holds a secret. */
  readonly shown?: string
}
export type Got =
  | { readonly status: 200; readonly body: Uint8Array; readonly etag?: string; readonly type: string }
  | { readonly status: 304 }
export interface Http {
  /** GET. @throws Refusal for whatever is neither 200 nor 304 */
  get(address: string, options: GetOptions): Promise<Got>
}

/** What is remembered between fetches. Plain JSON. */
export interface Known {
  readonly version: string
  /** Of the archive as fetched; of unpacked rules, their content. */
  readonly sha256: string
  readonly content: string
  readonly rules: number
  /** Kept only once everything behind that answer was taken: a 304 must not hide an archive that is still missing. */
  readonly etag?: { readonly question: string; readonly value: string }
}

export interface Release {
  readonly kind: 'crs' | 'ids'
  readonly source: string
  readonly version: string
  /** `4.25` of `4.25.1`; `ids` where there are no lines. */
  readonly line: string
  readonly sha256: string
  /** `contentAddress` of `files`. */
  readonly content: string
  readonly files: RuleFiles
  readonly rules: number
  /** Fingerprint of the key whose signature was checked. */
  readonly signedBy?: string
  /** As fetched, for keeping: after a restart it is verified again from here while upstream may be down. */
  readonly archive?: { readonly bytes: Uint8Array; readonly signature?: Uint8Array }
}

export type Fetched =
  | {
      readonly status: 'unchanged'
      readonly reason: 'NotModified' | 'SameRelease'
      readonly detail: string
      readonly known: Known
    }
  | {
      readonly status: 'new'
      readonly reason: 'NewRelease'
      readonly detail: string
      readonly release: Release
      readonly known: Known
    }
  | {
      readonly status: 'refused'
      readonly reason: RefusalCode
      readonly detail: string
      readonly retryAfterMs?: number
    }

export interface FetchContext {
  readonly known?: Known | undefined
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly http: Http
}

export interface RuleSource {
  readonly kind: 'crs' | 'ids'
  /** For people: `github coreruleset/coreruleset (lts)`. */
  readonly name: string
  /** Never throws but for `signal`. */
  fetch(context: FetchContext): Promise<Fetched>
}

/** A source from a function that may throw a Refusal; any other error is a fault of ours and refused as such. */
export const ruleSource = (
  kind: RuleSource['kind'],
  name: string,
  fetch: (context: FetchContext) => Promise<Fetched>,
): RuleSource => ({
  kind,
  name,
  async fetch(context) {
    try {
      context.signal.throwIfAborted()
      return await fetch(context)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof Refusal))
        return { status: 'refused', reason: 'Fault', detail: `${name}: ${String(error)}` }
      const { code, message, retryAfterMs } = error
      const again = retryAfterMs === undefined ? {} : { retryAfterMs }
      return { status: 'refused', reason: code, detail: `${name}: ${message}`, ...again }
    }
  },
})
