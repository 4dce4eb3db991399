/** What the tests of the update server share: a cluster's keys, tokens, a shelf with two Pods, a running server over real TLS, a client. */
import { createHash } from 'node:crypto'
import https from 'node:https'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { Registry } from 'prom-client'
import { pollSettings } from '../../../src/config/rules.ts'
import type { Heard, PodFact, SealedOrders, Shelf, Wanted } from '../../../src/rules/model.ts'
import type { ClusterKeys } from '../../../src/rules/serve/keys.ts'
import { createUpdateServer, type UpdateServer, type UpdateServerOptions } from '../../../src/rules/serve/server.ts'
import { type Ca, logOf, makeCa, makeLeaf, placePair, temporaryDirectory } from '../../admission/support.ts'

export const ISSUER = 'https://kubernetes.default.svc.cluster.local'

/** One signing key of a cluster. */
export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: Record<string, unknown>
}
export const signingKey = async (kid: string, alg = 'RS256'): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}
export const jwksOf = (...keys: readonly SigningKey[]): ClusterKeys => ({
  issuer: ISSUER,
  jwks: { keys: keys.map(({ jwk }) => jwk) },
})

export interface PodName {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}
/** The claims as kube-apiserver writes them for a projected token. */
export const claimsOf = (pod: PodName, serviceAccount = 'default'): JWTPayload => ({
  'kubernetes.io': {
    namespace: pod.namespace,
    node: { name: 'node-1', uid: 'c0ffee00-0000-4000-8000-000000000001' },
    pod: { name: pod.name, uid: pod.uid },
    serviceaccount: { name: serviceAccount, uid: 'c0ffee00-0000-4000-8000-000000000002' },
    warnafter: 1,
  },
  sub: `system:serviceaccount:${pod.namespace}:${serviceAccount}`,
})
export interface TokenChanges {
  readonly issuer?: string
  readonly audience?: string | string[]
  /** Seconds from now. */
  readonly lives?: number
  readonly from?: number
  readonly header?: Record<string, unknown>
}
export const sign = (key: SigningKey, claims: JWTPayload, changes: TokenChanges = {}): Promise<string> => {
  const { issuer = ISSUER, audience = 'sekisho-rules', lives = 3600, from = 0, header = {} } = changes
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now + Math.min(0, from))
    .setNotBefore(now + from)
    .setExpirationTime(now + lives)
    .sign(key.privateKey)
}

export const WEB: PodName = { namespace: 'shop', name: 'web-1', uid: 'aaaaaaaa-0000-4000-8000-000000000001' }
export const BANK: PodName = { namespace: 'bank', name: 'api-1', uid: 'bbbbbbbb-0000-4000-8000-000000000001' }

export const factOf = (pod: PodName): PodFact => ({
  ...pod,
  labels: { app: pod.name },
  workload: 'Deployment/web',
  image: 'registry.local/sekisho/sekisho-waf:1',
  mode: 'block',
  terminating: false,
})
export const ordersOf = (namespace: string, mode: 'block' | 'detect' | 'own' = 'own'): SealedOrders => {
  const text = `sekisho-orders 1\nnamespace ${namespace}\nsequence 1795600012\nmode ${mode}\nbreak-glass 0\n`
  const id = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { namespace, sequence: 1795600012, mode, breakGlassUntil: 0, text, id, signature: new Uint8Array(64).fill(7) }
}
export const wantedOf = (namespace: string, bundle = Buffer.from(`bundle of ${namespace}`)): Wanted => ({
  generation: `crs-4.25.0-${createHash('sha256').update(namespace).digest('hex').slice(0, 16)}`,
  address: 'f'.repeat(64),
  sequence: 1795600000,
  sha256: createHash('sha256').update(bundle).digest('hex'),
  bytes: bundle.length,
  orders: ordersOf(namespace),
})

/** A shelf that can be changed. */
export interface TestShelf extends Shelf {
  readonly facts: Map<string, PodFact>
  /** By namespace. */
  readonly wants: Map<string, Wanted>
  /** By `namespace/generation`. */
  readonly bundles: Map<string, Uint8Array>
  readonly asked: Heard[]
  pods: number
}
export const shelfOf = (...pods: readonly PodName[]): TestShelf => {
  const facts = new Map(pods.map((pod) => [pod.uid, factOf(pod)]))
  const wants = new Map(pods.map(({ namespace }) => [namespace, wantedOf(namespace)]))
  const bundles = new Map(
    [...wants].map(([namespace, { generation }]) => [
      `${namespace}/${generation}`,
      Buffer.from(`bundle of ${namespace}`),
    ]),
  )
  const asked: Heard[] = []
  return {
    facts,
    wants,
    bundles,
    asked,
    pods: pods.length,
    pod: (namespace, name, uid) => {
      const fact = facts.get(uid)
      return fact?.namespace === namespace && fact.name === name ? fact : undefined
    },
    wanted: ({ namespace }, heard) => {
      asked.push(heard)
      return wants.get(namespace)
    },
    bundle: (namespace, generation) => bundles.get(`${namespace}/${generation}`),
  }
}

export interface Running {
  readonly port: number
  readonly ca: Ca
  readonly directory: string
  readonly server: UpdateServer
  readonly registry: Registry
  readonly lines: Record<string, unknown>[]
}
interface Test {
  teardown(fn: () => void | Promise<void>): void
}
let sharedCa: Promise<Ca> | undefined

/** A running server for `localhost`; it ends with the test. */
export const startUpdateServer = async (
  t: Test,
  given: Partial<UpdateServerOptions> & Pick<UpdateServerOptions, 'shelf' | 'keys'>,
): Promise<Running> => {
  const directory = temporaryDirectory(t)
  sharedCa ??= makeCa()
  const ca = await sharedCa
  placePair(directory, await makeLeaf(ca))
  const lines: Record<string, unknown>[] = []
  const registry = new Registry()
  const server = createUpdateServer({
    listen: { address: '127.0.0.1', port: 0 },
    tls: { directory },
    poll: pollSettings.parse({}),
    service: { namespace: 'sekisho-system', serviceAccount: 'sekisho-rules' },
    registry,
    log: logOf(lines),
    load: { overloaded: () => false, close: () => {} },
    ...given,
  })
  const { port } = await server.listen()
  t.teardown(() => server.close())
  for (let i = 0; server.checks['keys']!() !== undefined && i < 100; i++)
    await new Promise((done) => setTimeout(done, 10))
  return { port, ca, directory, server, registry, lines }
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: Buffer
  readonly text: string
  /** The code of an error. */
  readonly reason: string | undefined
}
export interface Call {
  readonly method?: string
  readonly token?: string
  readonly headers?: Record<string, string | string[]>
  readonly agent?: https.Agent
  readonly body?: string
}
/** One request on a connection of its own. */
export const get = ({ port, ca }: Pick<Running, 'port' | 'ca'>, path: string, call: Call = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = 'GET', token, headers = {}, agent = false, body } = call
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        servername: 'localhost',
        ca: ca.certPem,
        agent,
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('error', reject).on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const bytes = Buffer.concat(parts)
          const text = bytes.toString()
          const reason = text.startsWith('{"reason"') ? (JSON.parse(text).reason as string) : undefined
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes, text, reason })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })

export const CURRENT = '/v1/waf/current'
/** `Sekisho-Report` of a JSON value. */
export const reportOf = (value: unknown): Record<string, string> => ({
  'sekisho-report': Buffer.from(JSON.stringify(value)).toString('base64'),
})
export const REPORT = {
  protocol: 1,
  image: 'registry.local/sekisho/sekisho-waf:1',
  requests: 1234,
  blocked: 5,
  status: {
    generation: 'crs-4.22.0-0123456789abcdef',
    sequence: 7,
    wanted: 'crs-4.22.0-0123456789abcdef',
    state: 'active',
    reason: 'Active',
    detail: 'The generation is served and passed its probes.',
    mode: 'block',
    orders: '0123456789abcdef',
    rules: 402,
    engine: '3.0.16',
    crs: '4.22.0',
    nginx: '1.30.6',
    time: '2026-11-24T00:00:00Z',
  },
}
