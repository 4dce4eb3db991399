/**
 * The memory of one entity: how a lesson changes it, within bounds. The least recently used value is forgotten first, and what is unseen for
 * `forgetMs` is new again. Held values (alerting, not acknowledged) have a bound of their own, so that a flood of new ones does not
 * push out what is known.
 */
import type { Learned, Lesson, Seen } from './model.ts'

export const LIMITS = { values: 1000, held: 100, samples: 62, recent: 256, valueLength: 200 } as const

/** Learned, as the one who keeps it may change it. */
export interface Growing extends Learned {
  first: number
  last: number
  events: number
  values: Map<string, Seen>
  samples: number[]
  open?: { period: number; amount: number }
  recent: [number, number][]
}

export const newborn = (time: number): Growing => ({
  first: time,
  last: time,
  events: 0,
  values: new Map(),
  samples: [],
  recent: [],
})

/** Whether `value` is usual: seen, acknowledged if it alerted, and not too long ago. */
export function isKnown(learned: Learned | undefined, value: string, time: number, forgetMs: number): boolean {
  const seen = learned?.values.get(keep(value))
  return seen !== undefined && !seen.held && time - seen.last <= forgetMs
}
export const isHeld = (learned: Learned | undefined, value: string): boolean =>
  learned?.values.get(keep(value))?.held === true

/** Whether the entity's learning period is over. */
export const isGrown = (
  learned: Learned | undefined,
  time: number,
  { learnMs, learnEvents }: { readonly learnMs: number; readonly learnEvents: number },
): learned is Learned => learned !== undefined && time - learned.first >= learnMs && learned.events >= learnEvents

/** A value is the attacker's, and as long as he likes. */
const keep = (value: string): string => value.slice(0, LIMITS.valueLength)

/** Applies the lesson to the entity's memory. */
export function learn(learned: Growing, lesson: Lesson): void {
  const { time } = lesson
  learned.first = Math.min(learned.first, time)
  learned.last = Math.max(learned.last, time)
  for (const value of lesson.see ?? []) put(learned, keep(value), time, false)
  for (const value of lesson.hold ?? []) put(learned, keep(value), time, true)
  if (lesson.add !== undefined) add(learned, lesson.add)
  if (lesson.recent !== undefined) {
    const { what, most, withinMs } = lesson.recent
    learned.recent = learned.recent.filter(([at]) => Math.abs(time - at) <= withinMs)
    learned.recent.push([time, what])
    const over = learned.recent.length - Math.min(most, LIMITS.recent)
    if (over > 0) learned.recent.splice(0, over)
  }
  if (lesson.clearRecent) learned.recent = []
}

function put(learned: Growing, value: string, time: number, held: boolean): void {
  const { values } = learned
  const before = values.get(value)
  // Only an acknowledgement makes a held value usual.
  const stays = held || before?.held === true
  values.delete(value)
  values.set(value, {
    first: Math.min(before?.first ?? time, time),
    last: Math.max(before?.last ?? time, time),
    count: (before?.count ?? 0) + 1,
    held: stays,
    ...(before?.amount === undefined ? {} : { amount: before.amount }),
  })
  if (values.size > LIMITS.values) forgetOne(values, false)
  if (held && before?.held !== true && countHeld(values) > LIMITS.held) forgetOne(values, true)
}
function countHeld(values: ReadonlyMap<string, Seen>): number {
  let count = 0
  for (const { held } of values.values()) if (held) count++
  return count
}
function forgetOne(values: Map<string, Seen>, held: boolean): void {
  for (const [value, seen] of values) {
    if (seen.held === held) {
      values.delete(value)
      return
    }
  }
}

/** The name of a period that alerts, as a held value. */
export const periodValue = (period: number): string => `period:${period}`

function add(learned: Growing, { period, amount, how }: NonNullable<Lesson['add']>): void {
  const { open } = learned
  if (open === undefined || period > open.period) {
    if (open !== undefined) close(learned, open)
    learned.open = { period, amount }
  } else if (period === open.period) {
    open.amount = how === 'sum' ? open.amount + amount : Math.max(open.amount, amount)
  }
  // What comes after its period was closed is no longer told from the others.
}
function close(learned: Growing, { period, amount }: { period: number; amount: number }): void {
  const value = periodValue(period)
  const held = learned.values.get(value)
  if (held?.held) learned.values.set(value, { ...held, amount })
  else sample(learned, amount)
}
function sample(learned: Growing, amount: number): void {
  learned.samples.push(amount)
  if (learned.samples.length > LIMITS.samples) learned.samples.shift()
}

/** Somebody looked: the values are usual from now on. */
export function acknowledge(learned: Growing, values: readonly string[]): void {
  for (const value of values.map(keep)) {
    const seen = learned.values.get(value)
    if (!seen?.held) continue
    const { amount, ...rest } = seen
    learned.values.set(value, { ...rest, held: false })
    if (amount !== undefined) sample(learned, amount)
  }
}
