/**
 * The webhook server: HTTP/1.1 over TLS for the API server, plain HTTP for health.
 *
 *   API server ─ POST /mutate, /validate ─▶ fastify ─▶ handle ─▶ reviewer (pure decision) ─▶ answer
 *   disk ─ certificate-files ─▶ setSecureContext        kubelet, Prometheus ─▶ health server
 */
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { Logger } from '../log.ts'
import type { Certificate } from './certificate.ts'
import { notValid } from './certificate.ts'
import { type CertificateFiles, watchCertificate } from './certificate-files.ts'
import { type ADMISSION_ERRORS, AdmissionError } from './errors.ts'
import { handle, type Path } from './handle.ts'
import { createHealthServer } from './health-server.ts'
import type { AdmissionMetrics } from './metrics.ts'
import type { Checks } from './readiness.ts'
import type { Reviewers } from './review.ts'
import { silentConnections } from './silent-connections.ts'

export interface ServerOptions {
  readonly listen: { readonly address: string; readonly port: number }
  readonly health: { readonly address: string; readonly port: number }
  readonly tls: { readonly directory: string; readonly checkEveryMs?: number }
  readonly bodyLimitBytes: number
  readonly reviewers: Reviewers
  readonly metrics: AdmissionMetrics
  readonly log: Logger
  /** Besides the certificate and draining, which are checked here. */
  readonly checks?: Checks
  /**
   * How long an idle connection is kept. The API server drops one after 90 s, and must be the one who does: a request
   * that meets our closing is lost.
   * @default 120 s
   */
  readonly keepAliveMs?: number
  /** @default Date.now */
  readonly now?: () => number
}

export interface WebhookServer {
  /** Starts both listeners; resolves to the ports they got. */
  listen(): Promise<{ port: number; healthPort: number }>
  readonly certificate: Certificate | undefined
  /** Not ready any more, and each answer asks its client to come back on another connection. */
  startDraining(): void
  /** Takes no connection any more, ends the idle ones, and resolves when what was being answered is answered. */
  close(): Promise<void>
}

/** The API server gives no webhook longer than 30 s; whoever still holds a connection then is not it. */
const LONGEST_REVIEW_MS = 31_000

/** Thrown by us before a review reaches `handle`. */
const BEFORE_HANDLE: ReadonlySet<string> = new Set(['UnknownPath'])

const STATUS_OF_FASTIFY: Readonly<Record<string, keyof typeof ADMISSION_ERRORS>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BodyTooLarge',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'BadContentType',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BadJson',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BadJson',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BadJson',
}

export const createServer = (options: ServerOptions): WebhookServer => {
  const { reviewers, metrics, log, bodyLimitBytes, keepAliveMs = 120_000, now = Date.now } = options
  let draining = false

  const app = fastify({
    https: {
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      // Whoever begins a handshake or a request has to end it: slow senders hold no connection.
      handshakeTimeout: 10_000,
      headersTimeout: 10_000,
    },
    bodyLimit: bodyLimitBytes,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: 30_000,
    logger: false,
    // While closing, what still comes is answered and not refused.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => void refuse(error, reply),
  })
  const server = app.server as HttpsServer
  const endSilent = silentConnections(server)

  // Asked when the answer is there, not when the request came: a review that began before the signal ends its connection too.
  const sayGoodbye = (reply: FastifyReply) => {
    if (draining) reply.header('connection', 'close')
  }
  const refuse = (error: unknown, reply: FastifyReply) => {
    const failure = asAnswer(error)
    // What `handle` threw is counted and logged there.
    if (!(error instanceof AdmissionError) || BEFORE_HANDLE.has(error.code)) {
      metrics.failed(failure.code)
      const fields = { 'error.type': failure.code, 'error.message': failure.message }
      if (failure.status >= 500) log.error({ ...fields, err: error }, 'request failed')
      else log.warn(fields, 'request refused as malformed')
    }
    if (failure.code === 'BodyTooLarge') reply.header('connection', 'close')
    sayGoodbye(reply)
    return reply.code(failure.status).type('application/json; charset=utf-8').send(failure.body)
  }

  parseJsonOnly(app)
  for (const path of ['mutate', 'validate'] as const satisfies readonly Path[]) {
    app.post<{ Querystring: Record<string, unknown> }>(`/${path}`, async (request, reply) => {
      const text = await handle({ reviewers, metrics, log }, path, request.body, request.query['timeout'])
      sayGoodbye(reply)
      reply.type('application/json; charset=utf-8')
      return text
    })
  }
  app.setNotFoundHandler((_request, reply) =>
    refuse(new AdmissionError('UnknownPath', 'Cannot answer this path.'), reply),
  )
  app.setErrorHandler((error, _request, reply) => refuse(error, reply))
  server.on('tlsClientError', (error) => {
    metrics.handshakeFailed()
    log.debug({ err: error }, 'TLS handshake failed')
  })

  let files: CertificateFiles | undefined
  const certificateCheck = () => {
    const current = files?.current
    return current === undefined ? (files?.problem ?? 'not read yet') : notValid(current, now())
  }
  const health: HttpServer = createHealthServer(
    {
      serving: () => (draining ? 'stopping' : undefined),
      certificate: certificateCheck,
      ...options.checks,
    },
    metrics,
  )

  return {
    get certificate() {
      return files?.current
    },
    listen: async () => {
      files = watchCertificate({
        ...options.tls,
        onLoaded: (certificate) => {
          // Connections that are open keep the context they began with: none is dropped.
          server.setSecureContext({ cert: certificate.cert, key: certificate.key, minVersion: 'TLSv1.2' })
          metrics.certificateLoaded(certificate.notAfter / 1000)
          const fields = {
            'tls.server.hash.sha256': certificate.fingerprint,
            'tls.server.not_after': new Date(certificate.notAfter),
          }
          log.info(fields, 'certificate loaded')
        },
        onRefused: (problem) => {
          metrics.certificateRefused()
          log.error(
            { 'error.message': problem },
            files?.current ? 'certificate refused, the old one stays' : 'no certificate',
          )
        },
      })
      await app.listen({ host: options.listen.address, port: options.listen.port })
      await new Promise<void>((resolve, reject) => {
        health.once('error', reject)
        health.listen(options.health.port, options.health.address, resolve)
      })
      return { port: (server.address() as AddressInfo).port, healthPort: (health.address() as AddressInfo).port }
    },
    startDraining: () => {
      draining = true
    },
    close: async () => {
      draining = true
      files?.close()
      // A connection whose answer left just before draining began falls idle later; nobody else would close it.
      const sweep = setInterval(() => {
        server.closeIdleConnections()
        endSilent()
      }, 100)
      const patience = setTimeout(() => server.closeAllConnections(), LONGEST_REVIEW_MS)
      await app.close()
      clearInterval(sweep)
      clearTimeout(patience)
      health.closeAllConnections()
      await new Promise<void>((resolve) => health.close(() => resolve()))
    },
  }
}

/** Only `application/json`, parsed by fastify's own parser, which refuses `__proto__` and `constructor.prototype`. */
const parseJsonOnly = (app: FastifyInstance) => {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    parse(request, body.toString('utf8'), done)
  })
}

const asAnswer = (error: unknown): AdmissionError => {
  if (error instanceof AdmissionError) return error
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message: string }
  const known = code !== undefined && Object.hasOwn(STATUS_OF_FASTIFY, code) ? STATUS_OF_FASTIFY[code] : undefined
  const cause = { cause: error }
  if (known !== undefined)
    return new AdmissionError(known, `Cannot read the request: ${message}.`.replace(/\.\.$/, '.'), cause)
  // The JSON parser's own errors carry 400 and no code.
  if (error instanceof SyntaxError || statusCode === 400)
    return new AdmissionError('BadJson', `Cannot read the body: ${message}.`, cause)
  return new AdmissionError('ReviewFailed', 'Cannot answer: a fault of ours.', cause)
}
