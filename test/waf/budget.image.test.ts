/**
 * What nginx holds comes back by an exchange. The growth is made large and quick: a rule set with 20,000 random words between two without
 * them, and an allocator that keeps what it once got (the container's own tells it not to; then 200 reloads add some 5 MiB).
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { compiled, realRelease } from '../rules/compile/support.ts'
import { inOwnNetwork } from './own-network.ts'
import { ask, startPod, type TestPod, until } from './pod.ts'
import { loadSet, newKey, statusOf } from './signed-sets.ts'

await inOwnNetwork(import.meta.filename)
const MIB = 2 ** 20
const WORKERS = 2
const key = newKey()
const release = await realRelease('4.25.0')
const word = (of: string) => createHash('sha256').update(of).digest('hex').slice(0, 9)
const words = (rule: number) => Array.from({ length: 40 }, (_, i) => word(`${rule} ${i}`)).join(' ')
const rule = (_: unknown, i: number) =>
  `SecRule ARGS:x${i} "@pm ${words(i)}" "id:${100_001 + i},phase:2,deny,status:403,nolog"\n`
const small = compiled({ release })
const large = compiled({ release, before: [{ name: 'r.conf', text: Array.from({ length: 500 }, rule).join('') }] })

/** The figures of all nginx processes of a Pod, read from outside: each page counted once. */
function nginxes(pod: TestPod): number[] {
  const inside = readlinkSync(`/proc/${pod.waf.pid}/ns/pid`)
  return readdirSync('/proc').flatMap((entry) => {
    try {
      if (!/^\d+$/.test(entry) || readlinkSync(`/proc/${entry}/ns/pid`) !== inside) return []
      if (readFileSync(`/proc/${entry}/comm`, 'utf8') !== 'nginx\n') return []
      const own = /^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/smaps_rollup`, 'utf8'))
      return own ? [Number(own[1]) * 1024] : []
    } catch {
      return []
    }
  })
}
const settled = (pod: TestPod) =>
  until('the old workers to end', () => {
    const all = nginxes(pod)
    return all.length === WORKERS + 1 ? all.reduce((sum, one) => sum + one, 0) : undefined
  })
const metric = async (name: string) => {
  const { body } = await ask('/metrics', { port: 15021 }).catch(() => ({ body: '' }))
  return Number(new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\d+)$`, 'm').exec(body)?.[1] ?? 0)
}
const start = (budget?: number) =>
  startPod({
    updater: false,
    env: {
      SEKISHO_RULES_KEYS: key.public,
      SEKISHO_WORKERS: String(WORKERS),
      SEKISHO_RECYCLE_SECONDS: '1',
      TCMALLOC_AGGRESSIVE_DECOMMIT: '0',
      ...(budget ? { SEKISHO_MEMORY_BUDGET_BYTES: String(Math.round(budget)) } : {}),
    },
  })
async function grow(pod: TestPod) {
  let sequence = 0
  for (const content of [small, large, small, large, small])
    t.match(await loadSet(pod, content, { key, sequence: ++sequence }), { state: 'active', sequence })
}
const near = (one: number, other: number) => Math.abs(one - other) < other * 0.15

t.test('the budget comes from the cgroup; over it nginx is exchanged, holds less, and says how much', async (t) => {
  let pod = await start()
  t.teardown(() => pod.stop())
  // The limit of the container is 384 MiB, its temp volume 64 MiB.
  t.equal(await until('the budget', () => metric('sekisho_waf_memory_budget_bytes')), 160 * MIB)
  const first = await settled(pod)
  t.ok(near(await until('a first figure', () => metric('sekisho_waf_memory_bytes')), first))
  await grow(pod)
  const grown = await settled(pod)
  t.comment(`${(first / MIB).toFixed(1)} MiB at first, ${(grown / MIB).toFixed(1)} MiB grown`)
  t.ok(grown > first * 1.5, 'growth to speak of')
  await until('the figure', () => near(statusOf(pod).memoryBytes, grown))
  t.equal(await metric('sekisho_waf_recycles_total{outcome="done"}'), 0, 'below half of the limit it goes on')
  await pod.stop()

  const budget = (first + grown) / 2
  pod = await start(budget)
  t.equal(await until('the budget', () => metric('sekisho_waf_memory_budget_bytes')), Math.round(budget))
  await grow(pod)
  await until('less, and told', async () => {
    const held = await settled(pod)
    return held < budget && near(statusOf(pod).memoryBytes, held)
  })
  t.ok((await metric('sekisho_waf_recycles_total{outcome="done"}')) > 0)
  t.equal(await metric('sekisho_waf_recycles_total{outcome="failed"}'), 0)
  t.comment(`${((await settled(pod)) / MIB).toFixed(1)} MiB after the exchange`)
  t.match(statusOf(pod), { state: 'active', sequence: 5 })
})
