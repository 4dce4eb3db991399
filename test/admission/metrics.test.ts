/** createMetrics: no label that others could make endless, and buckets that fit. */
import t from 'tap'
import { ADMISSION_METRICS, BUCKETS_SECONDS, createMetrics } from '../../src/admission/metrics.ts'

t.test('createMetrics() counts a reason that no table knows as Other', async (t) => {
  const metrics = createMetrics('1', new Set(['Known']))
  for (const reason of ['Known', 'made-up-1', 'made-up-2']) metrics.decided('mutate', 'pods', 'allow', reason, 0.001)
  const text = await metrics.text()
  t.match(text, /reviews_total\{path="mutate",resource="pods",verdict="allow",reason="Known"\} 1/)
  t.match(text, /reviews_total\{path="mutate",resource="pods",verdict="allow",reason="Other"\} 2/)
  t.notMatch(text, /made-up/)
})

t.test('createMetrics() has buckets from 0.5 ms to 10 s, rising', async (t) => {
  t.equal(BUCKETS_SECONDS[0], 0.0005)
  t.equal(BUCKETS_SECONDS.at(-1), 10)
  t.same(
    BUCKETS_SECONDS,
    BUCKETS_SECONDS.toSorted((a, b) => a - b),
  )
})

t.test('createMetrics() serves every metric of its table, and of others only what Node tells of itself', async (t) => {
  const metrics = createMetrics('1', new Set())
  metrics.decided('mutate', 'pods', 'allow', 'x', 1)
  const names = [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  const ours = names.filter(([name]) => !/^sekisho_(process|nodejs)_/.test(name!))
  t.same(
    Object.fromEntries(ours),
    Object.fromEntries(Object.entries(ADMISSION_METRICS).map(([name, { type }]) => [name, type])),
  )
  for (const [name] of names) t.match(name, /^sekisho_/)
})
