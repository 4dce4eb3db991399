import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { compiled, realRelease } from '../rules/compile/support.ts'
import { startLoad } from './load.ts'
import { inOwnNetwork, POD_IP } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'
import { loadSet, newKey, placeSet, statusOf } from './signed-sets.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const WORKERS = 2
const key = newKey()
const release = await realRelease('4.25.0')
const contents = [100_001, 100_002].map((id) =>
  compiled({ release, before: [{ name: 'r.conf', text: `SecAction "id:${id},phase:1,pass,nolog"\n` }] }),
)
const { server } = await startApp()
const start = (env: Record<string, string> = {}) =>
  startPod({ updater: false, env: { SEKISHO_RULES_KEYS: key.public, SEKISHO_WORKERS: String(WORKERS), ...env } })
let pod = await start()
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
})
let sequence = 0
const reload = () => loadSet(pod, contents[++sequence % 2]!, { key, sequence })
const counter = async (name: string) =>
  Number(
    new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\d+)$`, 'm').exec(
      (await ask('/metrics', { port: 15021 }).catch(() => ({ body: '' }))).body,
    )?.[1] ?? 0,
  )
const recycles = () => counter('sekisho_waf_recycles_total{outcome="done"}')
const ended = async () => (await recycles()) + (await counter('sekisho_waf_recycles_total{outcome="failed"}'))

/** nginx processes of the container, as this machine numbers them. */
function nginxes(): { pid: number; inside: string; parent: number }[] {
  const namespace = readlinkSync(`/proc/${pod.waf.pid}/ns/pid`)
  return readdirSync('/proc').flatMap((entry) => {
    try {
      if (!/^\d+$/.test(entry) || readlinkSync(`/proc/${entry}/ns/pid`) !== namespace) return []
      const [, name, state, parent] = /^\d+ \((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))!
      if (name !== 'nginx' || state === 'Z') return []
      const inside = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))![1]!
      return [{ pid: Number(entry), inside, parent: Number(parent) }]
    } catch {
      return []
    }
  })
}
const master = () => {
  const now = readFileSync(join(pod.run, 'waf/nginx.pid'), 'utf8').trim()
  return nginxes().find(({ inside }) => inside === now)
}
const alone = () => until('one nginx', () => nginxes().length === WORKERS + 1)

t.test('30 reloads by HUP under load over kept connections: no request fails', async (t) => {
  const end = startLoad()
  for (let i = 0; i < 30; i++) t.match(await reload(), { state: 'active', sequence })
  const load = await end()
  t.comment(`${load.answered} answered`)
  t.strictSame(load.failed, [])
  t.equal(await recycles(), 0)
  t.ok(load.answered > 100)
})

t.test(
  'over its budget nginx is exchanged, again and again, and holds less: no request fails, also long ones',
  async (t) => {
    await pod.stop()
    pod = await start({ SEKISHO_MEMORY_BUDGET_BYTES: '1', SEKISHO_RECYCLE_SECONDS: '1' })
    await until('the first exchange', async () => (await recycles()) > 0)
    const end = startLoad()
    // Slower than any exchange: the old workers see it through.
    const slow = new Promise<number>((done, failed) => {
      const headers = {
        host: 'shop.example',
        accept: '*/*',
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': '40',
      }
      const sent = request(
        { host: POD_IP, port: 15080, path: '/', method: 'POST', agent: false, headers },
        (answer) => {
          answer.resume()
          answer.on('end', () => done(answer.statusCode!))
        },
      )
      sent.on('error', failed)
      void (async () => {
        for (let i = 0; i < 20; i++) {
          sent.write('ab')
          await sleep(1000)
        }
        sent.end()
      })()
    })
    for (let round = 0; round < 3; round++) {
      const before = await recycles()
      const old = master()!.pid
      for (let i = 0; i < 10; i++) t.match(await reload(), { state: 'active', sequence })
      await until('an exchange', async () => (await recycles()) > before, 100)
      t.not(master()!.pid, old)
      t.ok(await pod.ready())
      t.equal((await ask(ATTACK)).status, 403)
    }
    t.equal(await slow, 200)
    const load = await end()
    t.comment(`${load.answered} answered`)
    t.strictSame(load.failed, [])
    await alone()
    t.match(statusOf(pod), { state: 'active', sequence })
  },
)

for (const victim of ['old', 'new'] as const)
  t.test(
    `the ${victim} nginx killed outright in the middle of an exchange: ready again with the same rules`,
    async (t) => {
      const { generation } = await reload()
      const before = await ended()
      await until('an exchange to begin', () => existsSync(join(pod.run, 'waf/nginx.pid.oldbin')), 100)
      const masters = nginxes().filter(({ parent }) => !nginxes().some((one) => one.pid === parent))
      const old = masters[0]!
      const young = await until(
        'the new one',
        () =>
          nginxes().find(({ parent, pid }) => parent === old.pid && nginxes().some((one) => one.parent === pid)) ??
          nginxes().find(({ parent }) => parent === old.pid),
      )
      process.kill((victim === 'old' ? old : young).pid, 'SIGKILL')
      // Until the exchange is over the young one may answer as ready, and be ended.
      await until('the end of the exchange', async () => (await ended()) > before)
      await alone()
      await until(
        'readiness',
        async () => (await pod.ready()) && (await ask(ATTACK).catch(() => undefined))?.status === 403,
      )
      t.match(statusOf(pod), { generation, state: 'active' })
      t.match(await reload(), { state: 'active', sequence })
      t.ok(await pod.ready())
    },
  )

t.test('nginx killed outright in the middle of a reload: ready again with one of the two', async (t) => {
  for (const pause of [0, 60, 120, 180, 240, 300, 400]) {
    const before = statusOf(pod).generation
    const next = placeSet(pod, contents[++sequence % 2]!, { key, sequence })
    pod.kick(next)
    await sleep(pause)
    const all = nginxes()
    for (const { pid, parent } of all) if (!all.some((one) => one.pid === parent)) process.kill(pid, 'SIGKILL')
    await until(
      'readiness',
      async () => (await pod.ready()) && (await ask(ATTACK).catch(() => undefined))?.status === 403,
    )
    const now = await until('an answer', () => (statusOf(pod).wanted === next ? statusOf(pod) : undefined))
    t.ok([before, next].includes(now.generation), `${pause} ms: ${now.generation} ${now.reason}`)
    if (now.state === 'failed') {
      // Only what judged the new one was hit: what was served is served.
      t.equal(now.generation, before)
      pod.kick(next)
      await pod.active(({ generation }) => generation === next)
    }
  }
  await alone()
})
