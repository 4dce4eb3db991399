/**
 * What the other replicas heard, fetched from each of them every few seconds: only what was said since. Each replica does so, the leader and the
 * one that may lead next, so that whoever leads knows of all Pods at once.
 *
 *   addresses ──► GET /v1/peers/heard?since=CURSOR (TLS, our CA, our own token) ──► heard.merge
 */
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Logger } from '../../log.ts'
import type { Heard } from '../model.ts'
import type { HeardRegistry } from './heard.ts'

export interface PeerSettings {
  /** `10.0.0.7:8444` of every replica; our own among them does no harm. */
  readonly addresses: () => readonly string[] | Promise<readonly string[]>
  /** A token of the service's own ServiceAccount, for the audience `sekisho-rules`. */
  readonly token: () => string | Promise<string>
  /** PEM. */
  readonly ca: () => string | Promise<string>
  /** The name in the certificate: `sekisho-rules.sekisho-system.svc`. */
  readonly serverName: string
  /** @default 2 s */
  readonly everyMs?: number
}
export interface PeersOptions extends PeerSettings {
  readonly heard: HeardRegistry
  /** Seconds, as Pods are told. */
  readonly interval: () => number
  readonly now: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}
export interface Peers {
  /** Replicas that answer, ourselves included. */
  readonly replicas: number
}

const WAIT_MS = 5_000
const LARGEST = 8 * 1024 * 1024
/** So many failed looks, and a replica counts no more. */
const LOOKS_UNTIL_GONE = 3

const text = (longest: number) => z.string().max(longest)
const heardOnWire: z.ZodType<Heard> = z.object({
  namespace: text(253),
  name: text(253),
  uid: text(128),
  at: z.number(),
  engine: text(32),
  image: text(512),
  protocol: z.int(),
  generation: text(128),
  sequence: z.int(),
  wanted: text(128),
  state: z.enum(['active', 'failed', 'waiting']),
  reason: text(64),
  detail: text(512),
  mode: z.enum(['block', 'detect', '']),
  orders: text(16),
  rules: z.int(),
  requests: z.int(),
  blocked: z.int(),
})
const summary = z.object({
  instance: text(64).min(1),
  cursor: text(64),
  more: z.boolean(),
  heard: z.array(heardOnWire).max(10_000),
})
type Page = z.output<typeof summary>

/** Looks at once and until the signal aborts. */
export const followPeers = (options: PeersOptions): Peers => {
  const { addresses, token, ca, serverName, everyMs = 2_000, heard, interval, now, log, signal } = options
  const cursors = new Map<string, string>()
  /** When each instance answered last; one may be behind several addresses. */
  const answered = new Map<string, number>()
  const failing = new Set<string>()

  const ask = async (address: string): Promise<Page> => {
    const url = new URL(`https://${address}/v1/peers/heard`)
    const since = cursors.get(address)
    if (since !== undefined) url.searchParams.set('since', since)
    const headers = { authorization: `Bearer ${(await token()).trim()}`, accept: 'application/json' }
    const body = await get(url, { headers, ca: await ca(), servername: serverName, signal })
    return summary.parse(JSON.parse(body))
  }
  const pull = async (address: string) => {
    try {
      for (let more = true; more && !signal.aborted; ) {
        const page = await ask(address)
        cursors.set(address, page.cursor)
        if (page.instance === heard.instance) return
        answered.set(page.instance, now())
        heard.merge(page.heard, interval())
        more = page.more
      }
      if (failing.delete(address)) log.info({ 'server.address': address }, 'the other replica answers again')
    } catch (error) {
      if (signal.aborted || failing.has(address)) return
      failing.add(address)
      log.warn({ err: error, 'server.address': address }, 'the other replica does not answer')
    }
  }
  const look = async () => {
    try {
      const all = await addresses()
      await Promise.all(all.map(pull))
      for (const known of [...cursors.keys(), ...failing])
        if (!all.includes(known)) {
          cursors.delete(known)
          failing.delete(known)
        }
    } catch (error) {
      log.warn({ err: error }, 'cannot find the other replicas')
    }
    for (const [instance, at] of answered)
      if (now() - at > LOOKS_UNTIL_GONE * everyMs + WAIT_MS) answered.delete(instance)
  }
  const loop = async () => {
    while (!signal.aborted) {
      await look()
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  void loop()
  return {
    get replicas() {
      return 1 + answered.size
    },
  }
}

const get = (url: URL, options: https.RequestOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const request = https.request(url, { ...options, agent: false, minVersion: 'TLSv1.2' }, (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('error', reject)
      response.on('data', (part: Buffer) => {
        bytes += part.length
        parts.push(part)
        if (bytes > LARGEST)
          request.destroy(new Error(`Cannot read what the other replica heard: it is larger than ${LARGEST} bytes.`))
      })
      response.on('end', () => {
        const body = Buffer.concat(parts).toString('utf8')
        if (response.statusCode === 200) resolve(body)
        else
          reject(
            new Error(
              `Cannot read what the other replica heard: it answered ${response.statusCode} ${body.slice(0, 200)}`,
            ),
          )
      })
    })
    const late = setTimeout(
      () => request.destroy(new Error(`Cannot read what the other replica heard: no answer within ${WAIT_MS} ms.`)),
      WAIT_MS,
    )
    request.on('close', () => clearTimeout(late))
    request.on('error', reject)
    request.end()
  })
