/**
 * The certificates of one cluster: one CA, and from it what each part shows and who each part is. Kubernetes' RBAC knows the names used
 * here out of the box, so nothing else has to be granted. openssl makes them in well under a second; they live as long as the cluster.
 */
import { generateKeyPair } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { must } from './run.ts'

/** One certificate: its subject, and for servers the names under which it is reached. */
export interface Identity {
  readonly file: string
  readonly subject: string
  readonly names?: readonly string[]
}

export interface KubeConfigInput {
  readonly server: string
  /** Folder of the certificates. */
  readonly pki: string
  /** Name of the certificate that this kubeconfig shows. */
  readonly identity: string
}

const ADMIN: Identity = { file: 'admin', subject: '/O=system:masters/CN=admin' }
const API_NAMES = ['DNS:localhost', 'IP:127.0.0.1', 'IP:10.96.0.1', 'DNS:kubernetes', 'DNS:kubernetes.default.svc']

/** What a control plane alone needs. */
export const controlPlaneIdentities = (address?: string): Identity[] => [
  ADMIN,
  {
    file: 'apiserver',
    subject: '/CN=kube-apiserver',
    names: [...API_NAMES, ...(address === undefined ? [] : [`IP:${address}`])],
  },
  { file: 'controller-manager', subject: '/CN=system:kube-controller-manager' },
  { file: 'scheduler', subject: '/CN=system:kube-scheduler' },
]

/** What nodes need beside it. */
export const nodeIdentities = (nodes: readonly { name: string; address: string }[]): Identity[] => [
  { file: 'proxy', subject: '/CN=system:kube-proxy' },
  { file: 'kubelet-client', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
  ...nodes.map(({ name, address }) => ({
    file: name,
    subject: `/O=system:nodes/CN=system:node:${name}`,
    names: [`DNS:${name}`, `IP:${address}`],
  })),
]

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const REQUEST = ['req', '-x509', ...EC, '-days', '30']

/** Writes ca.crt, sa.key, sa.pub and FILE.crt, FILE.key for each identity into the folder. */
export async function writeCertificates(folder: string, identities: readonly Identity[]): Promise<void> {
  const at = (file: string) => join(folder, file)
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.crt'), '-subj', '/CN=lab']
  await must('openssl', [...REQUEST, ...ca, '-addext', 'keyUsage=critical,keyCertSign,digitalSignature'])
  const issueAll = identities.map((identity) => issueCertificate(folder, identity))
  await Promise.all([...issueAll, writeServiceAccountKey(at('sa.key'), at('sa.pub'))])
}

/** Writes FILE.crt and FILE.key of one identity, signed by the CA in the folder. */
export async function issueCertificate(folder: string, { file, subject, names }: Identity): Promise<void> {
  const at = (name: string) => join(folder, name)
  const usage = names ? 'serverAuth,clientAuth' : 'clientAuth'
  const extensions = ['basicConstraints=critical,CA:FALSE', `extendedKeyUsage=${usage}`]
  if (names) extensions.push(`subjectAltName=${names.join(',')}`)
  const signed = ['-CA', at('ca.crt'), '-CAkey', at('ca.key')]
  const out = ['-keyout', at(`${file}.key`), '-out', at(`${file}.crt`), '-subj', subject]
  await must('openssl', [...REQUEST, ...signed, ...out, ...extensions.flatMap((line) => ['-addext', line])])
}

async function writeServiceAccountKey(privatePath: string, publicPath: string): Promise<void> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await Promise.all([writeFile(privatePath, privateKey, { mode: 0o600 }), writeFile(publicPath, publicKey)])
}

/** A kubeconfig that carries its certificates, so that it can be copied. JSON is YAML. */
export async function kubeConfigText({ server, pki, identity }: KubeConfigInput): Promise<string> {
  const base64 = async (file: string) => (await readFile(join(pki, file))).toString('base64')
  const [ca, certificate, key] = await Promise.all(['ca.crt', `${identity}.crt`, `${identity}.key`].map(base64))
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'lab',
      clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': ca } }],
      users: [{ name: identity, user: { 'client-certificate-data': certificate, 'client-key-data': key } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: identity } }],
    },
    null,
    2,
  )}\n`
}
