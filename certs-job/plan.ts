/**
 * The next step towards valid certificates, decided from what is there. Pure, and without memory of former runs: a job
 * that is killed anywhere and started again sees the same state and decides the same.
 *
 * A rotation of the CA, as the steps come out one after the other:
 *
 *   make-ca         CA Secret: new CA signs, the old certificate moves to `previous` (its key is gone)
 *   publish         caBundle of every entry: new + old
 *   await-trust     every API server has seen it
 *   issue-leaf      the webhook gets a leaf of the new CA
 *   drop-previous   a day later: CA Secret without the old one
 *   publish         caBundle of every entry: new
 *
 * So at any moment the bundle holds the CA of every leaf that a webhook Pod may still serve.
 */
import { caNeedsRenewal, leafNeedsRenewal, type Renewal, renewAt, stillServes } from './needs-renewal.ts'
import type { Reason } from './reasons.ts'
import type { CertView, ConfigurationKind, Observed } from './view.ts'

interface Told {
  readonly reason: Reason
  readonly detail: string
}

export type Step =
  | (Told & { readonly do: 'make-ca'; readonly previous: readonly CertView[] })
  | (Told & { readonly do: 'issue-leaf'; readonly replaces: 'nothing that serves' | 'a serving leaf' })
  | (Told & { readonly do: 'publish'; readonly kind: ConfigurationKind; readonly bundle: string })
  | (Told & { readonly do: 'await-configuration'; readonly kind: ConfigurationKind })
  | (Told & { readonly do: 'await-trust'; readonly ms: number })
  | (Told & { readonly do: 'drop-previous'; readonly previous: readonly CertView[] })
  | (Told & { readonly do: 'nothing'; readonly nextAt: number })

export interface Wanted {
  readonly names: readonly string[]
  readonly backdateMs: number
  readonly publishWaitMs: number
  readonly overlapMs: number
}

/** The one order and form in which CAs stand in a caBundle, so that an unchanged set gives the same bytes. */
export const bundleOf = (ca: CertView, previous: readonly CertView[]): string =>
  [ca, ...previous].map(({ pem }) => `${pem.trim()}\n`).join('')

/** Whether every entry of both configurations carries exactly `bundle`. */
export const isPublished = (observed: Observed, bundle: string): boolean =>
  observed.configurations.every((each) => each.found && each.entries.every((entry) => entry.caBundle === bundle))

const unique = (certs: readonly CertView[]): CertView[] => [
  ...new Map(certs.map((cert) => [cert.fingerprint, cert])).values(),
]

/** What must stay trusted when a new CA takes over: the CA of a leaf that serves, and what was trusted before. */
const previousOf = (observed: Observed, leaf: Renewal | null, now: number): CertView[] => {
  const held = observed.ca.state === 'read' && observed.ca.cert.isCa ? [observed.ca.cert] : []
  // Only a CA that signed the leaf is rescued from elsewhere: anything else in a caBundle is none of ours.
  const issuer = leaf !== null && stillServes(leaf) && observed.leafIssuer !== null ? [observed.leafIssuer] : []
  return unique([...held, ...issuer, ...observed.previous]).filter((ca) => now >= ca.notBefore && now < ca.notAfter)
}

const awaitOrPublish = (observed: Observed, bundle: string): Step | null => {
  for (const each of observed.configurations) {
    if (!each.found)
      return {
        do: 'await-configuration',
        kind: each.kind,
        reason: 'ConfigurationMissing',
        detail: `${each.kind} is not there yet`,
      }
    const wrong = each.entries.filter((entry) => entry.caBundle !== bundle)
    if (wrong.length > 0)
      return {
        do: 'publish',
        kind: each.kind,
        bundle,
        reason: 'BundleDiffers',
        detail: `${wrong.length} of ${each.entries.length} entries, first ${wrong[0]?.name}`,
      }
  }
  return null
}

/**
 * @param now the API server's clock, ms since the epoch.
 * @param trustedForMs how long this run has seen the bundle in force, without a break, in every entry.
 */
export const plan = (observed: Observed, wanted: Wanted, now: number, trustedForMs: number): Step => {
  const ca = caNeedsRenewal(observed.ca, now)
  if (ca.verdict === 'yes' || observed.ca.state !== 'read') {
    // Judged against its own issuer: whether it serves, not whether it comes from the CA about to go.
    const issuer = observed.leafIssuer
    const leaf = issuer && leafNeedsRenewal(observed.leaf, issuer, issuer, wanted.names, now)
    return { do: 'make-ca', reason: ca.reason, detail: ca.detail, previous: previousOf(observed, leaf, now) }
  }
  const signer = observed.ca.cert
  const leaf = leafNeedsRenewal(observed.leaf, observed.leafIssuer, signer, wanted.names, now)
  // Nothing good is served, so there is no trust to keep: the sooner the better.
  if (!stillServes(leaf))
    return { do: 'issue-leaf', reason: leaf.reason, detail: leaf.detail, replaces: 'nothing that serves' }

  const publish = awaitOrPublish(observed, bundleOf(signer, observed.previous))
  if (publish) return publish

  if (leaf.reason === 'IssuerReplaced' && trustedForMs < wanted.publishWaitMs) {
    const ms = wanted.publishWaitMs - trustedForMs
    return {
      do: 'await-trust',
      ms,
      reason: 'TrustSpreading',
      detail: `the leaf is switched in ${Math.ceil(ms / 1000)} s`,
    }
  }
  if (leaf.verdict === 'yes')
    return { do: 'issue-leaf', reason: leaf.reason, detail: leaf.detail, replaces: 'a serving leaf' }

  return dropOrRest(observed, signer, wanted, now)
}

const dropOrRest = (observed: Observed, signer: CertView, wanted: Wanted, now: number): Step => {
  const leaf = observed.leaf.state === 'read' ? observed.leaf.cert : signer
  const issuedAt = leaf.notBefore + wanted.backdateMs
  const overlapEnds = issuedAt + wanted.overlapMs
  if (observed.previous.length > 0 && now >= overlapEnds)
    return {
      do: 'drop-previous',
      previous: [],
      reason: 'OverlapOver',
      detail: `the leaf was switched ${new Date(issuedAt).toISOString()}: ${observed.previous.map((ca) => ca.subject).join(', ')} can go`,
    }
  const due = [leaf, signer].map(renewAt)
  const nextAt = Math.min(...due, ...(observed.previous.length > 0 ? [overlapEnds] : []))
  return {
    do: 'nothing',
    nextAt,
    reason: 'AllRight',
    detail: `next change is due ${new Date(nextAt).toISOString()}`,
  }
}
