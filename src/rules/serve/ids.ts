/**
 * IDS rules for the agents: what is current, and the archive. Fetched once for the cluster, so the agents of a thousand nodes ask nobody else.
 *
 *   token ─ 401 ─► the agents' ServiceAccount, bound to a Pod ─ 403 ─► followed at all? ─ 404 ─► there? ─ 503 ─► 200 or 304
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { IDS_DAEMONSET, NODE_NAMESPACE } from '../../api/names.ts'
import { countDownloads } from './downloads.ts'
import { ServeError } from './errors.ts'
import type { Pace } from './interval.ts'
import type { IdsPollAnswer, ServeMetrics } from './metrics.ts'
import type { Tokens } from './tokens.ts'

export interface IdsRules {
  readonly version: string
  /** Of the archive. */
  readonly sha256: string
  readonly archive: Uint8Array
  /** When the source last said that these are the newest, ms since 1970; 0 for not known. */
  readonly confirmedAt: number
}
/** What the publishing part has for the agents. */
export interface IdsShelf {
  /** Whether the configuration names a source of IDS rules. */
  readonly follows: boolean
  current(): IdsRules | undefined
}

export interface IdsRoutesOptions {
  readonly shelf: IdsShelf
  readonly tokens: Tokens
  readonly pace: () => Pace
  readonly unlessOverloaded: () => void
  readonly metrics: Pick<ServeMetrics, 'idsPolled' | 'idsSent'>
  readonly now: () => number
}

export const IDS_CURRENT = '/v1/ids/current'
const IDS_ARCHIVE = '/v1/ids/archives/:sha256'
/** Rules come daily at most; a minute is soon enough. */
const LEAST_SECONDS = 60
/** An archive is some MB: so many are on their way at once, of which each has a piece in memory beside the one that all share. */
const DOWNLOADS = { downloads: 64, downloadsOfOnePod: 2 }
const PIECE = 64 * 1024

function* pieces(archive: Uint8Array): Generator<Buffer> {
  const { buffer, byteOffset, byteLength } = archive
  for (let at = 0; at < byteLength; at += PIECE)
    yield Buffer.from(buffer as ArrayBuffer, byteOffset + at, Math.min(PIECE, byteLength - at))
}

/** Adds both routes. */
export const serveIds = (app: FastifyInstance, options: IdsRoutesOptions): void => {
  const { shelf, tokens, pace, unlessOverloaded, metrics, now } = options
  const downloads = countDownloads(DOWNLOADS)
  /** @throws {ServeError} */
  const agentOf = async (authorization: string | undefined): Promise<string> => {
    const { namespace, serviceAccount, pod } = await tokens.identify(authorization)
    if (namespace !== NODE_NAMESPACE || serviceAccount !== IDS_DAEMONSET) throw new ServeError('AgentUnknown')
    if (pod === undefined) throw new ServeError('TokenNotOfPod')
    return pod.uid
  }
  const rules = (): IdsRules => {
    if (!shelf.follows) throw new ServeError('IdsRulesNone')
    const current = shelf.current()
    if (current === undefined) throw new ServeError('IdsRulesNotYet')
    return current
  }

  app.get(IDS_CURRENT, async ({ headers }, reply) => {
    const interval = Math.max(LEAST_SECONDS, pace().interval)
    reply.header('sekisho-interval', String(interval)).header('sekisho-jitter', String(Math.floor(interval / 4)))
    let told: IdsPollAnswer = 'unable'
    try {
      unlessOverloaded()
      await agentOf(headers.authorization)
      const { version, sha256, archive, confirmedAt } = rules()
      const etag = `"${sha256}"`
      reply.header('etag', etag)
      // How old that word is: a source that cannot be asked confirms nothing, although we answer.
      if (confirmedAt > 0)
        reply.header('sekisho-confirmed-seconds', String(Math.max(0, Math.floor((now() - confirmedAt) / 1000))))
      told = headers['if-none-match'] === etag ? 'unchanged' : 'changed'
      if (told === 'unchanged') return reply.code(304).send()
      return reply.type('application/json').send(JSON.stringify({ version, sha256, bytes: archive.byteLength }))
    } catch (error) {
      if (error instanceof ServeError && error.status < 500) told = error.code === 'IdsRulesNone' ? 'none' : 'refused'
      throw error
    } finally {
      metrics.idsPolled(told)
    }
  })
  app.get<{ Params: { sha256: string } }>(IDS_ARCHIVE, async ({ headers, params }, reply) => {
    unlessOverloaded()
    const uid = await agentOf(headers.authorization)
    const { sha256, archive } = rules()
    if (params.sha256 !== sha256) throw new ServeError('ArchiveUnknown')
    const over = downloads.begin(uid)
    if (over === undefined) throw new ServeError('Overloaded')
    reply.raw.once('close', over)
    metrics.idsSent()
    reply
      .header('cache-control', 'private, max-age=31536000, immutable')
      .header('content-length', String(archive.byteLength))
      .type('application/gzip')
    return reply.send(Readable.from(pieces(archive), { objectMode: false }))
  })
}
