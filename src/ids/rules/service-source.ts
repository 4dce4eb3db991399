/**
 * IDS rules from `sekisho rules`: what is current (`/v1/ids/current`), and the archive by its sha256. The CA is that of the ConfigMap which the
 * certificate job writes, read from the API server and read again when TLS fails; the address is that of the Service, likewise, so that no DNS is
 * needed; the token is read from its file for each request. By Node's own https: another client would cost the agent a quarter of its memory.
 */
import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, request as startRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import { z } from 'zod'
import type { ApiClient } from '../../cluster/api-client.ts'
import type { IdsRulesSettings } from '../../config/ids.ts'
import { idsLayout } from '../../rules/archive/layouts/ids.ts'
import { ARCHIVE_LIMITS } from '../../rules/archive/limits.ts'
import { considerArchive } from '../../rules/sources/candidate.ts'
import { faultOf } from '../../rules/sources/http-faults.ts'
import { Refusal } from '../../rules/sources/refusals.ts'
import { type FetchContext, type Fetched, ruleSource } from '../../rules/sources/source.ts'

/** What a source of the agent answers: as those of `sekisho rules`, or that there are no rules to follow. */
export type Asked = Fetched | { readonly status: 'none'; readonly detail: string }
export interface AgentSource {
  readonly name: string
  /** Never throws but for `signal`. */
  ask(context: FetchContext): Promise<Asked>
  /** The least wait until the next question, in ms, as the service said last. */
  leastWaitMs(): number
  /** How long before the last answer somebody said that what it names is the newest, in ms; undefined: nobody told. */
  confirmedMsAgo(): number | undefined
}

const CURRENT_BYTES = 64 * 1024
const ARCHIVE_BYTES = 32 * 1024 * 1024
const TIMEOUT_MS = 60_000
const LEAST_WAIT_S = 60
const current = z.object({
  version: z.string().max(200),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(1),
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}
interface Way {
  readonly agent: Agent
  readonly origin: string
}

/** `ADDRESS:PORT`, an IPv6 one in brackets. */
const splitAddress = (text: string): { address: string; port: string } | undefined => {
  const found = /^\[?([0-9a-fA-F:.]+?)\]?:(\d{1,5})$/.exec(text)
  return found && isIP(found[1]!) ? { address: found[1]!, port: found[2]! } : undefined
}

export const serviceSource = (settings: IdsRulesSettings['service'], client: ApiClient | undefined): AgentSource => {
  const base = new URL(settings.url)
  const name = `sekisho rules at ${base.host}`
  let way: Way | undefined
  let leastWaitMs = LEAST_WAIT_S * 1000
  let confirmedMsAgo: number | undefined
  let followsNone = ''

  const api = async <T>(path: string, signal: AbortSignal): Promise<T> => {
    if (!client) throw new Refusal('Unreachable', 'there is no access to the API server')
    return client.request<T>('GET', path, { signal }).catch((cause: Error) => {
      signal.throwIfAborted()
      throw new Refusal('Unreachable', `The API server does not give ${path}: ${cause.message}.`, { cause })
    })
  }
  const open = async (signal: AbortSignal): Promise<Way> => {
    const { namespace, name: map } = settings.caConfigMap
    const { data } = await api<{ data?: Record<string, string> }>(
      `/api/v1/namespaces/${namespace}/configmaps/${map}`,
      signal,
    )
    const ca = data?.['ca.crt']
    if (!ca) throw new Refusal('TlsRefused', `The ConfigMap ${namespace}/${map} has no ca.crt.`)
    const told = settings.connectTo === '' ? await clusterAddress(signal) : splitAddress(settings.connectTo)
    if (settings.connectTo !== '' && told === undefined)
      throw new Refusal(
        'AddressRefused',
        `rules.service.connectTo must be ADDRESS:PORT: current value is ${settings.connectTo}.`,
      )
    const lookup: LookupFunction | undefined = told
      ? (_host, options, done) => {
          const family = isIP(told.address)
          if (options.all) done(null, [{ address: told.address, family }])
          else done(null, told.address, family)
        }
      : undefined
    const origin = new URL(base)
    if (told) origin.port = told.port
    const agent = new Agent({ ca, keepAlive: true, maxSockets: 1, ...(lookup && { lookup }) })
    return { agent, origin: origin.origin }
  }
  /** `NAME.NAMESPACE.svc` has a Service with an address; any other name is DNS's. */
  const clusterAddress = async (signal: AbortSignal) => {
    const [service, namespace, svc] = base.hostname.split('.')
    if (svc !== 'svc') return undefined
    const { spec } = await api<{ spec?: { clusterIP?: string } }>(
      `/api/v1/namespaces/${namespace}/services/${service}`,
      signal,
    )
    const address = spec?.clusterIP ?? ''
    return isIP(address) ? { address, port: base.port || '443' } : undefined
  }
  const close = () => {
    way?.agent.destroy()
    way = undefined
  }

  const once = async (
    path: string,
    maxBytes: number,
    etag: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    way ??= await open(signal)
    const shown = `${base.origin}${path}`
    const token = await readFile(settings.tokenFile, 'utf8').catch((cause: Error) => {
      throw new Refusal('Unauthorized', `${settings.tokenFile} cannot be read: ${cause.message}.`, { cause })
    })
    const headers = {
      accept: 'application/json, application/gzip',
      'accept-encoding': 'identity',
      authorization: `Bearer ${token.trim()}`,
      host: base.host,
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
    }
    const { agent, origin } = way
    const body = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = startRequest(
        `${origin}${path}`,
        { agent, headers, signal, maxHeaderSize: 16 * 1024, timeout: TIMEOUT_MS },
        resolve,
      )
      // No byte for so long, before the answer or in its middle.
      request.on('timeout', () => request.destroy(Object.assign(new Error('no byte came'), { code: 'ETIMEDOUT' })))
      request.on('error', reject)
      request.end()
    }).catch((cause) => {
      throw faultOf(signal.aborted ? signal.reason : cause, 'connecting', shown)
    })
    const chunks: Uint8Array[] = []
    let length = 0
    try {
      for await (const chunk of body) {
        length += (chunk as Uint8Array).length
        if (length > maxBytes) throw new Refusal('DownloadTooLarge', `${shown}: more than ${maxBytes} bytes come.`)
        chunks.push(chunk as Uint8Array)
      }
    } catch (cause) {
      throw cause instanceof Refusal
        ? cause
        : faultOf(signal.aborted ? signal.reason : cause, `after ${length} bytes`, shown)
    } finally {
      body.destroy()
    }
    return { status: body.statusCode ?? 0, headers: body.headers, body: Buffer.concat(chunks) }
  }
  const get = async (
    path: string,
    maxBytes: number,
    etag: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const both = AbortSignal.any([signal, AbortSignal.timeout(2 * TIMEOUT_MS)])
    const fresh = way === undefined
    try {
      return await once(path, maxBytes, etag, both)
    } catch (error) {
      signal.throwIfAborted()
      // The CA or the address of the Service may have changed since they were read.
      close()
      if (fresh || !(error instanceof Refusal) || !['TlsRefused', 'Unreachable', 'TimedOut'].includes(error.code))
        throw error
      return once(path, maxBytes, etag, both)
    }
  }
  const text = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0]! : (value ?? ''))
  const refusal = ({ status, headers }: Answer, path: string): Refusal => {
    const seconds = Number(text(headers['retry-after']))
    const wait = Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: Math.min(seconds, 86_400) * 1000 } : {}
    const said = `${path}: answered ${status}.`
    if (status === 401 || status === 403) return new Refusal('Unauthorized', said)
    if (status === 404) return new Refusal('NotFound', said)
    return new Refusal(status === 429 ? 'RateLimited' : 'UpstreamFault', said, wait)
  }

  const source = ruleSource('ids', name, async ({ known, signal, clock }) => {
    followsNone = ''
    confirmedMsAgo = undefined
    const path = '/v1/ids/current'
    const answer = await get(path, CURRENT_BYTES, known ? `"${known.sha256}"` : undefined, signal)
    const interval = Number(text(answer.headers['sekisho-interval']))
    leastWaitMs = Math.max(LEAST_WAIT_S, Number.isFinite(interval) ? Math.min(interval, 3600) : 0) * 1000
    // Without the header nobody told, and rules age on: the service answers although its own source may long be gone.
    const seconds = text(answer.headers['sekisho-confirmed-seconds'])
    confirmedMsAgo = /^\d{1,12}$/.test(seconds) ? Number(seconds) * 1000 : undefined
    if (answer.status === 304 && known)
      return { status: 'unchanged', reason: 'NotModified', detail: `${name}: still ${known.version}.`, known }
    if (answer.status === 404) {
      followsNone = `${name} follows no IDS rules.`
      throw new Refusal('NotFound', followsNone)
    }
    if (answer.status !== 200) throw refusal(answer, path)
    let parsed: z.output<typeof current>
    try {
      parsed = current.parse(JSON.parse(answer.body.toString('utf8')))
    } catch (cause) {
      throw new Refusal('UpstreamFault', `${path}: the answer is not what the protocol says.`, { cause })
    }
    const { sha256, version } = parsed
    if (known?.sha256 === sha256)
      return { status: 'unchanged', reason: 'SameRelease', detail: `${name}: still ${version}.`, known }
    const at = `/v1/ids/archives/${sha256}`
    const archive = await get(at, ARCHIVE_BYTES, undefined, signal)
    if (archive.status !== 200) throw refusal(archive, at)
    return considerArchive(
      { bytes: archive.body },
      {
        source: name,
        layout: idsLayout,
        trust: { by: 'sha256', sha256 },
        limits: ARCHIVE_LIMITS,
        minimumRules: 1,
        shrinkPercent: 100,
      },
      { known, now: clock.now(), signal },
    )
  })
  return {
    name,
    leastWaitMs: () => leastWaitMs,
    confirmedMsAgo: () => confirmedMsAgo,
    async ask(context) {
      const asked = await source.fetch(context)
      return followsNone === '' ? asked : { status: 'none', detail: followsNone }
    },
  }
}
