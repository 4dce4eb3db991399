/** A signed source: what is not believed never reaches a Pod, and why is in the state, the metric and an Event; planted archives and rules neither. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../../cluster-cache/lab.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { realCrsArchive } from '../real-crs.ts'
import { newSigner, signed } from '../sources/signing.ts'
import { runs, startStation } from './station.ts'

await inOwnNetwork(import.meta.filename)
const [old, fresh] = await Promise.all([realCrsArchive('4.22.0'), realCrsArchive('4.25.0')])
const station = await startStation(t)
const [signer, stranger] = await Promise.all([newSigner(), newSigner()])
const keyFile = join(station.work, 'upstream.asc')
writeFileSync(keyFile, signer.publicText)
const settings = {
  sources: {
    everyMinutes: 0.02,
    crs: {
      ...{ from: 'directory', line: 'latest', verify: 'signature', keyFile, fingerprints: [signer.fingerprint] },
      directory: { path: station.upstream },
    },
  },
}
station.publish('4.22.0', old, await signed(old, signer))
let service = await station.serve(settings)
const shop = await station.addPod('shop', 'shop-1', () => service.port)
await runs(shop, '4.22.0')

const refused = async (t: Test, reason: string) => {
  await until(
    reason,
    () => service.metrics(),
    (text) => new RegExp(`fetches_total\\{status="refused",reason="${reason}"\\} [1-9]`).test(text),
  )
  await until('the state', station.rollout, (state) => JSON.stringify(state?.['fetch']).includes(`"${reason}"`))
  await until(
    'the Event',
    () => station.events('sekisho-system'),
    (all) => all.some((one) => one.startsWith(`FetchRefused: ${reason}: `)),
  )
  await shop.step()
  t.match(shop.state.generation, /^crs-4\.22\.0-/)
}

t.test('a release that another key signed', async (t) => {
  station.publish('4.25.0', fresh, await signed(fresh, stranger))
  await refused(t, 'WrongKey')
})
t.test('one that was changed after signing', async (t) => {
  const changed = Buffer.from(fresh)
  changed[changed.length - 20]! ^= 1
  station.publish('4.25.0', changed, await signed(fresh, signer))
  await until(
    'refused',
    () => service.metrics(),
    (text) => /status="refused",reason="(BadSignature|Truncated|NotAnArchive)"\} [1-9]/.test(text),
  )
  await shop.step()
  t.match(shop.state.generation, /^crs-4\.22\.0-/)
})
t.test('one without a signature', async (t) => {
  station.empty()
  station.publish('4.25.0', fresh)
  await refused(t, 'MissingSignature')
})
t.test('whoever can write ConfigMaps of ours, but has no key, plants no release', async (t) => {
  await service.stop('SIGKILL')
  const list = await station.json<{ items: { metadata: { name: string }; binaryData: Record<string, string> }[] }>([
    ...['get', 'configmaps', '-n', 'sekisho-system', '-l', 'app.kubernetes.io/name=sekisho-rules'],
  ])
  const kept = list.items.find(({ metadata }) => metadata.name.startsWith('sekisho-release-4.22.0-'))!
  t.ok(kept.binaryData['attested'], 'with our own word')
  const replace = (object: object) =>
    station.cluster.kubectlOk(['replace', '-f', '-'], { input: JSON.stringify(object) })
  const { resourceVersion: _, ...metadata } = kept.metadata as Record<string, unknown> & { name: string }
  const original = { apiVersion: 'v1', kind: 'ConfigMap', ...kept, metadata }
  await replace({ ...original, binaryData: { ...kept.binaryData, archive: fresh.toString('base64') } })
  station.empty()
  service = await station.serve(settings)
  const other = await station.addPod('shop', 'shop-2', () => service.port)
  await until(
    'it is said',
    () => service.lines.some(({ err }) => JSON.stringify(err ?? '').includes(kept.metadata.name)),
    Boolean,
  )
  for (let i = 0; i < 5; i++) await other.step()
  t.equal(other.state.generation, '', 'nothing is served rather than that')
  await shop.step()
  t.match(shop.state.generation, /^crs-4\.22\.0-/, 'what it has stays')

  await replace(original)
  await runs(other, '4.22.0')
})
