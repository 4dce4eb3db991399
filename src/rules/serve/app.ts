/** The update protocol as HTTP: paths, headers, statuses; how much of a request is read, and for how long. What is answered says polls.ts. */
import type { Socket } from 'node:net'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Logger } from '../../log.ts'
import { currentText, etagOf } from './current.ts'
import { countDownloads, type DownloadLimits } from './downloads.ts'
import { ServeError } from './errors.ts'
import { type IdsShelf, serveIds } from './ids.ts'
import type { Pace } from './interval.ts'
import type { Load } from './load.ts'
import type { ServeMetrics } from './metrics.ts'
import type { Polls } from './polls.ts'
import { sparingly } from './sparingly.ts'
import type { Tokens } from './tokens.ts'

export interface AppOptions {
  readonly polls: Polls
  readonly tokens: Tokens
  readonly ids: IdsShelf
  readonly pace: () => Pace
  readonly load: Pick<Load, 'overloaded'>
  readonly metrics: ServeMetrics
  readonly log: Logger
  readonly now: () => number
  readonly random: () => number
  readonly draining: () => boolean
  readonly limits: DownloadLimits & { readonly headMs: number; readonly answerMs: number; readonly keepAliveMs: number }
}

const CURRENT = '/v1/waf/current'
const BUNDLE = '/v1/waf/bundles/:generation'
const PEERS = '/v1/peers/heard'
const KNOWN_PATH = /^\/v1\/(waf\/current|waf\/bundles\/[^/?]+|ids\/current|ids\/archives\/[^/?]+|peers\/heard)(\?|$)/

/** A token and a report take about 7 KiB. */
const LARGEST_HEAD = 16 * 1024
/** curl sends five headers of its own. */
const MOST_HEADERS = 64
/** A GET has no body; what is sent nevertheless is not kept. */
const LARGEST_BODY = 1024

export const createApp = (options: AppOptions): FastifyInstance => {
  const { polls, pace, load, metrics, log, now, random, draining, limits } = options
  const lines = sparingly(now)
  const downloads = countDownloads(limits)

  const refuse = (error: unknown, request: FastifyRequest | undefined, reply: FastifyReply) => {
    const failure = asAnswer(error)
    const { code, status, message } = failure
    metrics.failed(code)
    const left = lines.line(code)
    if (left !== undefined) {
      const fields = {
        'error.type': code,
        'error.message': message,
        'client.address': request?.ip,
        'sekisho.left_out': left,
      }
      if (code === 'Failed') log.error({ ...fields, err: error }, 'request failed')
      else log.warn(fields, 'request refused')
    }
    if (status === 405) reply.header('allow', 'GET')
    // Spread over an interval: who was sent away together must not come back together.
    if (status === 503) reply.header('retry-after', String(1 + Math.floor(random() * pace().interval)))
    return reply.code(status).type('application/json').send(failure.body)
  }

  const app = fastify({
    https: {
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      maxHeaderSize: LARGEST_HEAD,
      handshakeTimeout: limits.headMs,
      headersTimeout: limits.headMs,
      connectionsCheckingInterval: Math.min(limits.headMs, 5_000),
    },
    bodyLimit: LARGEST_BODY,
    keepAliveTimeout: limits.keepAliveMs,
    requestTimeout: limits.headMs * 2,
    exposeHeadRoutes: false,
    logger: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => void refuse(error, request as FastifyRequest, reply as FastifyReply),
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, metrics),
  }) as unknown as FastifyInstance
  app.server.maxHeadersCount = MOST_HEADERS
  app.removeAllContentTypeParsers()

  app.addHook('onRequest', (_request, reply, done) => {
    const { interval, jitter } = pace()
    reply
      .header('sekisho-interval', String(interval))
      .header('sekisho-jitter', String(jitter))
      .header('cache-control', 'no-store')
    const late = setTimeout(() => reply.raw.socket?.destroy(), limits.answerMs).unref()
    reply.raw.once('close', () => clearTimeout(late))
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (draining()) reply.header('connection', 'close')
    done(null, payload)
  })
  const unlessOverloaded = () => {
    if (load.overloaded()) throw new ServeError('Overloaded')
  }

  app.get(CURRENT, async ({ headers }, reply) => {
    const began = performance.now()
    const told = (answer: Parameters<ServeMetrics['polled']>[0]) =>
      metrics.polled(answer, (performance.now() - began) / 1000)
    try {
      unlessOverloaded()
      const found = await polls.current(headers.authorization, headers['if-none-match'], headers['sekisho-report'])
      told(found.answer)
      if (found.answer !== 'nothing') reply.header('etag', etagOf(found.wanted))
      if (found.answer !== 'changed') return reply.code(304).send()
      return reply.type('text/plain; charset=utf-8').send(currentText(found.wanted))
    } catch (error) {
      told(error instanceof ServeError && error.status < 500 ? 'refused' : 'unable')
      throw error
    }
  })
  app.get<{ Params: { generation: string } }>(BUNDLE, async ({ headers, params }, reply) => {
    unlessOverloaded()
    const { bundle, uid } = await polls.bundle(headers.authorization, params.generation)
    const over = downloads.begin(uid)
    if (over === undefined) throw new ServeError('Overloaded')
    reply.raw.once('close', over)
    const { buffer, byteOffset, byteLength } = bundle
    metrics.sent(byteLength)
    reply.header('cache-control', 'private, max-age=31536000, immutable').type('application/gzip')
    return reply.send(Buffer.from(buffer, byteOffset, byteLength))
  })
  app.get<{ Querystring: Record<string, unknown> }>(PEERS, async ({ headers, query }, reply) =>
    reply.type('application/json').send(JSON.stringify(await polls.heardSince(headers.authorization, query['since']))),
  )
  serveIds(app, { shelf: options.ids, tokens: options.tokens, pace, unlessOverloaded, metrics, now })
  app.setNotFoundHandler((request, reply) => {
    const wrongMethod = request.method !== 'GET' && KNOWN_PATH.test(request.url)
    return refuse(new ServeError(wrongMethod ? 'MethodUnknown' : 'PathUnknown'), request, reply)
  })
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply))
  return app
}

const asAnswer = (error: unknown): ServeError => {
  if (error instanceof ServeError) return error
  const { statusCode } = error as { statusCode?: unknown }
  const theirs = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return new ServeError(theirs ? 'RequestMalformed' : 'Failed', undefined, { cause: error })
}

/** Bytes that are no request: no reply object is there yet. What is no HTTP at all, a handshake that fails or takes too long, is ended without a word. */
const refuseBytes = (error: Error & { code?: string }, socket: Socket, metrics: ServeMetrics): void => {
  if (!/^(HPE|ERR_HTTP)_/.test(error.code ?? '') || !socket.writable) {
    socket.destroy()
    return
  }
  const failure = new ServeError('RequestMalformed')
  metrics.failed(failure.code)
  const { body } = failure
  const head = [
    'HTTP/1.1 400 Bad Request',
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  // Whoever does not read it holds no connection for that.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroySoon())
}
