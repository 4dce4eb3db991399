/** From a release in a directory to a bundle in a Pod: the whole service, the real API server, the real engine as the bench. */
import t from 'tap'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { realCrsArchive } from '../real-crs.ts'
import { runs, startStation } from './station.ts'

await inOwnNetwork(import.meta.filename)

t.test('serve publishes the first release for a Pod of a namespace without a policy', async (t) => {
  const station = await startStation(t)
  station.publish('4.25.0', await realCrsArchive('4.25.0'))
  const service = await station.serve()
  const shop = await station.addPod('shop', 'shop-1', () => service.port)
  await runs(shop, '4.25.0')
  t.ok(shop.state.files.has('REQUEST-942-APPLICATION-ATTACK-SQLI.conf'))
  const settled = await shop.poll()
  t.equal(settled.status, 304)
  t.match(await station.rollout(), { current: { version: '4.25.0' } })
})
