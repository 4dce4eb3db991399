/** The form of detectors that compare an amount of a day with what is usual. A day that alerts is no sample until it is acknowledged. */
import type { AccessRecord } from '../../../api/audit.ts'
import { isHeld, periodValue } from '../learned.ts'
import { type Context, type Detector, type Key, NOTHING } from '../model.ts'
import { DAY, type Settings } from '../settings.ts'
import { usualLimit } from '../statistics.ts'
import { date } from '../words.ts'

export interface Amount {
  readonly key: (record: AccessRecord) => Key
  /** Undefined where the record has none. */
  readonly of: (record: AccessRecord) => number | undefined
  /** A day's amount is the sum, or the largest, of its records'. */
  readonly how: 'sum' | 'most'
  readonly floor: (settings: Settings) => number
  readonly say: (record: AccessRecord, context: Context, amount: number, most: number, days: number) => string
}

export const unusualAmount = (
  detector: Pick<Detector, 'name' | 'severity' | 'when' | 'says'>,
  amount: Amount,
): Detector => ({
  ...detector,
  kind: 'learned',
  needs: (record) => (amount.of(record) === undefined ? [] : [amount.key(record)]),
  judge(record, context) {
    const now = amount.of(record)
    if (now === undefined || record.outcome !== 'allowed') return NOTHING
    const key = amount.key(record)
    const { time } = record
    const period = Math.floor(time / DAY)
    const before = context.learned(key)
    const lessons = [{ key, time, add: { period, amount: now, how: amount.how } }]
    const open = before?.open
    if (before === undefined || (open !== undefined && open.period > period)) return { suspicions: [], lessons }
    // Yesterday becomes a sample with this record's lesson: it counts already, unless it alerted.
    const closed =
      open !== undefined && open.period < period && !isHeld(before, periodValue(open.period)) ? [open.amount] : []
    const samples = [...before.samples, ...closed]
    const soFar = open?.period === period ? open.amount : 0
    // Of the largest, each record stands for itself: those after it are usual.
    const today = amount.how === 'sum' ? soFar + now : now
    const limit = usualLimit(samples, amount.floor(context.settings))
    if (limit === undefined || today <= limit) return { suspicions: [], lessons }
    const value = periodValue(period)
    return {
      suspicions: [
        {
          severity: detector.severity,
          subject: date(time),
          why: amount.say(record, context, today, Math.max(...samples), samples.length),
          hold: { key, values: [value] },
          again: isHeld(before, value),
          grows: true,
        },
      ],
      lessons,
    }
  },
})
