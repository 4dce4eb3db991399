/**
 * One rule-updater without its container: polls with its own token from its own address, and every poll and every download is a TLS connection
 * of its own without a remembered session, as of a new curl. What it gets it calls active after as long as a WAF takes.
 */
import { createHash } from 'node:crypto'
import https from 'node:https'

export interface Service {
  readonly host: string
  readonly port: number
  /** What its certificate is for. */
  readonly servername: string
  readonly caPem: string
}
export interface UpdaterOptions {
  readonly service: Service
  readonly token: string
  /** From which it speaks. */
  readonly address: string
  readonly image: string
  readonly engine: string
  /** Until the WAF serves what was placed; 0 or absent: at once. */
  readonly loadMs?: () => number
}
/** What came of one poll: how long it took, where it was answered, and when to poll again. */
export interface Outcome {
  readonly ms?: number
  /** `503`, `ECONNRESET`. */
  readonly failure?: string
  readonly waitSeconds: number
}
export interface Updater {
  /** What the WAF serves; '' for none. */
  readonly generation: string
  /** What was last told and downloaded whole. */
  readonly placed: string
  /** ms since 1970 */
  readonly placedAt: number
  poll(): Promise<Outcome>
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}
/** Until the service says otherwise, s. */
const FIRST_INTERVAL = 30

export function createUpdater({ service, token, address, image, engine, loadMs }: UpdaterOptions): Updater {
  const authorization = `Bearer ${token}`
  let [generation, placed, placedAt, orders, requests, faults] = ['', '', 0, '', 0, 0]
  let interval = FIRST_INTERVAL

  const get = (path: string, headers: Record<string, string>) =>
    new Promise<Answer>((resolve, reject) => {
      const request = https.get(
        {
          host: service.host,
          port: service.port,
          localAddress: address,
          path,
          servername: service.servername,
          ca: service.caPem,
          agent: false,
          headers: { ...headers, host: service.servername, connection: 'close' },
          timeout: 10_000,
        },
        (response) => {
          const parts: Buffer[] = []
          response.on('error', reject).on('data', (part: Buffer) => parts.push(part))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
          )
        },
      )
      request.on('timeout', () => request.destroy(Object.assign(new Error('no answer for 10 s'), { code: 'timeout' })))
      request.on('error', reject)
    })

  const report = () => ({
    protocol: 1,
    image,
    requests: requests++,
    blocked: 0,
    status: {
      generation,
      sequence: 1,
      wanted: generation,
      state: generation === '' ? 'waiting' : 'active',
      reason: generation === '' ? 'WithoutBundle' : 'Active',
      detail: 'The generation is served and passed its probes.',
      mode: 'block',
      orders,
      rules: 402,
      engine,
    },
  })
  /** As waf/lib/pace.sh does: twice as long each time, not below what was asked for, half of it by chance. */
  const backOff = (asked: number): number => {
    const first = generation === '' ? 2 : interval
    const longest = Math.max(asked || 0, Math.min(300, first * 2 ** faults++))
    return longest * (1 - Math.random() / 2)
  }
  /** Does what an answer says. Gives the milliseconds until the WAF has decided about a new rule set; 0: there is none. */
  const take = async (text: string): Promise<number> => {
    const told = /^(?:generation (\S+)\nsha256 (\S+)\nbytes \d+\n)?orders (\S+)$/m.exec(text)
    if (told === null) throw new Error('an answer of another form')
    const [, wanted, sha256, newOrders] = told
    orders = createHash('sha256').update(Buffer.from(newOrders!, 'base64')).digest('hex').slice(0, 16)
    if (wanted === undefined || wanted === placed) return 0
    const bundle = await get(`/v1/waf/bundles/${wanted}`, { authorization })
    if (bundle.status !== 200) throw new Error(`a bundle answered with ${bundle.status}`)
    if (createHash('sha256').update(bundle.body).digest('hex') !== sha256) throw new Error('a bundle of another sha256')
    placed = wanted
    placedAt = Date.now()
    const ms = loadMs?.() ?? 0
    if (ms === 0) generation = wanted
    else
      setTimeout(() => {
        if (placed === wanted) generation = wanted
      }, ms)
    return ms
  }

  return {
    get generation() {
      return generation
    },
    get placed() {
      return placed
    },
    get placedAt() {
      return placedAt
    },
    poll: async () => {
      const begun = performance.now()
      let ms: number | undefined
      try {
        const answer = await get('/v1/waf/current', {
          authorization,
          'if-none-match': `"${generation || '-'}/${orders || '-'}"`,
          'sekisho-report': Buffer.from(JSON.stringify(report())).toString('base64'),
        })
        ms = performance.now() - begun
        const [told, jitter] = ['sekisho-interval', 'sekisho-jitter'].map((name) => Number(answer.headers[name]))
        interval = told || interval
        if (answer.status !== 200 && answer.status !== 304)
          return { ms, failure: String(answer.status), waitSeconds: backOff(told!) }
        const loading = answer.status === 200 ? await take(answer.body.toString()) : 0
        faults = 0
        // It asks once more a moment after the WAF has decided, to tell it.
        if (loading > 0) return { ms, waitSeconds: loading / 1000 + 1 + 2 * Math.random() }
        return { ms, waitSeconds: interval - Math.random() * jitter! }
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        return { ...(ms !== undefined && { ms }), failure: code ?? message, waitSeconds: backOff(0) }
      }
    },
  }
}
