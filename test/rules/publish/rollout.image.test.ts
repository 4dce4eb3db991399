/** Two replicas, a new release in stages, the leader killed in the middle of it; and a signed source with every wrong key. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { until } from '../../cluster-cache/lab.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { realCrsArchive } from '../real-crs.ts'
import { placeSigning, runs, type Serving, startStation } from './station.ts'

await inOwnNetwork(import.meta.filename)
const [old, fresh] = await Promise.all([realCrsArchive('4.22.0'), realCrsArchive('4.25.0')])
const station = await startStation(t)
station.publish('4.22.0', old)
const settings = {
  rollout: { soakMinutes: 0.15, stages: [34, 100] },
  sources: {
    everyMinutes: 0.02,
    crs: { from: 'directory', line: 'latest', verify: 'none', directory: { path: station.upstream } },
  },
}
let [first, second]: Serving[] = [await station.serve(settings), await station.serve(settings, { withBench: false })]
let asked = first!
const port = () => asked.port
const leads = async (one: Serving) => (await one.metrics()).includes('sekisho_rules_leader 1')
const names = Array.from({ length: 9 }, (_, i) => `shop-${i}`)
const pods = await Promise.all(names.map((name, i) => station.addPod(`team-${i % 3}`, name, port)))
const steps = () => Promise.all(pods.map((pod) => pod.step()))
const on = (release: string) => pods.filter(({ state }) => state.generation.startsWith(`crs-${release}-`)).length

t.test('one replica leads; the other serves the same bytes from what it reads and compiles', async (t) => {
  await until(
    'one leads',
    async () => [await leads(first!), await leads(second!)],
    (all) => all.filter(Boolean).length === 1,
  )
  // The one with the bench is to lead: the other can try nothing.
  if (!(await leads(first!))) {
    await second!.stop()
    await until('the first leads', () => leads(first!), Boolean)
    second = await station.serve(settings, { withBench: false })
  }
  await runs(pods[0]!, '4.22.0')
  asked = second!
  for (const pod of pods.slice(1)) await runs(pod, '4.22.0')
  t.match(await second!.metrics(), /sekisho_rules_leader 0/)
  const told = await Promise.all(
    [first!, second!].map(async (one) => {
      asked = one
      return (await pods[1]!.bundle(pods[1]!.state.generation)).body
    }),
  )
  t.ok(told[0]!.equals(told[1]!), `${told[0]!.length} bytes`)
  asked = first!
})

t.test('a new release is tried, goes to some Pods, and when the leader is killed then, on to all', async (t) => {
  station.publish('4.25.0', fresh)
  const seen = new Set<number>()
  await until(
    'the first stage',
    async () => {
      await steps()
      seen.add(on('4.25.0'))
      return on('4.25.0')
    },
    (count) => count > 0,
  )
  t.ok(on('4.25.0') < pods.length, `${on('4.25.0')} of ${pods.length} first`)
  t.match(await station.rollout(), {
    current: { version: '4.22.0' },
    next: { release: { version: '4.25.0' }, stage: 0 },
  })
  const before = pods.map(({ state }) => state.generation)
  await first!.stop('SIGKILL')
  asked = second!
  await steps()
  // Those of the stage whose namespace was published a moment later may have it by now; nobody goes back, nobody is without.
  for (const [i, { state }] of pods.entries())
    t.ok(state.generation === before[i] || before[i]!.startsWith('crs-4.22.0-'), `${before[i]} → ${state.generation}`)
  await until('the other leads', () => leads(second!), Boolean, 60_000)
  await until(
    'all have it',
    async () => {
      await steps()
      seen.add(on('4.25.0'))
      return on('4.25.0')
    },
    (count) => count === pods.length,
    120_000,
  )
  t.ok(seen.size >= 2, [...seen].join(', '))
  await until(
    'it is current',
    async () => {
      await steps()
      return station.rollout()
    },
    (state) => JSON.stringify(state?.['current']).includes('4.25.0'),
    60_000,
  )
  const events = await station.events('sekisho-system')
  t.ok(events.some((one) => /^StageBegun: .*4\.25\.0/.test(one)))
  t.ok(events.some((one) => /^ReleaseAdopted: .*4\.25\.0/.test(one)))
  t.match(await second!.metrics(), /sekisho_rules_release_info\{slot="current",version="4.25.0"\} 1/)
})

t.test('other signing keys seal everything anew, under a higher sequence', async (t) => {
  const before = pods[0]!.state.sequence
  const { keys } = placeSigning(station.signingDirectory)
  for (const pod of pods) (pod.options.keys as string[]).push(...keys)
  await until(
    'a new seal',
    async () => {
      await pods[0]!.step()
      return pods[0]!.state.sequence
    },
    (sequence) => sequence > before,
  )
  t.ok(pods[0]!.state.files.get('manifest')!.toString().includes(`key ${keys[0]}`))
})

t.test('SIGTERM: the Lease is free at once, what is asked meanwhile is answered, exit code 0', async (t) => {
  first = await station.serve(settings)
  const began = performance.now()
  const ending = second!.stop('SIGTERM')
  await sleep(200)
  t.equal((await pods[0]!.poll()).status < 500, true, 'still serving')
  await until('the other leads', () => leads(first!), Boolean)
  t.ok(performance.now() - began < 12_000, 'before the Lease would have run out')
  t.match(await ending, { code: 0, signal: null })
})
