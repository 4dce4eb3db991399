/**
 * What is told of the detectors' suspicions, so that people can live with it: one finding for one thing however often it comes again, one
 * digest for many new things of one user within an hour (a deploy), a cap for each detector, severity and day and then a digest, one digest of
 * what was learned in silence. By severity, so that a flood of small ones cannot hide a large one.
 */
import type { Finding, Severity } from '../../api/audit.ts'
import type { Key, Suspicion } from './model.ts'
import { DAY, HOUR } from './settings.ts'
import { date, number, plain, quoted, span } from './words.ts'

export type Draft = Omit<Finding, 'id' | 'why' | 'severity' | 'count'>
export interface Held {
  readonly key: Key
  readonly values: readonly string[]
}
interface Raised {
  finding: Finding
  held: Held[]
  /** The count when it was told last; 0 when it was not told yet. */
  told: number
  toldWhy: string
}
interface Gathering {
  readonly since: number
  last: number
  readonly of: string
  readonly items: { readonly draft: Draft; readonly suspicion: Suspicion }[]
  count: number
  held: Held[]
}
interface Cap {
  day: number
  told: number
  over: number
  example?: { readonly draft: Draft; readonly why: string }
  stores: string[]
  held: Held[]
}
interface Grown {
  since: number
  count: number
  values: number
  example: string
  draft: Draft
}
export interface PlainLedger {
  readonly version: 1
  readonly raised: readonly (readonly [string, Raised])[]
  readonly gatherings: readonly (readonly [string, Gathering])[]
  readonly caps: readonly (readonly [string, Cap])[]
  readonly grown?: Grown | undefined
  readonly grownTold: number
}

export const LEDGER_LIMITS = {
  raised: 10_000,
  gatherings: 1000,
  /** More than these of one group within an hour are told then; fewer wait for others for a day. */
  few: 3,
  /** Findings of one detector and severity a day. */
  perDay: 20,
  held: 200,
  evidence: 3,
} as const
const DIGEST_OF_LEARNING = 7 * DAY

export class Ledger {
  readonly #hash: (text: string) => string
  #raised = new Map<string, Raised>()
  #gatherings = new Map<string, Gathering>()
  #caps = new Map<string, Cap>()
  #grown: Grown | undefined
  #grownTold = Number.MIN_SAFE_INTEGER
  readonly #changed = new Set<string>()

  constructor(hash: (text: string) => string) {
    this.#hash = hash
  }

  get size(): number {
    return this.#raised.size + this.#gatherings.size + this.#caps.size
  }

  idOf({ detector, store, principal }: Draft, subject: string): string {
    const identity = JSON.stringify([
      detector,
      store.cloud,
      store.kind,
      store.name,
      principal.kind,
      principal.id,
      subject,
    ])
    return `${detector}-${this.#hash(identity).slice(0, 16)}`
  }

  raise(draft: Draft, suspicion: Suspicion): void {
    const id = this.idOf(draft, suspicion.subject)
    const before = this.#raised.get(id)
    if (before !== undefined) this.#again(id, before, draft, suspicion)
    // It is in a digest, or it was told too long ago to be known here.
    else if (suspicion.again) return
    else if (suspicion.gather !== undefined) this.#gather(draft, suspicion, suspicion.gather)
    else this.#open(draft, suspicion, holdOf(suspicion))
  }

  #again(id: string, before: Raised, draft: Draft, suspicion: Suspicion): void {
    const { finding } = before
    const evidence = [...finding.evidence, ...draft.evidence].slice(0, LEDGER_LIMITS.evidence)
    before.finding = {
      ...finding,
      why: suspicion.grows ? suspicion.why : finding.why,
      count: finding.count + 1,
      evidence,
    }
    before.held = joined(before.held, holdOf(suspicion))
    this.#keep(id, before)
  }
  #gather(draft: Draft, suspicion: Suspicion, { group, of }: NonNullable<Suspicion['gather']>): void {
    const name = `${draft.detector}\n${group}`
    let gathering = this.#gatherings.get(name)
    if (gathering === undefined) {
      gathering = { since: draft.time, last: draft.time, of, items: [], count: 0, held: [] }
      this.#gatherings.set(name, gathering)
    }
    gathering.count++
    gathering.last = Math.max(gathering.last, draft.time)
    gathering.held = joined(gathering.held, holdOf(suspicion))
    if (gathering.items.length <= LEDGER_LIMITS.few) gathering.items.push({ draft, suspicion })
    if (this.#gatherings.size > LEDGER_LIMITS.gatherings) {
      const [oldest, its] = this.#gatherings.entries().next().value!
      this.#scatter(oldest, its)
    }
  }
  #scatter(name: string, { items, count, of, since, last, held }: Gathering): void {
    this.#gatherings.delete(name)
    const { draft, suspicion } = items[0]!
    if (count === 1) {
      this.#open(draft, suspicion, held)
      return
    }
    const examples = items.slice(0, 3).map(({ suspicion: { gather } }) => gather?.example ?? '')
    this.#open(
      { ...draft, evidence: items.flatMap((item) => item.draft.evidence).slice(0, LEDGER_LIMITS.evidence) },
      {
        severity: items.map((item) => item.suspicion.severity).reduce(worse, suspicion.severity),
        subject: `digest:${since}`,
        why: `${number(count)} ${of} within ${span(last - since)}: a deploy, or somebody who looks around; such as ${examples.join(', ')}`,
      },
      held,
      count,
    )
  }
  #open(draft: Draft, { severity, subject, why }: Suspicion, held: Held[], count = 1): void {
    const name = `${draft.detector}\n${severity}`
    const day = Math.floor(draft.time / DAY)
    let cap = this.#caps.get(name)
    if (cap === undefined || day > cap.day) {
      if (cap !== undefined) this.#overflow(name, cap)
      cap = { day, told: 0, over: 0, stores: [], held: [] }
      this.#caps.set(name, cap)
    }
    if (cap.told < LEDGER_LIMITS.perDay) {
      cap.told++
      const id = this.idOf(draft, subject)
      this.#keep(id, { finding: { id, ...draft, severity, why, count }, held, told: 0, toldWhy: '' })
      return
    }
    cap.over += count
    cap.example ??= { draft, why }
    cap.held = joined(cap.held, held)
    if (cap.stores.length < 5 && !cap.stores.includes(draft.store.name)) cap.stores.push(draft.store.name)
  }
  #overflow(name: string, { day, over, example, stores, held }: Cap): void {
    if (over === 0 || example === undefined) return
    const severity = name.slice(name.indexOf('\n') + 1) as Severity
    const id = this.idOf(example.draft, `cap:${severity}:${day}`)
    const why = `${number(over)} more findings of ${quoted(example.draft.detector)} on ${date(day * DAY)} beyond the ${LEDGER_LIMITS.perDay} told, at ${stores.map((store) => quoted(store, 40)).join(', ')}; the first: ${plain(example.why, 300)}`
    this.#keep(id, { finding: { id, ...example.draft, severity, why, count: over }, held, told: 0, toldWhy: '' })
  }
  #keep(id: string, raised: Raised): void {
    this.#raised.delete(id)
    this.#raised.set(id, raised)
    this.#changed.add(id)
    if (this.#raised.size <= LEDGER_LIMITS.raised) return
    // What is still to be told is never dropped.
    for (const oldest of this.#raised.keys()) {
      if (this.#changed.has(oldest)) continue
      this.#raised.delete(oldest)
      return
    }
  }

  /** An entity's learning period is over. */
  grew(draft: Draft, sentence: string, values: number): void {
    if (this.#grown === undefined) this.#grown = { since: draft.time, count: 0, values: 0, example: sentence, draft }
    this.#grown.count++
    this.#grown.values += values
  }

  /** Time has come to `now` (that of the records): closes what was gathered and capped before. */
  pass(now: number): void {
    for (const [name, gathering] of this.#gatherings) {
      const wait = gathering.count > LEDGER_LIMITS.few ? HOUR : DAY
      if (now >= gathering.since + wait) this.#scatter(name, gathering)
    }
    for (const [name, cap] of this.#caps) {
      if (Math.floor(now / DAY) <= cap.day) continue
      this.#overflow(name, cap)
      this.#caps.delete(name)
    }
    const grown = this.#grown
    if (grown !== undefined && now >= grown.since + DAY && now >= this.#grownTold + DIGEST_OF_LEARNING) {
      this.#grownTold = now
      this.#tellGrown(grown)
    }
  }
  #tellGrown({ draft, count, values, example, since }: Grown): void {
    const why = `the learning period of ${number(count)} ${count === 1 ? 'entity is' : 'entities is'} over; ${number(values)} values were taken for usual without asking: look through them; such as ${example}`
    const id = this.idOf(draft, `learned:${since}`)
    this.#keep(id, { finding: { id, ...draft, severity: 'info', why, count }, held: [], told: 0, toldWhy: '' })
    this.#grown = undefined
  }
  /** Nothing more is awaited: all that was held back is told. */
  flush(): void {
    for (const [name, gathering] of this.#gatherings) this.#scatter(name, gathering)
    for (const [name, cap] of this.#caps) {
      this.#overflow(name, cap)
      cap.over = 0
      cap.held = []
    }
    if (this.#grown !== undefined) this.#tellGrown(this.#grown)
  }

  /**
   * Findings to tell: new ones, and those told before that came ten times as often. The same id again replaces what was told. With `all` each
   * that changed at all.
   */
  take(all = false): readonly Finding[] {
    const told: Finding[] = []
    for (const id of this.#changed) {
      const raised = this.#raised.get(id)
      if (raised === undefined) continue
      const { finding } = raised
      const due = raised.told === 0 || finding.count >= 10 * raised.told
      if (!due && !(all && (finding.count !== raised.told || finding.why !== raised.toldWhy))) continue
      raised.told = finding.count
      raised.toldWhy = finding.why
      told.push(finding)
      this.#changed.delete(id)
    }
    if (all) this.#changed.clear()
    return told
  }

  /** Closes the finding; answers what was held because of it, undefined where there is none of this id. */
  close(id: string): readonly Held[] | undefined {
    const raised = this.#raised.get(id)
    this.#raised.delete(id)
    this.#changed.delete(id)
    return raised?.held
  }

  toPlain(): PlainLedger {
    return structuredClone({
      version: 1,
      raised: [...this.#raised],
      gatherings: [...this.#gatherings],
      caps: [...this.#caps],
      grown: this.#grown,
      grownTold: this.#grownTold,
    })
  }
  static fromPlain(plainOne: PlainLedger, hash: (text: string) => string): Ledger {
    const made = new Ledger(hash)
    const { raised, gatherings, caps, grown, grownTold } = structuredClone(plainOne)
    made.#raised = new Map(raised)
    made.#gatherings = new Map(gatherings)
    made.#caps = new Map(caps)
    made.#grown = grown
    made.#grownTold = grownTold
    for (const [id, { told, finding }] of made.#raised) if (told !== finding.count) made.#changed.add(id)
    return made
  }
}

const holdOf = ({ hold }: Suspicion): Held[] => (hold === undefined ? [] : [{ key: hold.key, values: hold.values }])
function joined(held: readonly Held[], more: readonly Held[]): Held[] {
  const all = [...held]
  for (const one of more) {
    const known = all.find(({ key }) => key.topic === one.key.topic && key.entity === one.key.entity)
    const fresh = one.values.filter((value) => !known?.values.includes(value))
    if (fresh.length === 0) continue
    if (known === undefined) all.push({ key: one.key, values: fresh })
    else all[all.indexOf(known)] = { key: known.key, values: [...known.values, ...fresh].slice(0, LEDGER_LIMITS.held) }
  }
  return all.slice(0, LEDGER_LIMITS.held)
}

export const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']
export const worse = (a: Severity, b: Severity): Severity => (SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b)
