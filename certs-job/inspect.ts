/** PEM in, views out: reading certificates with what Node has. No clock and no cluster. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { CertState, CertView } from './view.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

const dnsNames = (subjectAltName: string | undefined): string[] =>
  (subjectAltName ?? '')
    .split(', ')
    .filter((each) => each.startsWith('DNS:'))
    .map((each) => each.slice('DNS:'.length))

const viewOf = (pem: string): CertView => {
  const cert = new X509Certificate(pem)
  return Object.freeze({
    pem: `${pem.trim()}\n`,
    fingerprint: cert.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: cert.subject.replaceAll('\n', ', '),
    notBefore: cert.validFromDate.getTime(),
    notAfter: cert.validToDate.getTime(),
    names: dnsNames(cert.subjectAltName),
    isCa: cert.ca,
  })
}

/** Every certificate in a bundle. What cannot be read is left out: bundles are also written by others. */
export const readBundle = (text: string): CertView[] =>
  (text.match(BLOCK) ?? []).flatMap((pem) => {
    try {
      return [viewOf(pem)]
    } catch {
      return []
    }
  })

/** A certificate and its key as they stand in a Secret; empty text means that nothing is there. */
export const readPair = (certPem: string, keyPem: string): CertState => {
  if (certPem.trim() === '' && keyPem.trim() === '') return { state: 'missing' }
  try {
    const cert = viewOf(certPem)
    const spki = { type: 'spki', format: 'pem' } as const
    const ofKey = createPublicKey(createPrivateKey(keyPem)).export(spki)
    return { state: 'read', cert, keyMatches: new X509Certificate(certPem).publicKey.export(spki) === ofKey }
  } catch (error) {
    return { state: 'unreadable', why: error instanceof Error ? error.message : String(error) }
  }
}

/** The CA among `candidates` whose key signed `cert`; names alone prove nothing, so the signature is checked. */
export const issuerOf = (cert: CertView, candidates: readonly CertView[]): CertView | null => {
  const leaf = new X509Certificate(cert.pem)
  const signed = (candidate: CertView): boolean => {
    const ca = new X509Certificate(candidate.pem)
    return candidate.isCa && leaf.checkIssued(ca) && leaf.verify(ca.publicKey)
  }
  return candidates.find(signed) ?? null
}
