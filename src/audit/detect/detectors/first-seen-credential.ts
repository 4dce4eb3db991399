/**
 * A new key of a known principal. Of keys that last alone (an access key of AWS that begins with AKIA, a key of a service account): sessions are
 * new each hour.
 */
import type { AccessRecord } from '../../../api/audit.ts'
import { accessKey, isSomebody } from '../keys.ts'
import { isGrown, isHeld, isKnown } from '../learned.ts'
import { type Detector, NOTHING } from '../model.ts'
import { place, quoted, storeName, who } from '../words.ts'

const LASTING = /^AKIA[A-Z0-9]{12,}$|\/keys\/[\da-f]+$/
const lasting = ({ principal }: AccessRecord): string | undefined =>
  isSomebody(principal) && principal.credential !== undefined && LASTING.test(principal.credential.slice(0, 300))
    ? principal.credential
    : undefined

export const firstSeenCredential: Detector = {
  name: 'first-seen-credential',
  severity: 'medium',
  kind: 'learned',
  when: 'A principal whose learning period is over uses a lasting key (an `AKIA…` access key, a key of a service account) never seen with it.',
  says: 'service account `billing@example` used the key `AKIAIOSFODNN7EXAMPLE` for `invoices` for the first time, from 203.0.113.7',
  needs: (record) => (lasting(record) === undefined ? [] : [accessKey('credential', record)]),
  judge(record, { learned, settings }) {
    const credential = lasting(record)
    if (credential === undefined || record.outcome !== 'allowed') return NOTHING
    const { time } = record
    const key = accessKey('credential', record)
    const before = learned(key)
    if (isKnown(before, credential, time, settings.forgetMs) || !isGrown(before, time, settings)) {
      return { suspicions: [], lessons: [{ key, time, see: [credential] }] }
    }
    const why = `${who(record.principal)} used the key ${quoted(credential)} for ${storeName(record.store)} for the first time, from ${place(record)}`
    const hold = { key, values: [credential] }
    return {
      suspicions: [{ severity: 'medium', subject: credential, why, hold, again: isHeld(before, credential) }],
      lessons: [],
    }
  },
}
