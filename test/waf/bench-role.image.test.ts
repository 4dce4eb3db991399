import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compiled, realRelease } from '../rules/compile/support.ts'
import { inOwnNetwork } from './own-network.ts'
import { startApp, startPod, until } from './pod.ts'
import { loadSet, newKey, type SetOptions, statusOf } from './signed-sets.ts'

await inOwnNetwork(import.meta.filename)
const key = newKey()
const release = await realRelease('4.25.0')
const content = (rule: string) => compiled({ release, before: [{ name: 'r.conf', text: `${rule}\n` }] })
const { server } = await startApp()
const pod = await startPod({
  updater: false,
  env: { SEKISHO_BENCH: '1', SEKISHO_RULES_KEYS: key.public, SEKISHO_POD_NAMESPACE: 'sekisho-bench' },
})
t.teardown(async () => {
  server.close()
  await pod.stop()
})
const sets = () => readdirSync(join(pod.run, 'rulesets')).sort()
let sequence = 0
const candidate = (rule: string, options: Partial<SetOptions> = {}) =>
  loadSet(pod, content(rule), { key, sequence: ++sequence, namespace: 'sekisho-bench', ...options })
const only = (...wanted: string[]) =>
  until(`only ${wanted} of ${sets()}`, () => sets().join() === [...new Set(wanted)].sort().join())

t.test('the bench takes candidates one after the other, and keeps the wanted and the last good one', async (t) => {
  for (const id of [100_001, 100_002, 100_003]) {
    const status = await candidate(`SecAction "id:${id},phase:1,pass,nolog"`)
    t.match(status, { state: 'active', sequence })
    await only(status.generation)
  }
  const good = statusOf(pod).generation
  for (const round of [1, 2, 3]) {
    // One rule fewer than it says.
    const status = await candidate(`SecAction "id:10000${round},phase:1,pass,nolog"`, {
      manifest: (text) => text.replace(/^rules (\d+)/m, (_, rules) => `rules ${Number(rules) + 1}`),
    })
    t.match(status, { state: 'failed', reason: 'RuleCountDiffers', generation: good })
    await only(good, status.wanted)
  }
})

t.test('the bench takes nothing that is for another namespace', async (t) => {
  t.match(await candidate('SecAction "id:100009,phase:1,pass,nolog"', { namespace: 'shop' }), {
    state: 'failed',
    reason: 'WrongNamespace',
  })
})

t.test('a bench that restarts keeps its last good one and takes the next', async (t) => {
  const good = statusOf(pod).generation
  await pod.restartWaf({ hard: true })
  await until('readiness', pod.ready)
  t.equal(statusOf(pod).generation, good)
  const status = await candidate('SecAction "id:100010,phase:1,pass,nolog"')
  t.match(status, { state: 'active' })
  await candidate('SecAction "id:100011,phase:1,pass,nolog"')
  await only(statusOf(pod).generation, statusOf(pod).wanted)
})
