/**
 * The other end of the update protocol, for tests of the rule-updater: a real HTTPS server that follows docs/reference/update-protocol.md to
 * the letter, or fails in the way a test asks for. Texts are written and read by the service's own code; bundles and orders are signed with
 * the test's own key.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueCa, issueLeaf } from '../../certs-job/issue.ts'
import type { Content } from '../../src/rules/compile/compile.ts'
import { seal } from '../../src/rules/compile/seal.ts'
import type { SealedOrders, Wanted } from '../../src/rules/model.ts'
import { currentText, etagOf, runsIt } from '../../src/rules/serve/current.ts'
import { parseReport } from '../../src/rules/serve/report.ts'
import { tarGzOf } from '../rules/archive/pack.ts'
import { key } from '../rules/compile/support.ts'

const NAME = 'sekisho-rules.sekisho-system.svc'
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export interface Report {
  readonly protocol: number
  readonly image: string
  readonly requests: number
  readonly blocked: number
  readonly status: Readonly<Record<string, string | number>>
}
export interface Poll {
  /** ms since 1970 */
  readonly at: number
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** What the header Sekisho-Report said; undefined for a bundle. */
  readonly report: Report | undefined
  /** Of the answer; 0 where a fault answered. */
  status: number
}
export interface Bundle {
  readonly generation: string
  readonly packed: Buffer
  /** What is announced of it. */
  readonly sha256: string
  readonly bytes: number
}
export type Fault = (request: IncomingMessage, response: ServerResponse) => void

export const issueCertificates = async () => {
  const terms = { now: Date.now(), days: 30, backdateMs: 60_000 }
  const ca = await issueCa(terms)
  const leaf = await issueLeaf({ ...ca, notAfter: terms.now + 30 * 86_400_000 }, [NAME], terms)
  return { ca: ca.certPem, cert: leaf.certPem, key: leaf.keyPem }
}
export type Certificates = Awaited<ReturnType<typeof issueCertificates>>

/** A bundle of any files, whatever they are, with a name of its own. */
export const bundleOf = async (files: ReadonlyMap<string, Uint8Array>, name?: string): Promise<Bundle> => {
  const packed = await tarGzOf([...files].map(([file, body]) => ({ name: file, body })))
  return packedBundle(packed, name ?? `crs-4.25.0-${sha256(files.get('manifest') ?? packed).slice(0, 16)}`)
}
export const packedBundle = (packed: Buffer, generation = `crs-4.25.0-${sha256(packed).slice(0, 16)}`): Bundle => ({
  generation,
  packed,
  sha256: sha256(packed),
  bytes: packed.length,
})

export interface SealOptions {
  namespace?: string
  sequence: number
  ca?: string
  sign?: (bytes: Uint8Array) => Uint8Array
}
/** A compiled content, signed for a namespace and packed. */
export const sealedBundle = (content: Content, { namespace = 'shop', sequence, ca, sign = key.sign }: SealOptions) => {
  const sealed = seal(content, {
    namespace,
    sequence,
    rollback: false,
    keys: [],
    hash: sha256,
    sign,
    ...(ca && { ca }),
  })
  if (sealed.status === 'refused') throw new Error(sealed.problems.map(({ message }) => message).join('\n'))
  return bundleOf(sealed.files, sealed.generation)
}

export type UpdateService = Awaited<ReturnType<typeof startUpdateService>>

export async function startUpdateService({ interval = 1, jitter = 0 } = {}) {
  const certificates = await issueCertificates()
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-token-'))
  chmodSync(folder, 0o755)
  const polls: Poll[] = []
  const bundles = new Map<string, Bundle>()
  let server: https.Server | undefined
  let port = 0
  let orders: SealedOrders | undefined

  const current = (request: IncomingMessage, response: ServerResponse): number => {
    if (orders === undefined) return response.writeHead(304).end().statusCode
    const { generation = '', sha256 = '', bytes = 0 } = service.wanted ?? {}
    const wanted: Wanted = { generation, sha256, bytes, orders, address: '', sequence: 0 }
    if (runsIt(request.headers['if-none-match'], wanted)) return response.writeHead(304).end().statusCode
    response.setHeader('etag', etagOf(wanted))
    return response.writeHead(200, { 'content-type': 'text/plain' }).end(currentText(wanted)).statusCode
  }
  const answer = (request: IncomingMessage, response: ServerResponse): number => {
    const refuse = (status: number, reason: string) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ reason, message: `A sentence about ${reason}.` })).statusCode
    response.setHeader('sekisho-interval', service.interval)
    response.setHeader('sekisho-jitter', service.jitter)
    if (request.headers.authorization !== `Bearer ${service.token}`) return refuse(401, 'TokenInvalid')
    if (request.url === '/v1/waf/current') return current(request, response)
    const bundle = bundles.get(/^\/v1\/waf\/bundles\/([a-z0-9.-]+)$/.exec(request.url!)?.[1] ?? '')
    if (bundle === undefined) return refuse(404, 'NotFound')
    response.writeHead(200, { 'content-type': 'application/gzip', 'cache-control': 'immutable' }).end(bundle.packed)
    return 200
  }
  const listen = async (given: Certificates = certificates) => {
    server = https.createServer({ cert: given.cert, key: given.key, minVersion: 'TLSv1.2' }, (request, response) => {
      const header = request.headers['sekisho-report']
      // Throws, and so ends the test, where the service could not read it.
      if (header !== undefined) parseReport(header)
      const report = header === undefined ? undefined : Buffer.from(String(header), 'base64').toString()
      const poll: Poll = {
        at: Date.now(),
        path: request.url!,
        headers: request.headers,
        report: report === undefined ? undefined : (JSON.parse(report) as Report),
        status: 0,
      }
      polls.push(poll)
      const fault = service.faults.find(([pattern]) => pattern.test(request.url!))
      if (fault) fault[1](request, response)
      else poll.status = answer(request, response)
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  }
  const close = async () => {
    server?.closeAllConnections()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
    server = undefined
  }

  const service = {
    certificates,
    interval,
    jitter,
    token: '',
    /** The first whose pattern fits the path answers in the service's place. */
    faults: [] as [pattern: RegExp, answer: Fault][],
    /** Everything that was asked, in the order it came. */
    polls,
    /** Polls alone, without downloads. */
    current: () => polls.filter(({ path }) => path === '/v1/waf/current'),
    downloads: () => polls.filter(({ path }) => path.startsWith('/v1/waf/bundles/')),
    wanted: undefined as Bundle | undefined,
    /** From now on it is wanted; `undefined` leaves the lines of a bundle out. */
    publish: (bundle: Bundle | undefined) => {
      service.wanted = bundle
      if (bundle) bundles.set(bundle.generation, bundle)
    },
    order: (
      order: { mode: 'block' | 'detect' | 'own'; sequence: number; breakGlass?: number; namespace?: string },
      sign = key.sign,
    ) => {
      const { mode, sequence, breakGlass = 0, namespace = 'shop' } = order
      const text = `sekisho-orders 1\nnamespace ${namespace}\nsequence ${sequence}\nmode ${mode}\nbreak-glass ${breakGlass}\n`
      const id = sha256(Buffer.from(text)).slice(0, 16)
      orders = { namespace, sequence, mode, breakGlassUntil: breakGlass, text, signature: sign(Buffer.from(text)), id }
      return id
    },
    /** A renewed token, as the kubelet writes one: by a rename. */
    setToken: (token: string, { known = true } = {}) => {
      writeFileSync(join(folder, '.token'), token)
      renameSync(join(folder, '.token'), join(folder, 'token'))
      if (known) service.token = token
    },
    /** The folder of the token, for /var/run/secrets/sekisho. */
    tokens: folder,
    /** What the webhook writes into the environment of sekisho-rules. */
    environment: (ca = certificates.ca): Record<string, string> => ({
      SEKISHO_RULES_URL: `https://${NAME}:443`,
      SEKISHO_RULES_CONNECT_TO: `127.0.0.1:${port}`,
      SEKISHO_RULES_CA: ca,
      SEKISHO_RULES_KEYS: key.public,
    }),
    keys: key.public,
    listen,
    close,
    stop: async () => {
      await close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  service.setToken('aaa.bbb-_1.ccc')
  service.order({ mode: 'own', sequence: 1 })
  await listen()
  return service
}
