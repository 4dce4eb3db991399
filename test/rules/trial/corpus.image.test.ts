/** Each request of the corpus on the real engine: an attack that is not stopped, or a harmless one that is, says nothing of a candidate. */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../../../src/rules/sources/source.ts'
import { measure } from '../../../src/rules/trial/measure.ts'
import { startUpstream } from '../../../src/rules/trial/upstream.ts'
import { readStatus } from '../../../src/rules/trial/volume.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { until } from '../../waf/pod.ts'
import { compiled, hash, key, realRelease } from '../compile/support.ts'
import type { RealVersion } from '../real-crs.ts'
import { corpus, settings, startBenchPod } from './support.ts'

await inOwnNetwork(import.meta.filename)
const pod = await startBenchPod()
const upstream = await startUpstream(settings.upstreamPort)
t.teardown(async () => {
  upstream.close()
  await pod.stop()
})
await pod.start()
await until('the bench', async () => (await readStatus(pod.run))?.state === 'active')

/** What comes out otherwise than the corpus expects, by release. 4.22.0 does not know these two scanners yet. */
const OTHERWISE: Record<RealVersion, readonly string[]> = {
  '4.25.0': [],
  '4.22.0': ['scanner/acunetix passed', 'scanner/feroxbuster passed'],
}
let sequence = 0
for (const [version, otherwise] of Object.entries(OTHERWISE))
  t.test(`the corpus comes out as expected with CRS ${version} at level 1`, async (t) => {
    const content = compiled({ release: await realRelease(version as RealVersion) })
    const context = {
      settings: { ...settings, directory: pod.run },
      upstream,
      clock: { ...systemClock, sleep: (ms: number, signal: AbortSignal) => wait(ms, undefined, { signal }) },
      hash,
      signer: () => ({ keys: [key.public], sign: key.sign }),
      sequence: () => ++sequence,
    }
    const measured = await measure(content, corpus, context, AbortSignal.timeout(120_000))
    if (measured.status === 'refused') return void t.fail(measured.detail)
    t.equal(measured.seen.length, corpus.length)
    t.strictSame(
      measured.seen
        .filter(({ result, expect }) => result !== expect)
        .map((one) => `${one.group}/${one.name} ${one.result}`),
      otherwise,
    )
  })
