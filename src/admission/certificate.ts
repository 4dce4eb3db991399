/** A certificate and its key as they are on disk: usable together, or why not. Pure but for the parsing of node:crypto. */
import { createPrivateKey, X509Certificate } from 'node:crypto'

export interface Certificate {
  /** PEM, leaf first, as it goes into the TLS context. */
  readonly cert: string
  readonly key: string
  /** Leaf first. */
  readonly chain: readonly X509Certificate[]
  /** ms since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  readonly fingerprint: string
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates of a PEM text, in their order. @throws when one cannot be read */
export const parseCertificates = (pem: string): X509Certificate[] =>
  (pem.match(PEM) ?? []).map((one) => new X509Certificate(one))

/** @throws Error with a sentence for the log: the pair is not served. */
export const parsePair = (cert: string, key: string): Certificate => {
  const chain = parseCertificates(cert)
  const leaf = chain[0]
  if (leaf === undefined) throw new Error('Cannot use tls.crt: there is no certificate in it.')
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error('Cannot use tls.crt with tls.key: the key belongs to another certificate.')
  }
  return {
    cert,
    key,
    chain,
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    fingerprint: leaf.fingerprint256,
  }
}

/** Why a client with a right clock would not take it now; undefined when it would. */
export const notValid = ({ notBefore, notAfter }: Certificate, now: number): string | undefined =>
  now < notBefore
    ? `the certificate is not valid before ${new Date(notBefore).toISOString()}`
    : now > notAfter
      ? `the certificate expired at ${new Date(notAfter).toISOString()}`
      : undefined
