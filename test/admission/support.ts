/** What the tests of the webhook server share: certificates, a directory as the kubelet keeps it, a server, a client, a review. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { type Issued, issueCa, issueLeaf } from '../../certs-job/issue.ts'
import { createMetrics } from '../../src/admission/metrics.ts'
import type { Reviewers } from '../../src/admission/review.ts'
import { createServer, type ServerOptions } from '../../src/admission/server.ts'
import { allow } from '../../src/api/verdict.ts'
import { createLogger } from '../../src/log.ts'

const DAY_MS = 86_400_000

export const makeCa = async (): Promise<Issued & { notAfter: number }> => {
  const now = Date.now()
  return { ...(await issueCa({ now, days: 365, backdateMs: 60_000 })), notAfter: now + 365 * DAY_MS }
}
export type Ca = Awaited<ReturnType<typeof makeCa>>

export const makeLeaf = (ca: Ca, { names = ['localhost'], now = Date.now(), days = 30 } = {}): Promise<Issued> =>
  issueLeaf(ca, names, { now, days, backdateMs: 60_000 })

/** A directory that ends with the test. */
export const temporaryDirectory = (t: { teardown(fn: () => void): void }): string => {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Writes a pair as the kubelet does: a new dated directory, and one rename of `..data` that leads to it. */
export const placePair = (directory: string, { certPem, keyPem }: Issued): void => {
  const dated = `..${process.hrtime.bigint()}`
  mkdirSync(join(directory, dated))
  writeFileSync(join(directory, dated, 'tls.crt'), certPem)
  writeFileSync(join(directory, dated, 'tls.key'), keyPem)
  symlinkSync(dated, join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  for (const file of ['tls.crt', 'tls.key']) {
    try {
      symlinkSync(join('..data', file), join(directory, file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** A log whose lines can be read. */
export const logOf = (lines: Record<string, unknown>[]) =>
  createLogger({
    level: 'debug',
    service: 'test',
    stream: new Writable({
      write(chunk: Buffer, _encoding, done) {
        for (const line of chunk.toString().trimEnd().split('\n')) lines.push(JSON.parse(line))
        done()
      },
    }),
  })

export const ALLOW_ALL: Reviewers = new Map([
  ['mutate pods', async () => allow('Fine', 'It is fine.')],
  ['validate pods', async () => allow('Fine', 'It is fine.')],
])

export interface TestServer {
  readonly port: number
  readonly healthPort: number
  readonly ca: Ca
  readonly directory: string
  readonly lines: Record<string, unknown>[]
  readonly server: ReturnType<typeof createServer>
}

let sharedCa: Promise<Ca> | undefined

/** A running server with a certificate for `localhost`; it ends with the test. */
export const startServer = async (
  t: { teardown(fn: () => void | Promise<void>): void },
  given: Partial<ServerOptions> = {},
): Promise<TestServer> => {
  const directory = temporaryDirectory(t)
  sharedCa ??= makeCa()
  const ca = await sharedCa
  placePair(directory, await makeLeaf(ca))
  const lines: Record<string, unknown>[] = []
  const server = createServer({
    listen: { address: '127.0.0.1', port: 0 },
    health: { address: '127.0.0.1', port: 0 },
    tls: { directory },
    bodyLimitBytes: 7 * 1024 * 1024,
    reviewers: ALLOW_ALL,
    metrics: createMetrics('test', new Set(['Fine'])),
    log: logOf(lines),
    ...given,
  })
  const { port, healthPort } = await server.listen()
  t.teardown(() => server.close())
  return { port, healthPort, ca, directory, lines, server }
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  /** The body; of a `Status` its message. */
  readonly text: string
  /** The body as an AdmissionReview's `response`. */
  readonly response: {
    uid: string
    allowed: boolean
    status?: { code: number; message: string; reason: string }
    patch?: string
    patchType?: string
    warnings?: string[]
  }
}

export interface Call {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly agent?: https.Agent
}

/** Sends a body as it is; anything but a string or bytes is sent as JSON. */
export const post = (
  { port, ca }: Pick<TestServer, 'port' | 'ca'>,
  body: unknown,
  { path = '/mutate?timeout=10s', method = 'POST', headers = {}, agent }: Call = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        servername: 'localhost',
        ca: ca.certPem,
        agent: agent ?? false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes), ...headers },
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => {
          const text = Buffer.concat(parts).toString()
          const body = text.startsWith('{') ? JSON.parse(text) : {}
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: body.kind === 'Status' ? body.message : text,
            response: body.response,
          })
        })
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(bytes)
  })

export const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-', namespace: 'shop', labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: 8080 }] }] },
}

/** A review as the API server sends it. */
export const review = (request: Record<string, unknown> = {}): Record<string, unknown> => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'b1a3f0f2-0000-4000-8000-000000000001',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    requestKind: { group: '', version: 'v1', kind: 'Pod' },
    requestResource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'shop',
    operation: 'CREATE',
    userInfo: { username: 'alice', groups: ['system:authenticated'] },
    object: POD,
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    ...request,
  },
})
