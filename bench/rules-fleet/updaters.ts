/**
 * A share of the fleet's updaters as a process of its own. Each polls as it is told, with its own token, from its own address, and every poll and
 * every download is a TLS connection of its own without a remembered session, as of a new curl.
 *
 *   node updaters.ts WORLD.json FIRST END PORT     FIRST ≤ i < END; ready when it says so by IPC
 */
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, ISSUER, type Polled, type Progress, podOf, type ToUpdaters, type World } from './fleet.ts'

const [file, first, end, port] = process.argv.slice(2) as [string, string, string, string]
const world = JSON.parse(readFileSync(file, 'utf8')) as World
const key = createPrivateKey(world.privateKey)
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEAD = b64({ alg: 'RS256', kid: world.kid })
const now = Math.floor(Date.now() / 1000)

const tokenOf = (i: number): string => {
  const { namespace, name, uid } = podOf(i)
  const payload = {
    iss: ISSUER,
    aud: ['sekisho-rules'],
    sub: `system:serviceaccount:${namespace}:default`,
    iat: now,
    nbf: now - 10,
    exp: now + 3607,
    'kubernetes.io': {
      namespace,
      node: { name: 'node-1', uid: podOf(0).uid },
      pod: { name, uid },
      serviceaccount: { name: 'default', uid: podOf(1).uid },
    },
  }
  const input = `${HEAD}.${b64(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

interface Updater {
  readonly i: number
  readonly token: string
  generation: string
  release: number
  orders: string
  requests: number
  faults: number
}
const updaters: Updater[] = []
for (let i = Number(first); i < Number(end); i++)
  updaters.push({ i, token: tokenOf(i), generation: '', release: 0, orders: '', requests: 0, faults: 0 })

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}
const get = (i: number, path: string, headers: Record<string, string>) =>
  new Promise<Answer>((resolve, reject) => {
    const request = https.get(
      {
        host: '127.0.0.1',
        port: Number(port),
        localAddress: addressOf(i),
        path,
        servername: 'localhost',
        ca: world.caPem,
        agent: false,
        headers: { ...headers, connection: 'close' },
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

/** Until the service says otherwise. */
const INTERVAL = 30
let ms: number[] = []
let failures: Record<string, number> = {}
let polls = 0
let failed = 0
const fails = (what: string) => {
  failures[what] = (failures[what] ?? 0) + 1
  failed++
}

/** One poll, and the download it may lead to. Returns the seconds until the next one. */
const poll = async (updater: Updater): Promise<number> => {
  const { i, token, generation, orders } = updater
  const report = {
    protocol: 1,
    image: 'registry.local/sekisho/sekisho-waf:1',
    requests: updater.requests++,
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
      engine: '3.0.16',
    },
  }
  const authorization = `Bearer ${token}`
  const begun = performance.now()
  polls++
  try {
    const answer = await get(i, '/v1/waf/current', {
      authorization,
      'if-none-match': `"${generation || '-'}/${orders || '-'}"`,
      'sekisho-report': Buffer.from(JSON.stringify(report)).toString('base64'),
    })
    ms.push(performance.now() - begun)
    if (answer.status === 200) await take(updater, answer.body.toString())
    else if (answer.status !== 304) {
      fails(String(answer.status))
      return backOff(updater, Number(answer.headers['sekisho-interval']))
    }
    updater.faults = 0
    const [interval, jitter] = ['sekisho-interval', 'sekisho-jitter'].map((name) => Number(answer.headers[name]))
    return interval! - Math.random() * jitter!
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    fails(code ?? message)
    return backOff(updater, 0)
  }
}
/** As waf/lib/pace.sh does: twice as long each time, not below what was asked for, half of it by chance. */
const backOff = (updater: Updater, asked: number): number => {
  const first = updater.generation === '' ? 2 : INTERVAL
  const longest = Math.max(asked, Math.min(300, first * 2 ** updater.faults++))
  return longest * (1 - Math.random() / 2)
}
const take = async (updater: Updater, text: string): Promise<void> => {
  const [, generation, sha256, orders] = /^generation (\S+)\nsha256 (\S+)\nbytes \d+\norders (\S+)$/m.exec(text) ?? []
  if (generation === undefined || sha256 === undefined || orders === undefined)
    throw new Error('an answer of another form')
  if (generation !== updater.generation) {
    const bundle = await get(updater.i, `/v1/waf/bundles/${generation}`, { authorization: `Bearer ${updater.token}` })
    if (bundle.status !== 200) throw new Error(`a bundle answered with ${bundle.status}`)
    if (createHash('sha256').update(bundle.body).digest('hex') !== sha256) throw new Error('a bundle of another sha256')
    updater.generation = generation
    updater.release = Number(/^crs-4\.25\.(\d+)-/.exec(generation)?.[1])
  }
  updater.orders = createHash('sha256').update(Buffer.from(orders, 'base64')).digest('hex').slice(0, 16)
}

let running = false
const live = async (updater: Updater, within: number) => {
  await sleep(Math.random() * within * 1000)
  while (running) await sleep((await poll(updater)) * 1000)
}
/** As many polls as there can be, sixteen at a time. */
const flood = async (until: number) => {
  let next = 0
  const one = async () => {
    while (performance.now() < until) await poll(updaters[next++ % updaters.length]!)
  }
  await Promise.all(Array.from({ length: 16 }, one))
}

let since = performance.now()
const reset = () => {
  ms = []
  failures = {}
  polls = 0
  failed = 0
  since = performance.now()
}
const tell = () => {
  const polled: Polled = { ms, failures, seconds: (performance.now() - since) / 1000 }
  process.send!({ polled })
}
setInterval(() => {
  const updated: Record<number, number> = {}
  for (const { release } of updaters) updated[release] = (updated[release] ?? 0) + 1
  process.send!({ progress: { polls, failed, updated } satisfies Progress })
}, 500).unref()

process.on('message', async (message: ToUpdaters) => {
  if (message === 'stop') {
    running = false
    tell()
  } else if ('start' in message) {
    reset()
    running = true
    for (const updater of updaters) void live(updater, message.start)
  } else {
    reset()
    await flood(performance.now() + message.floodMs)
    tell()
  }
})
process.on('disconnect', () => process.exit(0))
process.send!('ready')
