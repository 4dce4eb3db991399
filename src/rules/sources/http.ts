/**
 * GET with everything an upstream may do wrong turned into a refusal: https only, redirects counted and never to plain http, bytes counted
 * as they come, one deadline over all, proxies as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.
 */
import { getCACertificates } from 'node:tls'
import { type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { quoted } from '../archive/quoted.ts'
import { shownAddress } from './address.ts'
import { faultOf } from './http-faults.ts'
import { Refusal } from './refusals.ts'
import type { GetOptions, Got, Http } from './source.ts'

export interface HttpOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Over connection, redirects and body together. */
  readonly timeoutMs: number
  /** PEM, beside the CAs of the system. */
  readonly ca?: string
  /** Lets http through to 127.0.0.0/8, ::1 and localhost. */
  readonly plainOnLoopback?: boolean
  readonly userAgent: string
  readonly now?: () => number
}

const MOST_REDIRECTS = 5
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

type Headers = Dispatcher.ResponseData['headers']
const header = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Seconds or a date, in milliseconds from now. */
const retryAfter = (headers: Headers, now: number): number | undefined => {
  const told = header(headers, 'retry-after')
  if (told !== undefined && /^\d{1,7}$/.test(told)) return Number(told) * 1000
  const at = told === undefined ? Number(header(headers, 'x-ratelimit-reset')) * 1000 : Date.parse(told)
  return Number.isFinite(at) && at > 0 ? Math.max(0, at - now) : undefined
}

/** What is not an answer. The body is never read: what an error page says is of no use and others' text. */
const refusedStatus = (status: number, headers: Headers, shown: string, now: number): Refusal => {
  const waitMs = retryAfter(headers, now)
  const wait = waitMs === undefined ? {} : { retryAfterMs: waitMs }
  const said = `${shown}: answered ${status}`
  const limited = status === 429 || (status === 403 && header(headers, 'x-ratelimit-remaining') === '0')
  if (limited) return new Refusal('RateLimited', `${said}.`, wait)
  if (status === 404 || status === 410) return new Refusal('NotFound', `${said}.`)
  if (status === 401 || status === 403 || status === 407) return new Refusal('Unauthorized', `${said}.`)
  return new Refusal('UpstreamFault', `${said}.`, wait)
}

/** Keep one for the life of the process: it holds the connections. */
export const createHttp = (options: HttpOptions): Http & { close(): Promise<void> } => {
  const { env, timeoutMs, now = Date.now } = options
  const tls = options.ca === undefined ? {} : { ca: [...getCACertificates('default'), options.ca] }
  const agent = new EnvHttpProxyAgent({
    connect: { timeout: timeoutMs, ...tls },
    requestTls: tls,
    proxyTls: tls,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    httpProxy: env['http_proxy'] ?? env['HTTP_PROXY'] ?? '',
    httpsProxy: env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '',
    noProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '',
  })

  const allowed = (url: URL): boolean =>
    url.username === '' &&
    url.password === '' &&
    (url.protocol === 'https:' ||
      (url.protocol === 'http:' && options.plainOnLoopback === true && LOOPBACK.test(url.hostname)))

  const once = async (
    url: URL,
    get: Omit<GetOptions, 'signal'>,
    signal: AbortSignal,
    shown: string,
  ): Promise<Got | URL> => {
    const answer = await agent
      .request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'GET',
        signal,
        headers: {
          accept: get.accept,
          // The bytes are hashed as published; packed once more in transit they would have to be unpacked first.
          'accept-encoding': 'identity',
          'user-agent': options.userAgent,
          ...(get.etag === undefined ? {} : { 'if-none-match': get.etag }),
          ...(get.token !== undefined ? { authorization: `Bearer ${get.token}` } : {}),
        },
      })
      .catch((cause) => {
        throw faultOf(cause, 'connecting', shown)
      })
    const { statusCode, headers, body } = answer
    body.on('error', () => {})
    try {
      if (statusCode === 304) return { status: 304 }
      if ([301, 302, 303, 307, 308].includes(statusCode)) {
        const to = header(headers, 'location')
        if (to !== undefined && URL.canParse(to, url.href)) return new URL(to, url)
        throw new Refusal('RedirectRefused', `${shown}: answered ${statusCode} without a usable address.`)
      }
      if (statusCode !== 200) throw refusedStatus(statusCode, headers, shown, now())
      const declared = Number(header(headers, 'content-length'))
      if (declared > get.maxBytes) throw tooLarge(shown, declared, get.maxBytes)
      const chunks: Uint8Array[] = []
      let length = 0
      try {
        for await (const chunk of body) {
          length += (chunk as Uint8Array).length
          if (length > get.maxBytes) throw tooLarge(shown, length, get.maxBytes)
          chunks.push(chunk as Uint8Array)
        }
      } catch (cause) {
        throw cause instanceof Refusal ? cause : faultOf(cause, `after ${length} bytes`, shown)
      }
      const etag = header(headers, 'etag')
      return {
        status: 200,
        body: Buffer.concat(chunks),
        type: header(headers, 'content-type') ?? '',
        ...(etag !== undefined && etag.length <= 1000 ? { etag } : {}),
      }
    } finally {
      body.destroy()
    }
  }

  return {
    async get(address, get) {
      const shown = get.shown ?? shownAddress(address)
      if (!URL.canParse(address)) throw new Refusal('AddressRefused', `${quoted(shown)} is not an address.`)
      let url = new URL(address)
      const { origin } = url
      if (!allowed(url))
        throw new Refusal('AddressRefused', `${shown} must be https, without a user or password in it.`)
      const signal = AbortSignal.any([get.signal, AbortSignal.timeout(timeoutMs)])
      for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
        const { token, ...rest } = get
        // A token belongs to the origin it was given for, wherever that sends us.
        const asked = token !== undefined && url.origin === origin ? { ...rest, token } : rest
        const answer = await once(url, asked, signal, shown)
        if (!(answer instanceof URL)) return answer
        if (!allowed(answer))
          throw new Refusal(
            'RedirectRefused',
            `${shown}: sent on to ${quoted(shownAddress(answer.href))}, which is not followed.`,
          )
        url = answer
      }
      throw new Refusal('RedirectRefused', `${shown}: sent on more than ${MOST_REDIRECTS} times.`)
    },
    close: () => agent.close(),
  }
}

const tooLarge = (shown: string, bytes: number, most: number) =>
  new Refusal('DownloadTooLarge', `${shown}: ${bytes} bytes or more come, at most ${most} are taken.`)
