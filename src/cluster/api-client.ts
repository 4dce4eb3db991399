/** Requests to the API server as plain JSON over HTTP/1.1: what we read is projected at once, so typed models would only cost memory. */
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Access } from './access.ts'

/** An answer that is not 2xx; `message` is the API server's own. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly retryAfterMs: number
  constructor(status: number, message: string, retryAfterMs = 0) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly signal?: AbortSignal
  readonly accept?: string
  readonly body?: unknown
  readonly contentType?: string
  /** No byte for so long ends the request. */
  readonly idleMs?: number
}

export interface ApiClient {
  /** Sends a request and parses the answer. @throws {ApiError} */
  request<T = unknown>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** Sends a GET and gives its body to be read while it comes. @throws {ApiError} */
  open(path: string, options?: RequestOptions): Promise<IncomingMessage>
  /** Ends idle connections. */
  close(): void
}

const IDLE_MS = 20_000
const MAX_ERROR_BYTES = 64 * 1024

/** A client for one API server. */
export function createApiClient(access: Access, userAgent: string): ApiClient {
  const secure = access.server.protocol === 'https:'
  const base = access.server.pathname.replace(/\/$/, '')
  const agent =
    access.agent ??
    (secure
      ? new https.Agent({ keepAlive: true, maxFreeSockets: 4, ...access.tls })
      : new http.Agent({ keepAlive: true }))

  const send = (method: string, path: string, options: RequestOptions, headers: Readonly<Record<string, string>>) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const url = new URL(access.server)
      url.pathname = `${base}${path}`
      for (const [key, value] of Object.entries(options.query ?? {}))
        if (value !== undefined) url.searchParams.set(key, String(value))
      const body = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body))
      const request = (secure ? https : http).request(
        url,
        {
          method,
          agent,
          ...(access.agent && access.tls),
          headers: {
            accept: options.accept ?? 'application/json',
            'user-agent': userAgent,
            ...(body && { 'content-type': options.contentType ?? 'application/json', 'content-length': body.length }),
            ...headers,
          },
          ...(options.signal && { signal: options.signal }),
        },
        resolve,
      )
      const idle = options.idleMs ?? IDLE_MS
      request.setTimeout(idle, () =>
        request.destroy(new Error(`no answer from the API server for ${idle} ms: ${method} ${path}`)),
      )
      request.on('error', reject)
      request.end(body)
    })

  const checked = async (method: string, path: string, options: RequestOptions): Promise<IncomingMessage> => {
    let response = await send(method, path, options, await access.headers())
    if (response.statusCode === 401) {
      response.resume()
      response = await send(method, path, options, await access.headers(true))
    }
    const status = response.statusCode ?? 0
    if (status >= 200 && status < 300) return response
    const text = await read(response, MAX_ERROR_BYTES)
    const retryAfter = Number(response.headers['retry-after'] ?? 0) * 1000
    throw new ApiError(
      status,
      messageOf(text) ?? `${method} ${path}: ${status}`,
      Number.isFinite(retryAfter) ? retryAfter : 0,
    )
  }

  return {
    request: async <T>(method: string, path: string, options: RequestOptions = {}) => {
      const text = await read(await checked(method, path, options))
      return JSON.parse(text) as T
    },
    open: (path, options = {}) => checked('GET', path, options),
    close: () => agent.destroy(),
  }
}

async function read(response: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > limit) break
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
