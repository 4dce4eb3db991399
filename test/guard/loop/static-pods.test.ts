/** Static Pods of a blind node: told once, asked for again while they are there, and resolved when they are gone. */
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Finding } from '../../../src/api/finding.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { guardConfig } from '../../../src/config/guard.ts'
import { createKeeper } from '../../../src/guard/keep/keeper.ts'
import { createLoop } from '../../../src/guard/loop/loop.ts'
import { daemonSet, idsPod, NOW, node } from '../parts.ts'

const MINUTE = 60_000

t.test('the finding StaticPod is resolved when the Pod is gone, and told anew when it comes back', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const stop = new AbortController()
  t.teardown(() => {
    stop.abort()
    mock.timers.reset()
  })
  let items = [
    { metadata: { name: 'etc-a', namespace: 'shop', annotations: { 'kubernetes.io/config.mirror': 'x' } } },
    { metadata: { name: 'web', namespace: 'shop', annotations: {} } },
  ]
  const events: string[] = []
  const client = {
    request: async (method: string, path: string, { body }: { body?: { reason: string } } = {}) => {
      if (method === 'POST') events.push(body!.reason)
      if (path === '/api/v1/pods') return { items, metadata: {} }
      // Nodes and namespaces are not what is asked about here: as another has them.
      return new Promise(() => {})
    },
  } as unknown as ApiClient
  let ms = 0
  const monotonic = () => ms
  const keeper = createKeeper(guardConfig.parse({}))
  const found: string[] = []
  const quiet = { found: () => {}, wrote: () => {}, eventDropped: () => {}, tainted: () => {}, lag: () => {} }
  const loop = createLoop({
    client,
    keeper,
    time: { now: () => NOW + ms, aheadSeconds: () => 0, ask: async () => {} },
    instance: 'test',
    leads: () => true,
    metrics: () => quiet as never,
    found: ({ kind, action }: Finding) => found.push(`${kind} ${action}`),
    log: { info: () => {}, warn: () => {} },
    signal: stop.signal,
    monotonic,
  })
  const pass = async (by: number) => {
    ms += by
    mock.timers.tick(by)
    for (let i = 0; i < 5; i++) await turn()
  }
  const said = () => found.splice(0).filter((text) => text.startsWith('StaticPod'))
  loop.start({ doubts: () => [], replaced: () => new Map(), done: Promise.resolve() })
  const protectedSpace = { name: 'shop', labels: { 'sekisho.dev/protected': 'true' }, annotations: {} }
  keeper.namespace('shop', { ...protectedSpace, uid: 'u', resourceVersion: '1' })
  keeper.daemonSet(daemonSet({ tolerations: [{ operator: 'Exists' }] }))
  const blind = idsPod('a', { ready: false })
  keeper.pod(undefined, blind)
  keeper.node('a', { ...node('a'), uid: 'u' })
  await pass(100)
  t.same(said(), ['StaticPod detected'])
  await pass(MINUTE)
  t.same(said(), [])
  const [, web] = items
  const there = items
  items = [web!]
  await pass(MINUTE)
  await pass(100)
  t.same(said(), ['StaticPod resolved'])
  t.same(events.filter((one) => one === 'UnwatchedPods').length, 1, 'to look for static Pods tells of no others')
  items = there
  keeper.pod(blind, idsPod('a'))
  loop.changed('a')
  await pass(100)
  keeper.pod(idsPod('a'), blind)
  loop.changed('a')
  await pass(100)
  t.same(said(), ['StaticPod detected'])
  keeper.node('a', undefined)
  loop.changed()
  await pass(100)
  await pass(MINUTE)
  await pass(100)
  t.same(said(), ['StaticPod resolved'], 'with its node')
})
