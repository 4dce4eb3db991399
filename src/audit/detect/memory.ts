/**
 * Where memory is kept: a narrow, synchronous interface. Whoever keeps it in a database loads the keys that `Detector.needs` names before a batch
 * of records is judged, and writes back what changed after it, in one transaction.
 *
 * Here: in memory, bounded. Entities with a history are forgotten last: a flood of made-up principals pushes out only others as
 * young as they are. As plain data it is one JSON object.
 */
import { type Growing, learn, newborn } from './learned.ts'
import type { Key, Learned, Lesson, Seen } from './model.ts'

export interface LearnedStore {
  get(key: Key): Learned | undefined
  /** Applies lessons, in their order. Of one record each key counts one event. */
  learn(lessons: readonly Lesson[]): void
  /** Applies a change to an entity that is there. */
  change(key: Key, how: (learned: Growing) => void): void
  entities(topic: string): Iterable<readonly [entity: string, learned: Learned]>
}

/** As JSON.parse and JSON.stringify know it. */
export interface PlainMemory {
  readonly version: 1
  readonly entities: readonly PlainEntity[]
}
interface PlainEntity {
  readonly topic: string
  readonly entity: string
  readonly first: number
  readonly last: number
  readonly events: number
  readonly values: readonly (readonly [
    value: string,
    first: number,
    last: number,
    count: number,
    held: 0 | 1,
    amount?: number,
  ])[]
  readonly samples: readonly number[]
  readonly open?: { readonly period: number; readonly amount: number }
  readonly recent: readonly (readonly [number, number])[]
}

/** From so many events on an entity has a history. */
const HISTORY = 20

const idOf = ({ topic, entity }: Key): string => `${topic}\n${entity}`
const keyOf = (id: string): Key => {
  const at = id.indexOf('\n')
  return { topic: id.slice(0, at), entity: id.slice(at + 1) }
}

export class BoundedMemory implements LearnedStore {
  /** Both in the order of last use. */
  readonly #young = new Map<string, Growing>()
  readonly #old = new Map<string, Growing>()
  readonly #most: number
  #forgotten = 0

  constructor(mostEntities = 100_000) {
    this.#most = mostEntities
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
  /** How many entities had to be forgotten because there were too many. */
  get forgotten(): number {
    return this.#forgotten
  }

  get(key: Key): Learned | undefined {
    const id = idOf(key)
    return this.#old.get(id) ?? this.#young.get(id)
  }

  learn(lessons: readonly Lesson[]): void {
    const counted = new Set<Growing>()
    for (const lesson of lessons) {
      const learned = this.#touch(idOf(lesson.key), lesson.time)
      if (!counted.has(learned)) learned.events++
      counted.add(learned)
      learn(learned, lesson)
    }
    this.#shrink()
  }

  change(key: Key, how: (learned: Growing) => void): void {
    const id = idOf(key)
    const learned = this.#old.get(id) ?? this.#young.get(id)
    if (learned !== undefined) how(learned)
  }

  *entities(topic: string): Iterable<readonly [string, Learned]> {
    const prefix = `${topic}\n`
    for (const map of [this.#old, this.#young]) {
      for (const [id, learned] of map) if (id.startsWith(prefix)) yield [id.slice(prefix.length), learned]
    }
  }

  #touch(id: string, time: number): Growing {
    const learned = this.#old.get(id) ?? this.#young.get(id) ?? newborn(time)
    this.#old.delete(id)
    this.#young.delete(id)
    ;(learned.events >= HISTORY ? this.#old : this.#young).set(id, learned)
    return learned
  }
  #shrink(): void {
    while (this.size > this.#most) {
      const from = this.#young.size > 0 ? this.#young : this.#old
      const [oldest] = from.keys()
      from.delete(oldest!)
      this.#forgotten++
    }
  }

  toPlain(): PlainMemory {
    const entities = [...this.#old, ...this.#young].map(
      ([id, { values, ...rest }]): PlainEntity => ({
        ...keyOf(id),
        ...rest,
        values: [...values].map(([value, { first, last, count, held, amount }]) =>
          amount === undefined
            ? [value, first, last, count, held ? 1 : 0]
            : [value, first, last, count, held ? 1 : 0, amount],
        ),
      }),
    )
    return { version: 1, entities }
  }

  static fromPlain(memory: PlainMemory, mostEntities?: number): BoundedMemory {
    if (memory?.version !== 1 || !Array.isArray(memory.entities)) {
      throw new Error(
        `Cannot read what was learned: version must be 1 with a list of entities: current version is ${JSON.stringify(memory?.version)}`,
      )
    }
    const made = new BoundedMemory(mostEntities)
    for (const { topic, entity, values, samples, recent, open, ...rest } of memory.entities as readonly PlainEntity[]) {
      const learned: Growing = {
        ...rest,
        samples: [...samples],
        recent: recent.map(([time, what]) => [time, what]),
        values: new Map(
          values.map(([value, first, last, count, held, amount]): [string, Seen] => [
            value,
            { first, last, count, held: held === 1, ...(amount === undefined ? {} : { amount }) },
          ]),
        ),
        ...(open === undefined ? {} : { open: { ...open } }),
      }
      ;(learned.events >= HISTORY ? made.#old : made.#young).set(idOf({ topic, entity }), learned)
    }
    made.#shrink()
    return made
  }
}
