/**
 * The next step towards valid certificates, decided from what is there. Pure, and without memory of former runs: a job
 * that is killed anywhere and started again sees the same state and decides the same.
 *
 * A rotation of the CA, as the steps come out one after the other:
 *
 *   make-ca         CA Secret: new CA signs, the old certificate moves to `previous` (its key is gone)
 *   tell-rules      Secret of `sekisho rules`, ConfigMap for new Pods: new + old
 *   publish         caBundle of every entry: new + old
 *   await-trust     every API server has seen it
 *   issue-leaf      the webhook gets a leaf of the new CA
 *   issue-leaf      a week later, `sekisho rules` does: by then Pods have the new CA from signed bundles
 *   drop-previous   a day later: CA Secret without the old one
 *   tell-rules      new
 *   publish         caBundle of every entry: new
 *
 * So at any moment the bundle holds the CA of every leaf that a Pod of ours may still serve.
 */
import { caNeedsRenewal, leafNeedsRenewal, type Renewal, renewAt, stillServes } from './needs-renewal.ts'
import type { Reason } from './reasons.ts'
import { keysText, type SigningChange, signingChange, signingDue } from './signing.ts'
import type { CertState, CertView, ConfigurationKind, LeafName, Observed } from './view.ts'

interface Told {
  readonly reason: Reason
  readonly detail: string
}

export type Step =
  | (Told & { readonly do: 'make-ca'; readonly previous: readonly CertView[] })
  | (Told & { readonly do: 'make-signing-keys'; readonly change: SigningChange })
  | (Told & {
      readonly do: 'issue-leaf'
      readonly leaf: LeafName
      readonly replaces: 'nothing that serves' | 'a serving leaf'
    })
  | (Told & { readonly do: 'tell-rules'; readonly where: 'Secret'; readonly bundle: string })
  | (Told & { readonly do: 'tell-rules'; readonly where: 'ConfigMap'; readonly bundle: string; readonly keys: string })
  | (Told & { readonly do: 'publish'; readonly kind: ConfigurationKind; readonly bundle: string })
  | (Told & { readonly do: 'await-leaf' })
  | (Told & { readonly do: 'await-configuration'; readonly kind: ConfigurationKind })
  | (Told & { readonly do: 'await-trust'; readonly ms: number })
  | (Told & { readonly do: 'drop-previous'; readonly previous: readonly CertView[] })
  | (Told & { readonly do: 'nothing'; readonly nextAt: number })

export interface Wanted {
  readonly certificates: 'own' | 'elsewhere'
  readonly names: Readonly<Record<LeafName, readonly string[]>>
  readonly backdateMs: number
  readonly publishWaitMs: number
  readonly overlapMs: number
  readonly rulesTrustMs: number
  readonly signingMs: number
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

/** What must stay trusted when a new CA takes over: the CA of each leaf that serves, and what was trusted before. */
const previousOf = (observed: Observed, { names }: Wanted, now: number): CertView[] => {
  const held = observed.ca.state === 'read' && observed.ca.cert.isCa ? [observed.ca.cert] : []
  // Only a CA that signed a leaf is rescued from elsewhere: anything else in a caBundle is none of ours. The leaf is
  // judged against its own issuer: whether it serves, not whether it comes from the CA about to go.
  const rescued = (leaf: CertState, issuer: CertView | null, name: LeafName): CertView[] =>
    issuer && stillServes(leafNeedsRenewal(leaf, issuer, issuer, names[name], now)) ? [issuer] : []
  const { leaf, leafIssuer, rules } = observed
  return unique([
    ...held,
    ...rescued(leaf, leafIssuer, 'webhook'),
    ...rescued(rules.leaf, rules.leafIssuer, 'rules'),
    ...observed.previous,
  ]).filter((ca) => now >= ca.notBefore && now < ca.notAfter)
}

const signing = ({ rules }: Observed, wanted: Wanted, now: number): Step | null => {
  const change = signingChange(rules.signing, wanted, now)
  return change && { do: 'make-signing-keys', change, reason: change.reason, detail: change.detail }
}

/** What Pods are told: first what the service hands them in bundles, then what new ones are given. */
const tellRules = ({ rules }: Observed, bundle: string): Step | null => {
  const reason = 'RulesTrustDiffers'
  if (rules.leafBundle !== bundle)
    return { do: 'tell-rules', where: 'Secret', bundle, reason, detail: 'ca.crt beside the leaf of sekisho rules' }
  const keys = keysText(rules.signing)
  if (rules.public.ca === bundle && rules.public.keys === keys) return null
  const differing = [...(rules.public.ca === bundle ? [] : ['ca.crt']), ...(rules.public.keys === keys ? [] : ['keys'])]
  return {
    do: 'tell-rules',
    where: 'ConfigMap',
    bundle,
    keys,
    reason,
    detail: `${differing.join(' and ')} in the ConfigMap`,
  }
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

/** Another tool makes the certificates: keys, and what Pods are told, are left to us. */
const planKeys = (observed: Observed, wanted: Wanted, now: number): Step => {
  const { rules } = observed
  const step = signing(observed, wanted, now)
  if (step) return step
  if (rules.leafBundle.trim() === '')
    return { do: 'await-leaf', reason: 'LeafMissing', detail: 'the certificate of sekisho rules is not there yet' }
  return tellRules(observed, rules.leafBundle) ?? rest(signingDue(rules.signing, wanted, now))
}

/**
 * @param now the API server's clock, ms since the epoch.
 * @param trustedForMs how long this run has seen the bundle in force, without a break, in every entry.
 */
export const plan = (observed: Observed, wanted: Wanted, now: number, trustedForMs: number): Step => {
  if (wanted.certificates === 'elsewhere') return planKeys(observed, wanted, now)
  const ca = caNeedsRenewal(observed.ca, now)
  if (ca.verdict === 'yes' || observed.ca.state !== 'read')
    return { do: 'make-ca', reason: ca.reason, detail: ca.detail, previous: previousOf(observed, wanted, now) }
  const signer = observed.ca.cert
  const bundle = bundleOf(signer, observed.previous)
  const { rules } = observed
  const leaf = leafNeedsRenewal(observed.leaf, observed.leafIssuer, signer, wanted.names.webhook, now)
  const rulesLeaf = leafNeedsRenewal(rules.leaf, rules.leafIssuer, signer, wanted.names.rules, now)
  const issue = (
    name: LeafName,
    { reason, detail }: Renewal,
    replaces: 'nothing that serves' | 'a serving leaf',
  ): Step => ({
    do: 'issue-leaf',
    leaf: name,
    reason,
    detail: name === 'webhook' ? detail : `sekisho rules: ${detail}`,
    replaces,
  })

  // Before the webhook's first leaf, without which its Pods do not start: then they have what Pods are told from the beginning.
  const step = signing(observed, wanted, now)
  if (step) return step
  if (!stillServes(rulesLeaf)) return issue('rules', rulesLeaf, 'nothing that serves')
  const told = tellRules(observed, bundle)
  if (told) return told

  // Nothing good is served, so there is no trust to keep: the sooner the better.
  if (!stillServes(leaf)) return issue('webhook', leaf, 'nothing that serves')
  const publish = awaitOrPublish(observed, bundle)
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
  if (leaf.verdict === 'yes') return issue('webhook', leaf, 'a serving leaf')
  const switchAt = rulesSwitchAt(observed, signer, wanted)
  if (rulesLeaf.verdict === 'yes' && (rulesLeaf.reason !== 'IssuerReplaced' || now >= switchAt))
    return issue('rules', rulesLeaf, 'a serving leaf')

  return dropOrRest(observed, signer, wanted, now)
}

const HOUR_MS = 3_600_000

/**
 * When `sekisho rules` goes over to a new CA. Pods keep for life what they were given when they were made, and hear of a new CA in
 * signed bundles: they get `rulesTrustMs` from the CA's beginning, and no more than the old leaf still lives.
 */
const rulesSwitchAt = ({ rules }: Observed, signer: CertView, wanted: Wanted): number => {
  const told = signer.notBefore + wanted.backdateMs + wanted.rulesTrustMs
  return rules.leaf.state === 'read' ? Math.min(told, rules.leaf.cert.notAfter - HOUR_MS) : told
}

const rest = (nextAt: number): Step => ({
  do: 'nothing',
  nextAt,
  reason: 'AllRight',
  detail: `next change is due ${new Date(nextAt).toISOString()}`,
})

const dropOrRest = (observed: Observed, signer: CertView, wanted: Wanted, now: number): Step => {
  const { leaf, rules, previous } = observed
  const switching = rules.leafIssuer !== null && rules.leafIssuer.fingerprint !== signer.fingerprint
  const leaves = [leaf, rules.leaf].map((each) => (each.state === 'read' ? each.cert : signer))
  const issuedAt = Math.max(...leaves.map(({ notBefore }) => notBefore)) + wanted.backdateMs
  const overlapEnds = issuedAt + wanted.overlapMs
  if (previous.length > 0 && !switching && now >= overlapEnds)
    return {
      do: 'drop-previous',
      previous: [],
      reason: 'OverlapOver',
      detail: `the last leaf was switched ${new Date(issuedAt).toISOString()}: ${previous.map((ca) => ca.subject).join(', ')} can go`,
    }
  const due = [...leaves, signer].map(renewAt)
  const handover = switching ? [rulesSwitchAt(observed, signer, wanted)] : previous.length > 0 ? [overlapEnds] : []
  return rest(Math.min(...due, signingDue(rules.signing, wanted, now), ...handover))
}
