/**
 * Does the API server trust what we serve? It takes the `caBundle` of each webhook entry, so an install is done, and a
 * rotation is safe, when each bundle verifies our certificate for the name by which the entry calls us. Pure.
 */
import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type Certificate, parseCertificates } from './certificate.ts'

/** What is read of one entry of a webhook configuration. */
export interface WebhookEntry {
  readonly name?: string
  readonly clientConfig?: {
    readonly caBundle?: string
    readonly url?: string
    readonly service?: { readonly name?: string; readonly namespace?: string }
  }
}

const issued = (subject: X509Certificate, issuer: X509Certificate) =>
  subject.checkIssued(issuer) && subject.verify(issuer.publicKey)

/** Whether a chain leads from the leaf, by what we send, to one of the roots. */
const verifies = (chain: readonly X509Certificate[], roots: readonly X509Certificate[], now: number): boolean => {
  let at = chain[0]
  for (let step = 0; at !== undefined && step < 8; step++) {
    const subject: X509Certificate = at
    if (roots.some((root) => root.fingerprint256 === subject.fingerprint256)) return true
    if (roots.some((root) => Date.parse(root.validTo) > now && issued(subject, root))) return true
    at = chain.find((other) => other !== subject && issued(subject, other))
  }
  return false
}

const hostOf = (entry: WebhookEntry): string | undefined => {
  const { url, service } = entry.clientConfig ?? {}
  if (service !== undefined) return `${service.name}.${service.namespace}.svc`
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined
}

/** Why the API server would not trust us by this entry; undefined when it would. */
export const distrust = (entry: WebhookEntry, certificate: Certificate, now: number): string | undefined => {
  const name = entry.name ?? 'an entry without a name'
  const bundle = entry.clientConfig?.caBundle
  if (!bundle) return `${name} has no caBundle yet`
  let roots: X509Certificate[]
  try {
    roots = parseCertificates(Buffer.from(bundle, 'base64').toString('utf8'))
  } catch {
    return `${name} has a caBundle that cannot be read`
  }
  if (!verifies(certificate.chain, roots, now)) return `${name} has a caBundle that does not verify our certificate`
  const host = hostOf(entry)
  const leaf = certificate.chain[0]!
  const named = host === undefined || (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined
  if (!named) {
    return `${name} calls us ${host}, which is not a name of our certificate`
  }
  return undefined
}
