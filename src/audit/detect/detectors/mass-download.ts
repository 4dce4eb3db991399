/**
 * Somebody lists what there is, and takes it. A backup does so too: it is told once, and once acknowledged it is usual for that principal.
 */
import { accessKey } from '../keys.ts'
import { isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { HOUR } from '../settings.ts'
import { number, place, storeName, who } from '../words.ts'

const TOPIC = 'mass-download'
const LISTED = 'listed'
const MASS = 'mass'

/** FNV-1a: names apart, no secret. */
function mark(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

export const massDownload: Detector = {
  name: 'mass-download',
  severity: 'high',
  kind: 'rule',
  when: 'Within an hour of listing a bucket one principal read `massObjects` different objects of it.',
  says: 'user `eve@example.com` listed `invoices` and read 200 different objects of it within an hour, from 203.0.113.7',
  needs: (record) => (record.action === 'list' || record.action === 'read' ? [accessKey(TOPIC, record)] : []),
  judge(record, { learned, settings }) {
    const { action, object, time, outcome } = record
    if (outcome !== 'allowed' || (action !== 'list' && action !== 'read')) return NOTHING
    const key = accessKey(TOPIC, record)
    if (action === 'list') return { suspicions: [], lessons: [{ key, time, see: [LISTED] }] }
    const before = learned(key)
    const listed = before?.values.get(LISTED)
    if (before === undefined || listed === undefined || object === undefined || time - listed.last > HOUR)
      return NOTHING
    if (isKnown(before, MASS, time, settings.forgetMs)) return { suspicions: [], lessons: [{ key, time, see: [MASS] }] }
    const what = mark(object)
    const recent = before.recent.filter(([at]) => Math.abs(time - at) <= HOUR)
    if (recent.some(([, one]) => one === what)) return NOTHING
    const most = settings.massObjects
    const lesson = { key, time, recent: { what, most, withinMs: HOUR } }
    if (recent.length + 1 < most) return { suspicions: [], lessons: [lesson] }
    const why = `${who(record.principal)} listed ${storeName(record.store)} and read ${number(most)} different objects of it within an hour, from ${place(record)}`
    const hold = { key, values: [MASS] }
    return {
      suspicions: [{ severity: 'high', subject: MASS, why, hold, again: isHeld(before, MASS) }],
      lessons: [{ key, time, clearRecent: true }],
    }
  },
}
