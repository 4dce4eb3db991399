/** Somebody without credentials was let in. A public website is allowed by an entry in the allow-list. */
import type { Action } from '../../../api/audit.ts'
import { type Detector, NOTHING } from '../model.ts'
import { place, storeName } from '../words.ts'

const DID: Readonly<Partial<Record<Action, string>>> = {
  read: 'read',
  list: 'listed',
  write: 'wrote to',
  delete: 'deleted from',
  query: 'queried',
  admin: 'administered',
}

export const anonymousAccess: Detector = {
  name: 'anonymous-access',
  severity: 'critical',
  kind: 'rule',
  when: 'Somebody without credentials read or listed a store (high), or changed it (critical), and was let in.',
  says: 'somebody anonymous read `invoices` from 203.0.113.7',
  needs: () => [],
  judge(record) {
    const did = DID[record.action]
    if (record.principal.kind !== 'anonymous' || record.outcome !== 'allowed' || did === undefined) return NOTHING
    const changes = record.action !== 'read' && record.action !== 'list' && record.action !== 'query'
    const why = `somebody anonymous ${did} ${storeName(record.store)} from ${place(record)}`
    return {
      suspicions: [{ severity: changes ? 'critical' : 'high', subject: changes ? 'change' : 'read', why }],
      lessons: [],
    }
  },
}
