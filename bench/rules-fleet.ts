/**
 * `rules-fleet`: one replica of the update server and all updaters of a large cluster. Server and updaters are processes of their own; every poll
 * is a new TLS connection with a full handshake, its own token and its own address.
 *
 *   paced   the updaters poll as the server tells them; a release is published, and it counts when the last one has its bundle, whole
 *   flood   as many polls as there can be: what the server takes, and what a poll costs it
 *
 * On two cores the updaters' half of the handshakes costs as much as the server's, so the rate for each second of the server's own CPU time
 * stands beside what was seen.
 *
 *   node bench/rules-fleet.ts [--pods 10000] [--processes 2] [--before 10] [--flood 10] [--lowest 5]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { issueCa, issueLeaf } from '../certs-job/issue.ts'
import { pollSettings } from '../src/config/rules.ts'
import { preferUs } from './priority.ts'
import { limited, percentile, type Row, report } from './report.ts'
import type { Polled, Progress, ToServer, ToUpdaters, Usage, World } from './rules-fleet/fleet.ts'

const ALL_WITHIN_SECONDS = 300
/** The container's limit in manifests/base/rules.yaml, which the publisher shares. */
const MEMORY_MIB = 768
const P99_MS = 1000

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    processes: { type: 'string', default: '2' },
    before: { type: 'string', default: '10' },
    flood: { type: 'string', default: '10' },
    lowest: { type: 'string', default: '5' },
  },
})
const pods = Number(values.pods)
const processes = Number(values.processes)
const begun = performance.now()
const tell = (text: string) =>
  void process.stderr.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}\n`)

preferUs()
const folder = await mkdtemp(join(tmpdir(), 'sekisho-fleet-'))
const children: ChildProcess[] = []
const rows: Row[] = []
try {
  await run()
} finally {
  for (const child of children) child.kill()
  await rm(folder, { recursive: true, force: true })
}
report(rows)

async function makeWorld(): Promise<string> {
  const now = Date.now()
  const lifetime = { now, days: 1, backdateMs: 60_000 }
  const ca = await issueCa(lifetime)
  const leaf = await issueLeaf({ ...ca, notAfter: now + 86_400_000 }, ['localhost'], lifetime)
  await Promise.all([writeFile(join(folder, 'tls.crt'), leaf.certPem), writeFile(join(folder, 'tls.key'), leaf.keyPem)])
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const world: World = {
    pods,
    tls: folder,
    caPem: ca.certPem,
    kid: 'one',
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' },
    poll: pollSettings.parse({ lowestSeconds: Number(values.lowest) }),
  }
  const file = join(folder, 'world.json')
  await writeFile(file, JSON.stringify(world), { mode: 0o600 })
  return file
}

function start(program: string, args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, 'rules-fleet', program), args)
  children.push(child)
  child.on('exit', (code) => {
    if (code) throw new Error(`Cannot measure: ${program} ended with code ${code}`)
  })
  return child
}

interface Updaters {
  readonly tell: (message: ToUpdaters) => void
  /** Sums over all processes. */
  progress(): Progress
  /** What each says when it was told to stop, or when its flood is over. */
  polled(message: ToUpdaters): Promise<Polled>
}

async function startUpdaters(world: string, port: number): Promise<Updaters> {
  const share = Math.ceil(pods / processes)
  const all = Array.from({ length: processes }, (_, i) =>
    start('updaters.ts', [world, String(i * share), String(Math.min(pods, (i + 1) * share)), String(port)]),
  )
  const last = new Map<ChildProcess, Progress>()
  for (const child of all)
    child.on('message', (message: { progress?: Progress }) => {
      if (message.progress) last.set(child, message.progress)
    })
  await Promise.all(all.map((child) => once(child, 'message')))
  return {
    tell: (message) => {
      last.clear()
      for (const child of all) child.send(message)
    },
    progress: () => {
      const sum = { polls: 0, failed: 0, updated: {} as Record<number, number> }
      for (const { polls, failed, updated } of last.values()) {
        sum.polls += polls
        sum.failed += failed
        for (const [release, count] of Object.entries(updated))
          sum.updated[Number(release)] = (sum.updated[Number(release)] ?? 0) + count
      }
      return sum
    },
    polled: async (message) => {
      const answers = all.map(
        (child) =>
          new Promise<Polled>((resolve) => {
            const hear = (said: { polled?: Polled }) => {
              if (!said.polled) return
              child.off('message', hear)
              resolve(said.polled)
            }
            child.on('message', hear)
            child.send(message)
          }),
      )
      const parts = await Promise.all(answers)
      const failures: Record<string, number> = {}
      for (const part of parts)
        for (const [what, count] of Object.entries(part.failures)) failures[what] = (failures[what] ?? 0) + count
      return { ms: parts.flatMap((part) => part.ms), failures, seconds: Math.max(...parts.map((part) => part.seconds)) }
    },
  }
}

async function run(): Promise<void> {
  const world = await makeWorld()
  const server = start('server.ts', [world])
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  const ask = async (what: ToServer): Promise<Usage> => {
    server.send(what)
    return (await once(server, 'message'))[0] as Usage
  }
  tell(`signing ${pods} tokens`)
  const updaters = await startUpdaters(world, port)
  const { poll } = { poll: pollSettings.parse({ lowestSeconds: Number(values.lowest) }) }
  const interval = Math.max(poll.lowestSeconds, Math.min(poll.highestSeconds, Math.ceil(pods / poll.pollsPerSecond)))

  tell(`${pods} updaters begin within ${interval} s`)
  const idle = await ask('usage')
  updaters.tell({ start: interval })
  const all = async (release: number): Promise<number> => {
    const from = performance.now()
    for (let told = 0; ; told++) {
      await sleep(250)
      const { updated, polls, failed } = updaters.progress()
      if (updated[release] === pods) return (performance.now() - from) / 1000
      if (told % 40 === 0)
        tell(`${updated[release] ?? 0} of ${pods} have release ${release}; ${polls} polls, ${failed} failed`)
      if (performance.now() - from > 2 * ALL_WITHIN_SECONDS * 1000)
        throw new Error(`Cannot wait longer for release ${release}`)
    }
  }
  await all(1)
  await sleep(Number(values.before) * 1000)
  tell('publishing')
  const before = await ask('publish')
  const took = await all(2)
  const paced = await updaters.polled('stop')
  const after = await ask('usage')
  const failed = Object.values(paced.failures).reduce((sum, count) => sum + count, 0)
  tell(
    `paced: ${JSON.stringify({ polls: paced.ms.length, failures: paced.failures, seconds: paced.seconds, idle, before, after })}`,
  )

  // What was told to wait must not poll into the flood.
  await sleep(500)
  const fresh = await ask('usage')
  const flood = await updaters.polled({ floodMs: Number(values.flood) * 1000 })
  const end = await ask('usage')
  tell(`flood: ${JSON.stringify({ polls: flood.ms.length, failures: flood.failures, end })}`)

  const told = (what: string, unit: string, ours: number): Row => ({
    bench: 'rules-fleet',
    what,
    unit,
    ours,
    rival: null,
    ratio: null,
    aim: null,
  })
  const many = pods.toLocaleString('en')
  rows.push(
    limited('rules-fleet', `publish → all ${many} updated`, 's', took, ALL_WITHIN_SECONDS),
    {
      ...told(`failed of ${paced.ms.length.toLocaleString('en')} polls at the told pace`, 'polls', failed),
      rival: 0,
      ratio: failed === 0 ? 1 : 0,
      aim: 1,
    },
    told('polls at the told pace', 'polls/s', paced.ms.length / paced.seconds),
    told('poll with its TLS connection, p50', 'ms', percentile(paced.ms, 0.5)),
    limited('rules-fleet', 'poll with its TLS connection, p99', 'ms', percentile(paced.ms, 0.99), P99_MS),
    limited('rules-fleet', `resident memory at most, ${many} Pods`, 'MiB', after.peak, MEMORY_MIB),
    told('resident memory before the first poll', 'MiB', idle.memory),
    told(
      'the server’s share of a core at the told pace',
      '%',
      ((after.cpuSeconds - idle.cpuSeconds) / paced.seconds) * 100,
    ),
    told('polls/s while flooded', 'polls/s', flood.ms.length / flood.seconds),
    {
      ...told(
        'polls for each second of the server’s CPU, beside `pollsPerSecond`',
        'polls/s',
        flood.ms.length / (end.cpuSeconds - fresh.cpuSeconds),
      ),
      rival: poll.pollsPerSecond,
      ratio: flood.ms.length / (end.cpuSeconds - fresh.cpuSeconds) / poll.pollsPerSecond,
      aim: 2,
    },
  )
}
