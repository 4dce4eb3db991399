/**
 * Makes certificates: keys by Node (native, fast), X.509 by node-forge. RSA because node-forge signs nothing else;
 * docs/decisions/0003-certificates.md has the why. Times come in; only serial numbers and keys are random.
 */
import { generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'

export interface Issued {
  readonly certPem: string
  readonly keyPem: string
}

const { md, pki } = forge
const DAY_MS = 86_400_000
const CA_BITS = 3072
const LEAF_BITS = 2048

const newKey = async (bits: number): Promise<string> => {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

// 16 bytes, the first below 0x80 and not 0: positive and of full length in DER.
const newSerial = (): string => {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

interface Request {
  readonly commonName: string
  readonly bits: number
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: (ca: forge.pki.Certificate | null) => object[]
  readonly signer: Issued | null
}

const issue = async (request: Request): Promise<Issued> => {
  const keyPem = await newKey(request.bits)
  const key = pki.privateKeyFromPem(keyPem)
  const ca = request.signer && pki.certificateFromPem(request.signer.certPem)
  const cert = pki.createCertificate()
  cert.serialNumber = newSerial()
  cert.publicKey = pki.setRsaPublicKey(key.n, key.e)
  cert.validity.notBefore = new Date(request.notBefore)
  cert.validity.notAfter = new Date(request.notAfter)
  const subject = [{ name: 'commonName', value: request.commonName }]
  cert.setSubject(subject)
  cert.setIssuer(ca ? ca.subject.attributes : subject)
  cert.setExtensions(request.extensions(ca))
  cert.sign(request.signer ? pki.privateKeyFromPem(request.signer.keyPem) : key, md.sha256.create())
  return { certPem: pki.certificateToPem(cert).replaceAll('\r\n', '\n'), keyPem }
}

export interface Lifetime {
  readonly now: number
  readonly days: number
  readonly backdateMs: number
}

/** A CA whose name is its own, so that old and new in one bundle are told apart by name as well as by key. */
export const issueCa = ({ now, days, backdateMs }: Lifetime): Promise<Issued> =>
  issue({
    commonName: `Sekisho webhook CA ${randomBytes(4).toString('hex')}`,
    bits: CA_BITS,
    notBefore: now - backdateMs,
    notAfter: now + days * DAY_MS,
    signer: null,
    extensions: () => [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      { name: 'subjectKeyIdentifier' },
    ],
  })

/** A leaf for `names`. It never outlives its CA: after that nobody would accept it anyway. */
export const issueLeaf = (
  ca: Issued & { readonly notAfter: number },
  names: readonly string[],
  { now, days, backdateMs }: Lifetime,
): Promise<Issued> =>
  issue({
    // A common name holds 64 characters at most; API servers look at the alternative names alone.
    commonName: (names[0] ?? 'sekisho').slice(0, 64),
    bits: LEAF_BITS,
    notBefore: now - backdateMs,
    notAfter: Math.min(now + days * DAY_MS, ca.notAfter),
    signer: ca,
    extensions: (issuer) => [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) },
      {
        name: 'authorityKeyIdentifier',
        keyIdentifier: issuer?.generateSubjectKeyIdentifier().getBytes(),
      },
    ],
  })

export interface Issuer {
  readonly issueCa: typeof issueCa
  readonly issueLeaf: typeof issueLeaf
}
