/**
 * Records in, findings out: the order and once-ness of records (sequencer), the detectors, what they learned (store), and what of their suspicions
 * is told (allow-list, ledger). Pure but for the memory it keeps; clock and hash are handed in.
 */
import type { AccessRecord, Finding, Place } from '../../api/audit.ts'
import { type Allowance, allowedBy } from './allow.ts'
import { DETECTORS } from './index.ts'
import { acknowledge, isGrown } from './learned.ts'
import { type Draft, Ledger, type PlainLedger } from './ledger.ts'
import type { LearnedStore } from './memory.ts'
import type { Context, Detector, Key, Lesson, Suspicion } from './model.ts'
import { type Offered, type PlainSequencer, Sequencer, type SequencerOptions } from './sequencer.ts'
import { HOUR, type Settings } from './settings.ts'
import { readStatement, type TokenReading } from './sql/reading.ts'
import { date, number, plain, quoted, span, storeName, who } from './words.ts'

export interface AuditOptions {
  readonly settings: Settings
  readonly store: LearnedStore
  readonly allow?: readonly Allowance[]
  readonly sequencer?: Partial<SequencerOptions>
  /** The world's clock, against records from the future. */
  readonly clock: () => number
  readonly detectors?: readonly Detector[]
}
interface Waiting {
  readonly time: number
  readonly id: string
  readonly record: AccessRecord
  readonly place: Place
}
/** Everything but what was learned, which the store keeps. */
export interface PlainAudit {
  readonly version: 1
  readonly now: number
  readonly sequencer: PlainSequencer<Waiting>
  readonly ledger: PlainLedger
}

export class Audit {
  readonly #options: AuditOptions
  readonly #detectors: readonly Detector[]
  readonly #sequencer: Sequencer<Waiting>
  readonly #ledger: Ledger
  #now: number

  constructor(options: AuditOptions, state?: PlainAudit) {
    this.#options = options
    this.#detectors = options.detectors ?? DETECTORS
    this.#now = state?.now ?? Number.MIN_SAFE_INTEGER
    this.#sequencer =
      state === undefined
        ? new Sequencer(options.clock, options.sequencer)
        : Sequencer.fromPlain(state.sequencer, options.clock, options.sequencer)
    this.#ledger =
      state === undefined ? new Ledger(options.settings.hash) : Ledger.fromPlain(state.ledger, options.settings.hash)
  }

  /** What must be in the store before a record is judged. */
  needs(record: AccessRecord): readonly Key[] {
    return this.#detectors.flatMap((detector) => detector.needs(record))
  }

  /**
   * Takes a record in; judges it, or others, when their turn has come. One that is too old to know whether it was judged before is shown only to
   * the detectors that learn nothing: their findings are the same a second time.
   */
  offer(record: AccessRecord, place: Place): Offered {
    const offered = this.#sequencer.offer({ time: record.time, id: `${record.format}\n${record.id}`, record, place })
    if (offered === 'too-old' && Number.isFinite(record.time)) {
      this.#judge(
        { record, place },
        this.#detectors.filter((detector) => detector.needs(record).length === 0),
      )
    }
    for (const waiting of this.#sequencer.due()) this.#next(waiting)
    return offered
  }

  /** No older record is awaited: judges what was held, tells what was gathered. */
  flush(): void {
    for (const waiting of this.#sequencer.flush()) this.#next(waiting)
    this.#ledger.flush()
  }

  /** Time passed without records, so a source may be silent. */
  tick(now: number): void {
    if (now > this.#now) this.#pass(now)
  }

  /** Findings to tell, the worst not first. `all`: also those of which only the count changed. */
  take(all = false): readonly Finding[] {
    return this.#ledger.take(all)
  }

  /** Somebody looked at the finding: what was held back because of it is usual from now on. False where there is no such finding. */
  acknowledge(id: string): boolean {
    const held = this.#ledger.close(id)
    for (const { key, values } of held ?? []) this.#options.store.change(key, (learned) => acknowledge(learned, values))
    return held !== undefined
  }

  get counts(): {
    readonly held: number
    readonly ids: number
    readonly told: number
    readonly early: number
    readonly idsForgotten: number
  } {
    return { held: this.#sequencer.held, ids: this.#sequencer.ids, told: this.#ledger.size, ...this.#sequencer.counts }
  }
  /** Exactly once holds for records younger than this. */
  get exactSince(): number {
    return this.#sequencer.exactSince
  }
  toPlain(): PlainAudit {
    return { version: 1, now: this.#now, sequencer: this.#sequencer.toPlain(), ledger: this.#ledger.toPlain() }
  }

  #next(waiting: Waiting): void {
    const { time } = waiting.record
    // A source's silence must be seen before its next record ends it.
    if (time > this.#now) {
      if (Math.floor(time / HOUR) > Math.floor(this.#now / HOUR)) this.#pass(time)
      this.#now = time
    }
    this.#judge(waiting, this.#detectors)
  }

  #pass(now: number): void {
    this.#now = now
    this.#ledger.pass(now)
    const { store, settings } = this.#options
    for (const { name, watch } of this.#detectors) {
      if (watch === undefined) continue
      for (const { time, store: of, principal, ...suspicion } of watch.tick(
        now,
        store.entities(watch.topic),
        settings,
      )) {
        this.#tell({ detector: name, time, store: of, principal, evidence: [] }, suspicion)
      }
    }
  }

  #judge({ record, place }: Pick<Waiting, 'record' | 'place'>, detectors: readonly Detector[]): void {
    const { store, settings } = this.#options
    const context: Context = { settings, learned: (key) => store.get(key), sql: this.#read(record) }
    const lessons: Lesson[] = []
    const learning: Key[] = []
    for (const detector of detectors) {
      const judgement = detector.judge(record, context)
      lessons.push(...judgement.lessons)
      if (detector.kind === 'learned')
        for (const { key, see } of judgement.lessons) if (see !== undefined) learning.push(key)
      for (const suspicion of judgement.suspicions) {
        const draft: Draft = {
          detector: detector.name,
          time: record.time,
          store: record.store,
          principal: suspicion.principal ?? record.principal,
          ...(record.address === undefined ? {} : { address: record.address }),
          evidence: [{ id: record.id, format: record.format, place, text: evidence(record, context.sql) }],
        }
        const { hold } = suspicion
        if (!this.#tell(draft, suspicion) && !hold?.values.some((value) => value.startsWith('period:'))) continue
        if (hold !== undefined) lessons.push({ key: hold.key, time: record.time, hold: hold.values })
      }
    }
    const growing = learning.filter((key) => {
      const learned = store.get(key)
      return !isGrown(learned, learned?.last ?? 0, settings)
    })
    store.learn(lessons)
    for (const key of growing) this.#grew(key, record)
  }

  /** False where it is allowed. */
  #tell(draft: Draft, suspicion: Suspicion): boolean {
    if (allowedBy(this.#options.allow ?? [], draft) !== undefined) return false
    this.#ledger.raise(draft, suspicion)
    return true
  }

  #grew(key: Key, record: AccessRecord): void {
    const learned = this.#options.store.get(key)
    if (!isGrown(learned, learned?.last ?? 0, this.#options.settings)) return
    const values = learned.values.size
    if (values === 0) return
    const some = [...learned.values.keys()].slice(-3).map((value) => quoted(value, 40))
    const sentence = `${key.topic} of ${who(record.principal)} at ${storeName(record.store)}: ${number(learned.events)} accesses in ${span(learned.last - learned.first)} since ${date(learned.first)}, ${some.join(', ')}`
    this.#ledger.grew(
      { detector: 'learned', time: record.time, store: record.store, principal: record.principal, evidence: [] },
      sentence,
      values,
    )
  }

  #read({ statement }: AccessRecord): TokenReading | undefined {
    if (statement === undefined) return undefined
    const reading = readStatement(statement)
    const better = this.#options.settings.parse(statement)
    return better === undefined ? reading : { ...better, tokens: reading.tokens }
  }
}

/** A record as a finding shows it. Of statements the fingerprint: their values are people's data. */
const evidence = (record: AccessRecord, sql: TokenReading | undefined): string =>
  plain(
    [new Date(record.time).toISOString(), record.operation, record.object ?? '', sql?.fingerprint ?? '', record.outcome]
      .filter((part) => part !== '')
      .join(' '),
    300,
  )
