/** Somebody tries doors. By address where there is one, so that many names from one place are one burst. */
import { otherKey } from '../keys.ts'
import { type Detector, NOTHING } from '../model.ts'
import { date, number, place, span, storeName, who } from '../words.ts'

const TOPIC = 'denials'
const keyOf = (record: Parameters<Detector['needs']>[0]) =>
  record.address === undefined
    ? otherKey(TOPIC, record, 'who', record.principal.kind, record.principal.id)
    : otherKey(TOPIC, record, 'from', record.address)

export const denials: Detector = {
  name: 'denials',
  severity: 'medium',
  kind: 'rule',
  when: 'As many accesses as `denials` were denied within `burstMs` to one address (or principal, where the log has no address), once a day.',
  says: '20 accesses to `orders-db` were denied within 4 minutes, the last to database user `root`, from 203.0.113.7',
  needs: (record) => (record.outcome === 'denied' ? [keyOf(record)] : []),
  judge(record, { learned, settings: { denials: most, burstMs } }) {
    if (record.outcome !== 'denied') return NOTHING
    const key = keyOf(record)
    const { time } = record
    const lesson = { key, time, recent: { what: 0, most, withinMs: burstMs } }
    const recent = (learned(key)?.recent ?? []).filter(([at]) => Math.abs(time - at) <= burstMs)
    if (recent.length + 1 < most) return { suspicions: [], lessons: [lesson] }
    const first = Math.min(...recent.map(([at]) => at))
    const why = `${number(recent.length + 1)} accesses to ${storeName(record.store)} were denied within ${span(time - first)}, the last to ${who(record.principal)}, from ${place(record)}`
    const subject = JSON.stringify([key.entity, date(time)])
    // One burst, whatever names were tried.
    const about = record.address === undefined ? {} : { principal: { kind: 'unknown', id: '' } as const }
    return { suspicions: [{ severity: 'medium', subject, why, ...about }], lessons: [{ key, time, clearRecent: true }] }
  },
}
