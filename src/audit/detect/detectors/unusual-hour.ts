/** Work at an hour without work. Hours are UTC, as logs write them; one beside a known hour is no news. */
import { accessKey, isSomebody } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { HOUR } from '../settings.ts'
import { place, storeName, who } from '../words.ts'

const LEAST_EVENTS = 100
/** Who works in more hours than these has no hours. */
const MOST_HOURS = 14
const value = (hour: number): string => `h:${(hour + 24) % 24}`
const two = (hour: number): string => String(hour).padStart(2, '0')

export const unusualHour: Detector = {
  name: 'unusual-hour',
  severity: 'low',
  kind: 'learned',
  when: 'A principal with at least 100 accesses in at most 14 hours of the day comes at an hour that is neither one of them nor beside one.',
  says: 'user `anna@example.com` used `invoices` at 03 h UTC; usually at 07, 08, 09, 10 h over 31 days; from 203.0.113.7',
  needs: (record) => (isSomebody(record.principal) && record.action !== 'flow' ? [accessKey('hour', record)] : []),
  judge(record, { learned, settings }) {
    const { principal, time, store } = record
    if (!isSomebody(principal) || record.action === 'flow' || record.outcome !== 'allowed') return NOTHING
    const key = accessKey('hour', record)
    const before = learned(key)
    const hour = Math.floor(time / HOUR) % 24
    const usual = (at: number): boolean => isKnown(before, value(at), time, settings.forgetMs)
    const hours = Array.from({ length: 24 }, (_, at) => at).filter(usual)
    const news = !usual(hour) && !usual(hour - 1) && !usual(hour + 1)
    if (!news || !isGrown(before, time, settings) || before.events < LEAST_EVENTS || hours.length > MOST_HOURS) {
      return { suspicions: [], lessons: [{ key, time, see: [value(hour)] }] }
    }
    const why = `${who(principal)} used ${storeName(store)} at ${two(hour)} h UTC; usually at ${hours.map(two).join(', ')} h over ${Math.floor((time - before.first) / (24 * HOUR))} days; from ${place(record)}`
    return {
      suspicions: [
        {
          severity: 'low',
          subject: value(hour),
          why,
          hold: { key, values: [value(hour)] },
          again: isHeld(before, value(hour)),
        },
      ],
      lessons: [],
    }
  },
}
