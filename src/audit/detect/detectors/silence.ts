/**
 * A source of logs that stopped. Its usual gaps are learned (an office is silent from Friday to Monday), and twice the longest is a silence.
 * Only passing time shows it: the records of other sources, or a clock.
 */
import type { AccessRecord, StoreKind, StoreRef } from '../../../api/audit.ts'
import { otherKey } from '../keys.ts'
import { isGrown } from '../learned.ts'
import type { Detector } from '../model.ts'
import { DAY } from '../settings.ts'
import { quoted, span } from '../words.ts'

const TOPIC = 'silence'
const keyOf = (record: AccessRecord) => otherKey(TOPIC, record, record.format)

export const silence: Detector = {
  name: 'silence',
  severity: 'high',
  kind: 'learned',
  when: 'A source of logs (a format and its store) whose learning period is over brought nothing for longer than twice its longest gap, and than `silenceFloorMs`.',
  says: 'the log `s3-access` of `invoices` has been silent for 12 hours; its longest gap in 31 days was 1 hour',
  needs: (record) => [keyOf(record)],
  judge(record, { learned }) {
    const key = keyOf(record)
    const { time } = record
    const before = learned(key)
    const gap = before === undefined ? 0 : Math.max(0, time - before.last)
    return {
      suspicions: [],
      lessons: [{ key, time, add: { period: Math.floor(time / DAY), amount: gap, how: 'most' } }],
    }
  },
  watch: {
    topic: TOPIC,
    tick(now, known, settings) {
      return [...known].flatMap(([entity, learned]) => {
        if (!isGrown(learned, learned.last, settings)) return []
        const longest = Math.max(0, ...learned.samples, learned.open?.amount ?? 0)
        const gap = now - learned.last
        if (gap <= Math.max(settings.silenceFloorMs, 2 * longest)) return []
        const [cloud, kind, name, owner, format] = JSON.parse(entity) as [
          StoreRef['cloud'],
          StoreKind,
          string,
          string,
          string,
        ]
        return [
          {
            time: now,
            store: { cloud, kind, name, ...(owner === '' ? {} : { owner }) },
            principal: { kind: 'unknown' as const, id: '' },
            severity: 'high' as const,
            subject: `${format}:${learned.last}`,
            why: `the log ${quoted(format)} of ${quoted(name)} has been silent for ${span(gap)}; its longest gap in ${span(learned.last - learned.first)} was ${span(longest)}`,
          },
        ]
      })
    },
  },
}
