import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { compiled, realRelease } from '../rules/compile/support.ts'
import { startLoad } from './load.ts'
import { inOwnNetwork } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'
import { newKey } from './signed-sets.ts'
import { sealedBundle, startUpdateService } from './update-service.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const release = await realRelease('4.25.0')
/** The release with a page closed by a rule of the namespace's own. */
const closing = (page: string) =>
  compiled({
    release,
    before: [
      {
        name: 'rules.conf',
        text: `SecRule REQUEST_FILENAME "@beginsWith ${page}" "id:100001,phase:1,deny,status:403"\n`,
      },
    ],
  })
const LOCAL = { 'rules.conf': 'SecRule REQUEST_FILENAME "@beginsWith /local" "id:100002,phase:1,deny,status:403"\n' }
const service = await startUpdateService()
const { server } = await startApp()
let sequence = 1_795_600_000
const publish = async (page: string) => {
  const bundle = await sealedBundle(closing(page), { sequence: ++sequence })
  service.publish(bundle)
  return bundle
}
const last = () => service.current().at(-1)!
const told = () => last().report!.status
const first = await publish('/first')
service.order({ mode: 'own', sequence: ++sequence })
let pod = await startPod({ service, custom: LOCAL })
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
  await service.stop()
})
const status = async (path: string) => (await ask(path)).status

t.test('a new Pod begins with the bundle of the service, and with no other before', async (t) => {
  t.match(await pod.active(), { generation: first.generation, wanted: first.generation, previous: '', mode: 'block' })
  t.equal(await status('/first'), 403)
  t.equal(await status('/local'), 200, 'the service compiles the ConfigMap in, or not')
  t.equal(await status(ATTACK), 403)
  t.strictSame(readdirSync(join(pod.run, 'rulesets')), [first.generation])
  await until('304', () => last().status === 304)
  t.match(told(), { generation: first.generation, state: 'active', reason: 'Active', mode: 'block' })
  await until(
    'custom.json to say who has the rules',
    () => existsSync(join(pod.run, 'custom.json')) && pod.customStatus().state === 'compiled',
  )
})

t.test('a new bundle and a new mode reach the WAF without a restart and without one failed request', async (t) => {
  const end = startLoad()
  const since = Date.now()
  const { generation } = await publish('/second')
  await until('it to be told', () => told()['generation'] === generation && last().status === 304)
  t.comment(`from the service to served and told: ${((Date.now() - since) / 1000).toFixed(1)} s, polls every second`)
  t.equal(await status('/second'), 403)
  t.equal(await status('/first'), 200)
  const orders = service.order({ mode: 'detect', sequence: ++sequence })
  await until('the mode to be told', () => told()['mode'] === 'detect' && told()['orders'] === orders)
  t.equal(await status(ATTACK), 200)
  service.order({ mode: 'block', sequence: ++sequence })
  await until('the mode to be told', () => told()['mode'] === 'block')
  t.equal(await status(ATTACK), 403)
  const load = await end()
  t.comment(`${load.answered} answered`)
  t.strictSame(load.failed, [])
  t.ok(load.answered > 20)
  await until('the requests to be counted', () => last().report!.requests > 20 && last().report!.blocked > 0)
})

for (const [what, options, reason] of [
  ['signed by another key', { sign: newKey().sign }, 'BadSignature'],
  ['for another namespace', { namespace: 'bank' }, 'WrongNamespace'],
  ['with a lower sequence', { sequence: 7 }, 'LowerSequence'],
] as const)
  t.test(`a bundle ${what} is refused by the WAF, and the service is told why; what was served stays`, async (t) => {
    const { generation } = pod.status()!
    const bad = await sealedBundle(closing('/bad'), { sequence: ++sequence, ...options })
    const before = service.wanted
    service.publish(bad)
    await until('the refusal to be told', () => told()['wanted'] === bad.generation && told()['state'] === 'failed')
    t.match(told(), { generation, reason })
    t.equal(await status('/bad'), 200)
    t.equal(await status(ATTACK), 403)
    service.publish(before)
    await until('the one before', () => told()['state'] === 'active' && last().status === 304)
    t.match(told(), { generation, wanted: generation })
  })

t.test('orders signed by another key are not followed, and the service sees which are', async (t) => {
  const followed = told()['orders']
  service.order({ mode: 'detect', sequence: ++sequence }, newKey().sign)
  await until('the WAF to refuse them', () => /"reason":"BadSignature"[^\n]*"orders"/.test(pod.waf.stderr()))
  await sleep(2500)
  t.equal(told()['orders'], followed)
  t.equal(last().status, 200)
  t.equal(await status(ATTACK), 403)
  const id = service.order({ mode: 'block', sequence: ++sequence })
  await until('good ones', () => told()['orders'] === id && last().status === 304)
})

t.test('both killed outright come back with what was served, and go on', async (t) => {
  const { generation } = pod.status()!
  await pod.restartWaf({ hard: true })
  await until('readiness', pod.ready)
  t.match(pod.status(), { generation })
  await pod.restartRules({ hard: true })
  const next = await publish('/third')
  await until('the next one', () => told()['generation'] === next.generation && last().status === 304)
  t.equal(await status('/third'), 403)
})

t.test('without the service everything stays, and the updater holds little memory', async (t) => {
  const { generation } = pod.status()!
  await service.close()
  await sleep(3000)
  pod.setCustom({ 'rules.conf': LOCAL['rules.conf'].replace('100002', '100003') })
  await sleep(3000)
  t.match(pod.status(), { generation, state: 'active' })
  t.equal(await status('/local'), 200)
  t.equal(await status(ATTACK), 403)
  const pids = [
    pod.rules!.pid,
    ...readFileSync(`/proc/${pod.rules!.pid}/task/${pod.rules!.pid}/children`, 'utf8').trim().split(' '),
  ]
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1]))
  t.comment(`PSS of the updater and its sleep: ${kib.join(' + ')} KiB`)
  t.ok(kib.reduce((all, one) => all + one) <= 4096)
  await service.listen()
  const next = await publish('/fourth')
  await until('the next one', () => told()['generation'] === next.generation, 120)
})

t.test('a set damaged on the disk is fetched anew', async (t) => {
  const { generation } = pod.status()!
  await pod.rules!.stop()
  rmSync(join(pod.run, 'rulesets', generation, 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf'))
  // Both: the last good one is the same.
  await pod.restartWaf()
  await pod.failed()
  t.equal(await pod.ready(), false)
  await pod.restartRules()
  await until('readiness', pod.ready)
  t.match(await pod.active(), { generation })
  t.equal(await status(ATTACK), 403)
})

t.test(
  'a new Pod without the service has the baseline with its ConfigMap, and the bundle once the service is there',
  async (t) => {
    await pod.stop()
    await service.close()
    pod = await startPod({ service, custom: LOCAL })
    t.match(await pod.active(), { reason: 'Active', mode: 'block' })
    t.equal(await status('/local'), 403)
    t.equal(await status('/fourth'), 200)
    await service.listen()
    const { generation } = service.wanted!
    await until('the bundle', () => pod.status()?.generation === generation && pod.status()?.state === 'active', 120)
    t.equal(await status('/local'), 200)
    t.equal(await status('/fourth'), 403)
    pod.setCustom({ 'rules.conf': LOCAL['rules.conf'].replace('100002', '100004') })
    await sleep(3000)
    t.match(pod.status(), { generation })
  },
)

t.test('a new Pod whose first bundle is refused has the baseline with its ConfigMap', async (t) => {
  await pod.stop()
  const bad = await sealedBundle(closing('/bad'), { sequence: ++sequence, sign: newKey().sign })
  service.publish(bad)
  pod = await startPod({ service, custom: LOCAL })
  await until('the local rules', async () => (await status('/local').catch(() => 0)) === 403)
  await until(
    'the refusal to be told',
    () => told()['wanted'] === bad.generation && told()['reason'] === 'BadSignature',
  )
  await until('what is served instead to be told', () => told()['generation'] === pod.status()!.generation)
  t.match(told(), { state: 'failed', wanted: bad.generation, reason: 'BadSignature' })
  t.equal(await status(ATTACK), 403)
  const next = await publish('/fifth')
  await until('the next one', () => told()['generation'] === next.generation && last().status === 304)
  t.equal(await status('/fifth'), 403)
  t.equal(await status('/local'), 200)
})

t.test('a full volume: what is served stays, and the new bundle comes when there is room', async (t) => {
  await pod.stop()
  pod = await startPod({ service, runBytes: 12 << 20 })
  await pod.active()
  const { generation } = pod.status()!
  execFileSync('sh', ['-c', 'cat /dev/zero > "$0" 2> /dev/null || true', join(pod.run, 'full')])
  const next = await publish('/sixth')
  await until('the reason to be told', () => told()['wanted'] === next.generation && told()['reason'] === 'CannotWrite')
  t.equal(told()['generation'], generation)
  t.ok(await pod.ready())
  t.equal(await status(ATTACK), 403)
  rmSync(join(pod.run, 'full'))
  await until('the next one', () => told()['generation'] === next.generation && last().status === 304, 180)
  t.equal(await status('/sixth'), 403)
})
