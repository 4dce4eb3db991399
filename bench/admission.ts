/**
 * What a review costs, over TLS, beside the same server that only parses the body and allows.
 *
 * A rate "on one core" is reviews divided by the CPU seconds of the server process, user and system: the clients and
 * whoever else is on the machine do not count, so the figure is that of a core of its own. Both servers take turns, a few
 * seconds each, so that a busy minute hits both; each is warmed up with as many reviews first, until its code is compiled.
 * p50 and p99 are of clients that wait for each answer, four at a time.
 *
 *   node bench/admission.ts [--seconds 6]
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import jsonPatch from 'fast-json-patch'
import { issueCa, issueLeaf } from '../certs-job/issue.ts'
import { large, reviewOf, small } from './admission/pods.ts'
import { preferUs } from './priority.ts'
import { percentile, type Row, report } from './report.ts'

preferUs()
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '6' } } })
const SECONDS = Number(values.seconds)
const CLIENTS = 4
const ROUNDS = 3
const WARM_UP = 20_000

const now = Date.now()
const lifetime = { now, days: 1, backdateMs: 60_000 }
const ca = await issueCa(lifetime)
const leaf = await issueLeaf({ ...ca, notAfter: now + 86_400_000 }, ['localhost'], lifetime)
const directory = mkdtempSync(join(tmpdir(), 'sekisho-bench-'))
writeFileSync(join(directory, 'tls.crt'), leaf.certPem)
writeFileSync(join(directory, 'tls.key'), leaf.keyPem)

interface Server {
  readonly child: ChildProcess
  readonly port: number
  cpuSeconds(): Promise<number>
}

/** Both servers run on the last core, the clients on the others, where the machine has more than one. */
const start = async (which: 'ours' | 'rival'): Promise<Server> => {
  const child = fork(join(import.meta.dirname, 'admission/server.ts'), [which, directory])
  const [{ port }] = await once(child, 'message')
  const last = availableParallelism() - 1
  if (last > 0) spawnSync('taskset', ['-a', '-c', '-p', String(last), String(child.pid)])
  return {
    child,
    port,
    cpuSeconds: async () => {
      child.send('cpu')
      return (await once(child, 'message'))[0].cpuSeconds
    },
  }
}

const agent = new https.Agent({ keepAlive: true, maxSockets: CLIENTS, ca: ca.certPem, servername: 'localhost' })
const ask = (port: number, path: string, body: Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const request = https.request(
      { host: '127.0.0.1', port, path: `${path}?timeout=10s`, method: 'POST', agent, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part) => {
          text += part
        })
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode} ${text}`)),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })

interface Sample {
  reviews: number
  cpuSeconds: number
  ms: number[]
}

const measure = async (
  server: Server,
  path: string,
  body: Buffer,
  seconds: number,
  into: Sample,
  most = Number.POSITIVE_INFINITY,
): Promise<void> => {
  const before = await server.cpuSeconds()
  const end = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (performance.now() < end && into.reviews < most) {
        const begin = performance.now()
        await ask(server.port, path, body)
        into.ms.push(performance.now() - begin)
        into.reviews++
      }
    }),
  )
  into.cpuSeconds += (await server.cpuSeconds()) - before
}

const ours = await start('ours')
const rival = await start('rival')
const rows: Row[] = []
try {
  for (const [size, pod] of [
    ['small Pod', small],
    ['64 KB Pod', large],
  ] as const) {
    const mutate = Buffer.from(JSON.stringify(reviewOf(pod)))
    const { response } = JSON.parse(await ask(ours.port, '/mutate', mutate))
    const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString() || 'null')
    if (patch === null) throw new Error(`the ${size} was not injected: ${JSON.stringify(response)}`)
    const injected = jsonPatch.applyPatch(structuredClone(pod), patch).newDocument
    const validate = Buffer.from(JSON.stringify(reviewOf(injected)))
    const verified = JSON.parse(await ask(ours.port, '/validate', validate)).response
    if (!verified.allowed) throw new Error(`the ${size} was not accepted: ${JSON.stringify(verified)}`)
    for (const [path, body] of [
      ['/mutate', mutate],
      ['/validate', validate],
    ] as const) {
      const what = `${path.slice(1)} a ${size} (${(body.length / 1024).toFixed(1)} KiB)`
      process.stderr.write(`${what} …\n`)
      const ofOurs: Sample = { reviews: 0, cpuSeconds: 0, ms: [] }
      const ofRival: Sample = { reviews: 0, cpuSeconds: 0, ms: [] }
      const warm = (): Sample => ({ reviews: 0, cpuSeconds: 0, ms: [] })
      // No longer than a minute each on a machine that is slow.
      await measure(ours, path, body, 60, warm(), WARM_UP)
      await measure(rival, path, body, 60, warm(), WARM_UP)
      for (let round = 0; round < ROUNDS; round++) {
        await measure(ours, path, body, SECONDS / ROUNDS, ofOurs)
        await measure(rival, path, body, SECONDS / ROUNDS, ofRival)
      }
      const rate = ({ reviews, cpuSeconds }: Sample) => reviews / cpuSeconds
      rows.push({
        bench: 'admission',
        what: `${what}, rate on one core`,
        unit: 'reviews/s',
        ours: rate(ofOurs),
        rival: rate(ofRival),
        ratio: rate(ofOurs) / rate(ofRival),
        aim: 0.6,
      })
      for (const [name, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const [a, b] = [percentile(ofOurs.ms, share), percentile(ofRival.ms, share)]
        rows.push({
          bench: 'admission',
          what: `${what}, ${name}`,
          unit: 'ms',
          ours: a,
          rival: b,
          ratio: b / a,
          aim: null,
        })
      }
    }
  }
} finally {
  for (const { child } of [ours, rival]) child.disconnect()
  agent.destroy()
  rmSync(directory, { recursive: true, force: true })
}
report(rows)
