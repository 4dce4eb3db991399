/** State that somebody deletes, damages or plants while the service runs: it is noticed at once, and made anew. */
import t from 'tap'
import { shardName, shardOf } from '../../../src/rules/rollout/target-state.ts'
import { until } from '../../cluster-cache/lab.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { realCrsArchive } from '../real-crs.ts'
import { runs, startStation } from './station.ts'

await inOwnNetwork(import.meta.filename)
const station = await startStation(t)
station.publish('4.25.0', await realCrsArchive('4.25.0'))
const service = await station.serve()
const shop = await station.addPod('shop', 'shop-1', () => service.port)
await runs(shop, '4.25.0')
const configMap = ['-n', 'sekisho-system', 'configmap', shardName(shardOf('shop'))]
const state = async () => {
  const found = await station.cluster.kubectl(['get', ...configMap, '-o', 'json'])
  if (found.code !== 0) return undefined
  const text = (JSON.parse(found.stdout) as { data?: Record<string, string> }).data?.['shop'] ?? ''
  try {
    return JSON.parse(text) as {
      targets: { published: unknown[]; orders?: { mode: string; breakGlassUntil: number } }[]
    }
  } catch {
    return undefined
  }
}
const whole = () =>
  until(
    'it is published again, with its orders',
    state,
    (one) => one?.targets[0]?.published.length === 1 && one.targets[0].orders?.mode === 'own',
    20_000,
  )
const write = (text: string) =>
  station.cluster.kubectlOk(['patch', ...configMap, '--type=merge', '-p', JSON.stringify({ data: { shop: text } })])

t.test('deleted', async (t) => {
  await station.cluster.kubectlOk(['delete', ...configMap])
  await whole()
  const late = await station.addPod('shop', 'shop-2', () => service.port)
  t.match(await runs(late, '4.25.0', 20_000), /^crs-4\.25\.0-/)
})

t.test('damaged', async () => {
  await write('{"form": 1')
  await whole()
})

t.test('orders that nobody gave', async (t) => {
  const planted = (await whole())!
  planted.targets[0]!.orders = { ...planted.targets[0]!.orders!, breakGlassUntil: 4_000_000_000 }
  await write(JSON.stringify(planted))
  await until('they are taken back', state, (one) => one?.targets[0]?.orders?.breakGlassUntil === 0, 20_000)
  const given = await shop.step()
  t.equal(given.orders['break-glass'], '0')
})
