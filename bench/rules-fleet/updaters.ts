/**
 * A share of the fleet's updaters as a process of its own. Each polls as it is told.
 *
 *   node updaters.ts WORLD.json FIRST END PORT     FIRST ≤ i < END; ready when it says so by IPC
 */
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, ISSUER, type Polled, type Progress, podOf, type ToUpdaters, type World } from './fleet.ts'
import { createUpdater, type Updater } from './updater.ts'

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

interface Polling {
  readonly updater: Updater
  /** Of the bundle it has. */
  readonly release: () => number
}
const service = { host: '127.0.0.1', port: Number(port), servername: 'localhost', caPem: world.caPem }
const updaters: Polling[] = []
for (let i = Number(first); i < Number(end); i++) {
  const updater = createUpdater({
    service,
    token: tokenOf(i),
    address: addressOf(i),
    image: 'registry.local/sekisho/sekisho-waf:1',
    engine: '3.0.16',
  })
  updaters.push({ updater, release: () => Number(/^crs-4\.25\.(\d+)-/.exec(updater.generation)?.[1] ?? 0) })
}

let ms: number[] = []
let failures: Record<string, number> = {}
let polls = 0
let failed = 0

/** One poll, and the download it may lead to. Returns the seconds until the next one. */
const poll = async ({ updater }: Polling): Promise<number> => {
  polls++
  const outcome = await updater.poll()
  if (outcome.ms !== undefined) ms.push(outcome.ms)
  if (outcome.failure !== undefined) {
    failures[outcome.failure] = (failures[outcome.failure] ?? 0) + 1
    failed++
  }
  return outcome.waitSeconds
}

let running = false
const live = async (updater: Polling, within: number) => {
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
  for (const { release } of updaters) updated[release()] = (updated[release()] ?? 0) + 1
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
