/**
 * The update server: HTTP/1.1 over TLS for the updaters of all protected Pods and for the other replica. docs/reference/update-protocol.md is
 * what it speaks.
 *
 *   updater ─ GET /v1/waf/current ─────────────┐
 *   updater ─ GET /v1/waf/bundles/GENERATION ──┼─▶ fastify ─▶ polls (who, what) ─▶ shelf
 *   replica ─ GET /v1/peers/heard ─────────────┘                 └─▶ heard ◀─ peers
 *   agent ─── GET /v1/ids/… ─────────────────────▶ ids ─▶ what the IDS should have
 *   disk ─ certificate-files ─▶ setSecureContext
 */
import { randomBytes } from 'node:crypto'
import type { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { type Certificate, notValid } from '../../admission/certificate.ts'
import { type CertificateFiles, watchCertificate } from '../../admission/certificate-files.ts'
import type { Check, Checks } from '../../admission/readiness.ts'
import { silentConnections } from '../../admission/silent-connections.ts'
import type { PollSettings } from '../../config/rules.ts'
import type { Logger } from '../../log.ts'
import type { PodFact, Shelf } from '../model.ts'
import { createApp } from './app.ts'
import { CONNECTION_LIMITS, type ConnectionLimits, limitConnections } from './connections.ts'
import type { DownloadLimits } from './downloads.ts'
import { createHeard, type HeardReader } from './heard.ts'
import type { IdsShelf } from './ids.ts'
import { type Pace, paceOf } from './interval.ts'
import { keepKeys, type ReadKeys } from './keys.ts'
import { type Load, measureLoad } from './load.ts'
import { createServeMetrics } from './metrics.ts'
import { followPeers, type PeerSettings, type Peers } from './peers.ts'
import { createPolls, type Service } from './polls.ts'
import { createTokens } from './tokens.ts'

export interface UpdateServerOptions {
  readonly shelf: Shelf
  /** @default nothing missing */
  readonly known?: Check
  readonly listen: { readonly address: string; readonly port: number }
  readonly tls: { readonly directory: string; readonly checkEveryMs?: number }
  readonly poll: PollSettings
  /** Where the cluster's keys are read: `readClusterKeys(client)`. */
  readonly keys: ReadKeys
  readonly service: Service
  /** For the agents of the IDS. @default no IDS rules are followed */
  readonly ids?: IdsShelf
  /** Without it, this replica is the only one. */
  readonly peers?: PeerSettings
  /** Which policy selects a Pod, for `heard.ofTarget`. */
  readonly policyOf?: (pod: PodFact) => string
  readonly registry: Registry
  readonly log: Logger
  /** @default Date.now */
  readonly now?: () => number
  /** @default Math.random */
  readonly random?: () => number
  readonly limits?: Partial<ServerLimits>
  /** @default measured */
  readonly load?: Load
}
export interface ServerLimits extends ConnectionLimits, DownloadLimits {
  /** For a handshake, and for the head of a request. */
  readonly headMs: number
  /** From a request to the last byte of its answer: whoever reads more slowly holds a bundle in memory. */
  readonly answerMs: number
  readonly keepAliveMs: number
  /** Between two looks for Pods that are gone. */
  readonly sweepMs: number
}
export const SERVER_LIMITS: ServerLimits = {
  ...CONNECTION_LIMITS,
  downloads: 256,
  downloadsOfOnePod: 2,
  headMs: 10_000,
  answerMs: 60_000,
  keepAliveMs: 5_000,
  sweepMs: 10_000,
}

export interface UpdateServer {
  /** Starts to serve and to look at keys and peers; resolves to the port it got. */
  listen(): Promise<{ port: number }>
  /** For the readiness of the process: `serving`, `certificate`, `keys`, `cluster`. */
  readonly checks: Checks
  readonly heard: HeardReader
  readonly certificate: Certificate | undefined
  /** As Pods are told now. */
  readonly pace: Pace
  /** Replicas that answer, ourselves included. */
  readonly replicas: number
  /** Not ready any more, and each answer asks its client to come back on another connection. */
  startDraining(): void
  /** Takes no connection any more, ends idle ones, and resolves when what was asked is answered. */
  close(): Promise<void>
}

/** Whoever still reads then is cut off: the Pod asks again. */
const PATIENCE_MS = 15_000

export const createUpdateServer = (options: UpdateServerOptions): UpdateServer => {
  const { shelf, service, log, registry, poll, now = Date.now, random = Math.random, known = () => undefined } = options
  const limits: ServerLimits = { ...SERVER_LIMITS, ...options.limits }
  const stopping = new AbortController()
  const { signal } = stopping
  const load = options.load ?? measureLoad()
  let peers: Peers | undefined
  let draining = false

  const replicas = () => peers?.replicas ?? 1
  const pace = () => paceOf(shelf.pods, replicas(), poll)
  const heard = createHeard({
    shelf,
    now,
    instance: randomBytes(8).toString('hex'),
    ...(options.policyOf && { policyOf: options.policyOf }),
  })
  const metrics = createServeMetrics(registry, () => {
    const states = { active: 0, failed: 0, waiting: 0 }
    for (const { state } of heard.all()) states[state]++
    return { pods: shelf.pods, replicas: replicas(), intervalSeconds: pace().interval, heard: states }
  })
  const keys = keepKeys({ read: options.keys, signal, log, now })
  const tokens = createTokens({ keys, now })
  const polls = createPolls({ shelf, tokens, heard, service, known, interval: () => pace().interval })
  const app = createApp({
    polls,
    tokens,
    ids: options.ids ?? { follows: false, current: () => undefined },
    pace,
    load,
    metrics,
    log,
    now,
    random,
    limits,
    draining: () => draining,
  })
  const server = app.server as HttpsServer
  limitConnections(server, limits, metrics.connectionRefused)
  server.on('tlsClientError', metrics.handshakeFailed)
  const endSilent = silentConnections(server)

  let files: CertificateFiles | undefined
  const watchFiles = () =>
    watchCertificate({
      ...options.tls,
      onLoaded: (certificate) => {
        // Connections that are open keep the context they began with.
        server.setSecureContext({ cert: certificate.cert, key: certificate.key, minVersion: 'TLSv1.2' })
        metrics.certificateLoaded(certificate.notAfter / 1000)
        const notAfter = new Date(certificate.notAfter)
        log.info(
          { 'tls.server.hash.sha256': certificate.fingerprint, 'tls.server.not_after': notAfter },
          'certificate loaded',
        )
      },
      onRefused: (problem) => {
        metrics.certificateRefused()
        log.error(
          { 'error.message': problem },
          files?.current ? 'certificate refused, the old one stays' : 'no certificate',
        )
      },
    })
  const sweeper = setInterval(() => heard.sweep(), limits.sweepMs).unref()

  return {
    heard,
    checks: {
      serving: () => (draining ? 'stopping' : undefined),
      certificate: () =>
        files?.current === undefined ? (files?.problem ?? 'not read yet') : notValid(files.current, now()),
      keys: tokens.problem,
      cluster: known,
    },
    get certificate() {
      return files?.current
    },
    get pace() {
      return pace()
    },
    get replicas() {
      return replicas()
    },
    listen: async () => {
      files = watchFiles()
      await app.listen({ host: options.listen.address, port: options.listen.port })
      if (options.peers)
        peers = followPeers({ ...options.peers, heard, interval: () => pace().interval, now, log, signal })
      return { port: (server.address() as AddressInfo).port }
    },
    startDraining: () => {
      draining = true
    },
    close: async () => {
      draining = true
      stopping.abort()
      clearInterval(sweeper)
      files?.close()
      const ending = setInterval(() => {
        server.closeIdleConnections()
        endSilent()
      }, 100)
      const patience = setTimeout(() => server.closeAllConnections(), PATIENCE_MS)
      await app.close()
      clearInterval(ending)
      clearTimeout(patience)
      load.close()
      heard.close()
    },
  }
}
