/** Who a Cloud Audit entry says it was: the account rather than its keys, the impersonated account rather than who borrowed it. */
import type { Principal } from '../../api/audit.ts'
import { at, list, text } from './json.ts'

const isServiceAccount = (email: string): boolean =>
  /\.gserviceaccount\.com$|^service-agent-manager@system\.gserviceaccount\.com$/.test(email)

export const accountOf = (email: string, credential?: string): Principal => ({
  kind: isServiceAccount(email) ? 'service-account' : 'user',
  id: email,
  ...(credential !== undefined && credential !== '' && { credential }),
})

export const gcpPrincipal = (authentication: unknown): Principal => {
  const email = text(at(authentication, 'principalEmail'))
  if (email !== '') return accountOf(email, borrowedBy(authentication))
  // Workforce and workload identity pools have a subject in place of an address.
  const subject = text(at(authentication, 'principalSubject'))
  if (subject.startsWith('serviceAccount:') || subject.startsWith('user:'))
    return accountOf(subject.slice(subject.indexOf(':') + 1), borrowedBy(authentication))
  if (subject !== '') return { kind: subject.includes('/workforcePools/') ? 'user' : 'service-account', id: subject }
  return { kind: 'anonymous', id: '' }
}

/** Who impersonates (the first of the chain), else the key that was used. */
const borrowedBy = (authentication: unknown): string => {
  const delegates = list(at(authentication, 'serviceAccountDelegationInfo'))
  for (const delegate of delegates) {
    const who = text(at(delegate, 'firstPartyPrincipal', 'principalEmail')) || text(at(delegate, 'principalSubject'))
    if (who !== '') return who
  }
  return text(at(authentication, 'serviceAccountKeyName')).replace(/^.*\//, '')
}
