/** Somebody who never used this store before. */
import { isSomebody, storeKey } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { place, quoted, span, storeName, who } from '../words.ts'

const TOPIC = 'principal'

export const firstSeenPrincipal: Detector = {
  name: 'first-seen-principal',
  severity: 'medium',
  kind: 'learned',
  when: 'A principal uses, and is let into, a store whose learning period is over and that never saw it: medium; people in numbers (a new team) are one digest.',
  says: 'user `eve@example.com` is new to `invoices`, used by 3 others over 31 days; from 203.0.113.7',
  needs: (record) => (isSomebody(record.principal) && record.action !== 'flow' ? [storeKey(TOPIC, record)] : []),
  judge(record, { learned, settings }) {
    const { principal, time, store } = record
    if (!isSomebody(principal) || record.action === 'flow' || record.outcome !== 'allowed') return NOTHING
    const key = storeKey(TOPIC, record)
    const before = learned(key)
    const value = `${principal.kind}:${principal.id}`
    if (isKnown(before, value, time, settings.forgetMs) || !isGrown(before, time, settings)) {
      return { suspicions: [], lessons: [{ key, time, see: [value] }] }
    }
    const others = [...before.values.values()].filter(({ held }) => !held).length
    const why = `${who(principal)} is new to ${storeName(store)}, used by ${others} ${others === 1 ? 'other' : 'others'} over ${span(time - before.first)}; from ${place(record)}`
    const gather = {
      group: key.entity,
      of: `principals are new to ${storeName(store)}`,
      example: quoted(principal.id, 40),
    }
    return {
      suspicions: [
        {
          severity: 'medium',
          subject: value,
          why,
          hold: { key, values: [value] },
          again: isHeld(before, value),
          ...(principal.kind === 'user' ? { gather } : {}),
        },
      ],
      lessons: [],
    }
  },
}
