/**
 * Whether a certificate must be made anew, and why. Pure: `now` is handed in, and it is the API server's clock, since
 * the API server is who verifies. Order matters: the first reason that holds is the one told.
 */
import type { RenewalReason } from './reasons.ts'
import type { CertState, CertView } from './view.ts'

export interface Renewal {
  readonly verdict: 'yes' | 'no'
  readonly reason: RenewalReason
  readonly detail: string
}

const yes = (reason: RenewalReason, detail: string): Renewal => Object.freeze({ verdict: 'yes', reason, detail })
const at = (time: number): string => new Date(time).toISOString()

/** When two thirds of a certificate's life are over: late enough to be rare, early enough for days of failing runs. */
export const renewAt = (cert: Pick<CertView, 'notBefore' | 'notAfter'>): number =>
  cert.notBefore + Math.floor(((cert.notAfter - cert.notBefore) * 2) / 3)

/** Judges one certificate by itself: its Secret, its key and its times. */
export const needsRenewal = (held: CertState, now: number): Renewal => {
  if (held.state === 'missing') return yes('Missing', 'there is no certificate yet')
  if (held.state === 'unreadable') return yes('Unreadable', `what is there cannot be read: ${held.why}`)
  const { cert, keyMatches } = held
  if (!keyMatches) return yes('KeyMismatch', `the key does not belong to ${cert.subject}`)
  if (now < cert.notBefore)
    return yes('NotYetValid', `it begins ${at(cert.notBefore)} and the API server has ${at(now)}`)
  if (now >= cert.notAfter) return yes('Expired', `it ended ${at(cert.notAfter)} and the API server has ${at(now)}`)
  if (now >= renewAt(cert))
    return yes('RenewalDue', `it ends ${at(cert.notAfter)}; renewal was due ${at(renewAt(cert))}`)
  return Object.freeze({ verdict: 'no', reason: 'Fresh', detail: `it is good until ${at(cert.notAfter)}` })
}

/** Judges the CA: needsRenewal, and that it may sign at all. */
export const caNeedsRenewal = (held: CertState, now: number): Renewal =>
  held.state === 'read' && !held.cert.isCa
    ? yes('NotACa', `${held.cert.subject} is not a CA certificate`)
    : needsRenewal(held, now)

/** Judges the leaf: needsRenewal, its names, and the CA it comes from. */
export const leafNeedsRenewal = (
  held: CertState,
  issuer: CertView | null,
  ca: CertView,
  names: readonly string[],
  now: number,
): Renewal => {
  const alone = needsRenewal(held, now)
  if (held.state !== 'read' || (alone.verdict === 'yes' && alone.reason !== 'RenewalDue')) return alone
  const lacking = names.filter((name) => !held.cert.names.includes(name))
  if (lacking.length > 0) return yes('NamesDiffer', `it lacks ${lacking.join(', ')}`)
  if (issuer === null) return yes('IssuerUnknown', `none of the known CAs signed ${held.cert.subject}`)
  // API servers check the times of the CA in the bundle as well, so a leaf of a dead CA is as good as none.
  if (now < issuer.notBefore || now >= issuer.notAfter)
    return yes('IssuerInvalid', `${issuer.subject} is valid from ${at(issuer.notBefore)} until ${at(issuer.notAfter)}`)
  if (issuer.fingerprint !== ca.fingerprint)
    return yes('IssuerReplaced', `it comes from ${issuer.subject}, and ${ca.subject} signs now`)
  return alone
}

const STILL_SERVES: ReadonlySet<RenewalReason> = new Set(['Fresh', 'RenewalDue', 'IssuerReplaced'])

/** Whether a leaf with this verdict is accepted by API servers that trust its issuer: replacing it needs care. */
export const stillServes = (renewal: Renewal): boolean => STILL_SERVES.has(renewal.reason)
