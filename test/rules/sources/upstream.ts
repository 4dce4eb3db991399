/**
 * A real HTTPS server on loopback that plays GitHub: the API's list of releases with ETags, and downloads that are redirected to a storage with
 * a secret in the query, as there. What it serves can be changed while it runs, and `fault` may answer any path otherwise.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { issueCa, issueLeaf } from '../../../certs-job/issue.ts'

export type Answerer = (request: IncomingMessage, response: ServerResponse) => void

export interface Listed {
  readonly tag_name: string
  readonly draft?: boolean
  readonly prerelease?: boolean
  readonly assets?: readonly { readonly name: string; readonly size: number }[]
}

export interface Upstream {
  /** `https://localhost:PORT`, for the API and for downloads. */
  readonly address: string
  /** PEM of the CA that issued its certificate. */
  readonly ca: string
  /** What the API lists, in this order. */
  readonly listed: Listed[]
  /** Path → bytes. */
  readonly files: Map<string, Uint8Array>
  /** The first pattern that fits the path and query answers in the server's place. */
  readonly faults: [pattern: RegExp, answer: Answerer][]
  /** `GET /path` and `GET /path 304` in the order they came. */
  readonly requests: string[]
  readonly headers: IncomingMessage['headers'][]
  /** Lists a release and serves its archive and signature; without a signature only the archive. */
  publish(version: string, archive: Uint8Array, signature?: string): void
  close(): Promise<void>
}

const REPOSITORY = '/coreruleset/coreruleset'
const DOWNLOAD = `${REPOSITORY}/releases/download/`

/** Where it listens; under that name its certificate is good. */
export interface Place {
  readonly host: string
  readonly address: string
  readonly port: number
}
const LOOPBACK: Place = { host: 'localhost', address: '127.0.0.1', port: 0 }

/** One for all of a test file: its RSA keys take a second. */
let certificates: ReturnType<typeof issue> | undefined
const issue = async (host: string) => {
  const terms = { now: Date.now(), days: 30, backdateMs: 60_000 }
  const ca = await issueCa(terms)
  const leaf = await issueLeaf({ ...ca, notAfter: terms.now + 30 * 86_400_000 }, [host], terms)
  return { ca: ca.certPem, cert: leaf.certPem, key: leaf.keyPem }
}

export async function startUpstream({ host, address, port }: Place = LOOPBACK): Promise<Upstream> {
  certificates ??= issue(host)
  const { ca, cert, key } = await certificates

  const send = (request: IncomingMessage, response: ServerResponse, body: Uint8Array, type: string) => {
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
    if (request.headers['if-none-match'] === etag) {
      upstream.requests[upstream.requests.length - 1] += ' 304'
      return response.writeHead(304, { etag }).end()
    }
    return response.writeHead(200, { etag, 'content-type': type, 'content-length': body.length }).end(body)
  }

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', upstream.address)
    upstream.requests.push(`GET ${pathname}${search}`)
    upstream.headers.push(request.headers)
    const fault = upstream.faults.find(([pattern]) => pattern.test(`${pathname}${search}`))
    if (fault) return fault[1](request, response)
    const json = (value: unknown) =>
      send(request, response, Buffer.from(JSON.stringify(value)), 'application/json; charset=utf-8')
    if (pathname === `/repos${REPOSITORY}/releases`) {
      const page = Number(searchParams.get('page') ?? 1)
      return json(upstream.listed.slice((page - 1) * 100, page * 100))
    }
    const tagged = upstream.listed.find(({ tag_name }) => pathname === `/repos${REPOSITORY}/releases/tags/${tag_name}`)
    if (tagged) return json(tagged)
    const stored = upstream.files.get(pathname)
    if (stored && pathname.startsWith(DOWNLOAD))
      return response.writeHead(302, { location: `/storage${pathname}?sig=storage-secret` }).end()
    const body =
      stored ??
      (searchParams.get('sig') === 'storage-secret' ? upstream.files.get(pathname.replace('/storage', '')) : undefined)
    return body
      ? send(request, response, body, 'application/octet-stream')
      : response.writeHead(404, { 'content-type': 'text/html' }).end('<html>Not Found</html>')
  }

  const server = https.createServer({ key, cert }, answer)
  server.listen(port, address)
  await once(server, 'listening')
  const upstream: Upstream = {
    address: `https://${host}:${(server.address() as AddressInfo).port}`,
    ca,
    listed: [],
    files: new Map(),
    faults: [],
    requests: [],
    headers: [],
    publish(version, archive, signature) {
      const name = `coreruleset-${version}-minimal.tar.gz`
      const assets = [{ name, size: archive.length }]
      upstream.files.set(`${DOWNLOAD}v${version}/${name}`, archive)
      if (signature !== undefined) {
        assets.push({ name: `${name}.asc`, size: signature.length })
        upstream.files.set(`${DOWNLOAD}v${version}/${name}.asc`, Buffer.from(signature))
      }
      upstream.listed.unshift({ tag_name: `v${version}`, assets })
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return upstream
}
