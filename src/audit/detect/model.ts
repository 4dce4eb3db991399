/**
 * The words of the detectors. Types alone.
 *
 *     record + what was learned → suspicions (told to people, after policy) + lessons (what to learn)
 *
 * A detector decides nothing about telling: the ledger holds it to the learning period, allow-list, digests and caps. It changes nothing
 * either: a lesson is data, and one place (learned.ts) applies it within bounds.
 */
import type { AccessRecord, Principal, Severity, StoreRef } from '../../api/audit.ts'
import type { Settings } from './settings.ts'
import type { TokenReading } from './sql/reading.ts'

/** Whose memory: a detector's topic and the entity it learns about, a principal at a store mostly. */
export interface Key {
  readonly topic: string
  readonly entity: string
}

/** One value of an entity: an address, a network, a fingerprint, an hour. */
export interface Seen {
  readonly first: number
  readonly last: number
  readonly count: number
  /** It is alerting: told, and not learned until somebody acknowledges it. */
  readonly held: boolean
  /** Of a held period, how much it was: a sample once acknowledged. */
  readonly amount?: number
}

/** What is known of one entity. Every part is bounded (LIMITS in learned.ts). */
export interface Learned {
  readonly first: number
  readonly last: number
  readonly events: number
  /** In the order of last use, so that the first is the one to forget. */
  readonly values: ReadonlyMap<string, Seen>
  /** Amounts of past periods (days), oldest first. */
  readonly samples: readonly number[]
  /** The period under way. */
  readonly open?: { readonly period: number; readonly amount: number }
  /** Times of the last few events and what they were about (a hash), for bursts. */
  readonly recent: readonly (readonly [time: number, what: number])[]
}

/** What to learn. Whatever is not given stays as it is. */
export interface Lesson {
  readonly key: Key
  readonly time: number
  /** These values are usual, from now on. */
  readonly see?: readonly string[]
  /** These are alerting: remembered, not learned. */
  readonly hold?: readonly string[]
  readonly add?: { readonly period: number; readonly amount: number; readonly how: 'sum' | 'most' }
  readonly recent?: { readonly what: number; readonly most: number; readonly withinMs: number }
  /** The burst was told: its next one starts at nothing. */
  readonly clearRecent?: true
}

export interface Suspicion {
  readonly severity: Severity
  /** With detector, store and principal it makes the finding's identity: the value that is new, the day that is unusual. */
  readonly subject: string
  /** The sentence: who, what, how much, against what is usual, from where. Values in it are escaped (words.ts). */
  readonly why: string
  /** Whom it is about, where that is not the record's principal. */
  readonly principal?: Principal
  /** What must not be learned while this is open. */
  readonly hold?: { readonly key: Key; readonly values: readonly string[] }
  /** Already held: somebody was told, or a digest counts it. */
  readonly again?: boolean
  /** It became more: the finding's sentence is this one now. */
  readonly grows?: boolean
  /** Many of one group within an hour, and a few within a day, are told once. `of` names the group's members in the digest's sentence. */
  readonly gather?: { readonly group: string; readonly of: string; readonly example: string }
}

export interface Judgement {
  readonly suspicions: readonly Suspicion[]
  readonly lessons: readonly Lesson[]
}

/** What a detector may look at besides the record. */
export interface Context {
  /** Only keys that `needs` named: whoever keeps memory in a database loads those before. */
  learned(key: Key): Learned | undefined
  readonly settings: Settings
  /** The statement's reading, where the record has one. */
  readonly sql: TokenReading | undefined
}

export interface Detector {
  /** `first-seen-address`: in findings, allow-lists and the reference. */
  readonly name: string
  /** The worst it says. */
  readonly severity: Severity
  readonly kind: 'rule' | 'learned'
  /** When it speaks, in words. */
  readonly when: string
  /** What it says, as an example. */
  readonly says: string
  needs(record: AccessRecord): readonly Key[]
  judge(record: AccessRecord, context: Context): Judgement
  /** What passing time alone shows. `known` are the entities of the topic. */
  readonly watch?: {
    readonly topic: string
    tick(
      now: number,
      known: Iterable<readonly [entity: string, learned: Learned]>,
      settings: Settings,
    ): readonly TimedSuspicion[]
  }
}
export interface TimedSuspicion extends Suspicion {
  readonly time: number
  readonly store: StoreRef
  readonly principal: Principal
}

export const NOTHING: Judgement = Object.freeze({ suspicions: [], lessons: [] })
