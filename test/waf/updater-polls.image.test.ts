import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inOwnNetwork } from './own-network.ts'
import { until } from './pod.ts'
import { type Bundle, bundleOf, issueCertificates, startUpdateService } from './update-service.ts'
import { startUpdater } from './updater.ts'

await inOwnNetwork(import.meta.filename)
const service = await startUpdateService()
const text = (name: string, more: Record<string, string> = {}): Promise<Bundle> =>
  bundleOf(
    new Map(
      Object.entries({ 'REQUEST-901-X.conf': name, manifest: `sekisho-manifest 2\n${name}\n`, ...more }).map(
        ([file, body]) => [file, Buffer.from(body)],
      ),
    ),
  )
const first = await text('first')
service.publish(first)
const updater = await startUpdater(service)
t.teardown(async () => {
  await updater.stop()
  await service.stop()
})

t.test('sekisho-rules places the service’s bundle first in a new Pod, and tells it with the next poll', async (t) => {
  await until('the bundle to be wanted', () => updater.wanted() === first.generation)
  t.ok(await updater.started())
  t.strictSame(updater.sets(), [first.generation], 'no baseline was built before')
  t.strictSame(updater.files(first.generation), ['REQUEST-901-X.conf', 'manifest'])
  const [poll] = service.current()
  t.equal(poll!.headers['if-none-match'], '"-/-"')
  t.match(poll!.report, {
    protocol: 1,
    requests: 0,
    blocked: 0,
    status: { generation: '', state: 'waiting', engine: /^3\.\d+\.\d+$/ },
  })
  const id = service.order({ mode: 'block', sequence: 2 })
  await until('304', () => service.current().at(-1)?.status === 304)
  t.equal(service.current().at(-1)!.headers['if-none-match'], `"${first.generation}/${id}"`)
  t.match(service.current().at(-1)!.report!.status, {
    generation: first.generation,
    wanted: first.generation,
    state: 'active',
    orders: id,
  })
  t.equal(service.downloads().length, 1)
  t.match(updater.read('orders'), /\nsequence 2\nmode block\n/)
})
