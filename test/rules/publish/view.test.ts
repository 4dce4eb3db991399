/** What the cluster's changes mean for namespaces, and how many policies of one count. */
import t from 'tap'
import { policySettings } from '../../../src/config/rules.ts'
import type { PodFact } from '../../../src/rules/model.ts'
import { MOST_POLICIES } from '../../../src/rules/policy/follow.ts'
import { statusOf } from '../../../src/rules/policy/status.ts'
import { gatherFacts } from '../../../src/rules/publish/policy-facts.ts'
import { createStates, MOST_NAMESPACE_BYTES } from '../../../src/rules/publish/states.ts'
import { createView } from '../../../src/rules/publish/view.ts'
import { STATE_SHARDS, shardOf } from '../../../src/rules/rollout/target-state.ts'
import { memoryKept } from './support.ts'

function setUp() {
  const told: string[] = []
  const view = createView((namespace, what) => void told.push(`${namespace} ${what}`))
  const policy = (name: string, more: object = {}) =>
    view.policies.set(`shop/${name}`, {
      ...{ namespace: 'shop', name, uid: name, generation: 1, created: 1, spec: {}, status: {} },
      ...more,
    })
  const pod: PodFact = {
    ...{ namespace: 'shop', name: 'web-1', uid: 'web-1', labels: { app: 'web' }, workload: 'Deployment/web' },
    ...{ image: 'i', mode: 'block', terminating: false },
  }
  view.pods.set('shop/web-1', pod)
  told.length = 0
  return { view, told, policy, pod }
}

t.test('a status that is written is no change of what is wanted', async (t) => {
  const { told, policy } = setUp()
  policy('web')
  policy('web', { status: { enforced: '1/1' } })
  policy('web', { generation: 2, spec: { mode: 'block' } })
  policy('web', { uid: 'another' })
  t.same(told, ['shop policies', 'shop status', 'shop policies', 'shop policies'])
})

t.test('rules that were only listed again are no change', async (t) => {
  const { view, told } = setUp()
  const rules = (text: string) => ({
    ...{ namespace: 'shop', name: 'sekisho-rules', labels: {}, data: { 'a.conf': text }, binaryKeys: [] },
  })
  view.named.replace(new Map([['shop/sekisho-rules', rules('a')]]))
  view.named.replace(new Map([['shop/sekisho-rules', rules('a')]]))
  t.same(told, ['shop rules'])
  view.named.replace(new Map([['shop/sekisho-rules', rules('b')]]))
  view.named.replace(new Map())
  t.same(told, ['shop rules', 'shop rules', 'shop rules'])
})

t.test('of a namespace’s policies the oldest count, and the younger ones say that they do not', async (t) => {
  const { view, policy, pod } = setUp()
  for (let i = 0; i <= MOST_POLICIES; i++) policy(`p${i}`, { created: 1000 - i, spec: { selector: {} } })
  t.equal(view.policiesOf('shop').length, MOST_POLICIES)
  t.same(
    view.beyond('shop').map(({ name }) => name),
    ['p0'],
  )
  t.equal(view.policyOf(pod), `p${MOST_POLICIES}`)
  t.equal(view.resolved('shop').followed.get('web-1'), `p${MOST_POLICIES}`)
  const until = new Date(Date.now() + 3_600_000).toISOString()
  policy('p0', { created: 1000, generation: 2, spec: { breakGlass: { until, reason: 'r', by: 'ann' } } })
  const [young] = view.beyond('shop')
  const unused = () => {
    throw new Error('nothing else of it is asked')
  }
  const facts = gatherFacts(
    young!,
    {
      ...{ view, states: { of: unused }, shelf: { publishedFor: unused, isTried: unused, runs: unused } },
      ...{ heard: unused, recipes: { read: unused }, settings: policySettings.parse({ exclusions: {} }) },
      ...{ lookedAt: unused, now: Date.now },
    },
    unused,
  )
  const status = statusOf(young!, facts, Date.now())
  t.match(status.conditions, [{ type: 'Accepted', status: 'False', message: /the 50 oldest policies/ }, {}, {}])
  t.notMatch(status.mode, /break-glass/)
  view.policies.delete(`shop/p${MOST_POLICIES}`)
  t.same(view.beyond('shop'), [], 'one less, and it counts')
  t.equal(view.policyOf(pod), `p${MOST_POLICIES - 1}`)
})

t.test('a namespace with a thousand policies and hundreds of Pods is looked at in a moment', async (t) => {
  const { view, policy, pod } = setUp()
  for (let i = 0; i < 1000; i++) policy(`p${i}`, { created: i, spec: { selector: { matchLabels: { app: 'none' } } } })
  for (let i = 0; i < 300; i++) view.pods.set(`shop/${i}`, { ...pod, name: `${i}`, uid: `${i}` })
  const since = process.cpuUsage()
  for (const { name } of [...view.policiesOf('shop'), ...view.beyond('shop')])
    t.equal(view.resolved('shop').conflicts.get(`shop/${name}`), undefined)
  for (const one of view.podsOf('shop')) t.equal(view.policyOf(one), '')
  const { user, system } = process.cpuUsage(since)
  t.ok((user + system) / 1e6 < 4, `${((user + system) / 1e6).toFixed(2)} s of CPU`)
})

t.test('what one namespace keeps cannot keep others in the same ConfigMap from being written', async (t) => {
  const kept = memoryKept((name) => void states.reread(name))
  const states = createStates(kept)
  const neighbours = Array.from({ length: 200 }, (_, i) => `n${i}`).filter((one) => shardOf(one) === shardOf('flood'))
  t.ok(neighbours.length > 0 && STATE_SHARDS === 16)
  const published = (policies: number) => ({
    targets: Array.from({ length: policies }, (_, i) => ({ policy: `${i}`.padStart(250, 'p'), published: [] })),
  })
  const flood = (policies: number) => states.update('flood', (state) => ({ ...state, ...published(policies) }))
  const [flooded, ...others] = await Promise.allSettled([
    flood(5000),
    ...neighbours.map((one) => states.update(one, (state) => ({ ...state, sequence: 7 }))),
  ])
  t.match(flooded, { status: 'rejected', reason: { message: /flood: \d+ bytes are more than the 131072.*5000 Waf/ } })
  for (const one of others) t.equal(one.status, 'fulfilled')
  for (const one of neighbours) t.equal(states.of(one).sequence, 7)
  t.equal(states.of('flood').targets.length, 0)
  await flood(100)
  t.equal(states.of('flood').targets.length, 100)
  t.ok(MOST_NAMESPACE_BYTES * 8 <= 1024 * 1024, 'several fit into one ConfigMap')
})
