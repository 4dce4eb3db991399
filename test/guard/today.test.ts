/** What the gate would say today of what is there already. */
import t from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { type TodayFacts, today } from '../../src/guard/today.ts'
import { daemonSet, idsPod, NOW, node, settings } from './parts.ts'

const facts = (more: Partial<TodayFacts> = {}): TodayFacts => ({
  nodes: [node('a', { labels: { pool: 'web' } }), node('b')],
  idsPods: [idsPod('a')],
  daemonSet: daemonSet(),
  leases: new Map(),
  replaced: new Map(),
  settings,
  now: NOW,
  ...more,
})
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }
const WEB = { 'sekisho.dev/node-selector': 'pool=web' }
const namespace = (labels: Record<string, string>, annotations: Record<string, string> = {}) => ({
  name: 'shop',
  labels,
  annotations,
})
const pod = (spec: Partial<NonNullable<Pod['spec']>>): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [], ...spec },
})

t.test('today judges each namespace as if it were protected now, whatever its label is', (t) => {
  const { namespace: judge } = today(facts())
  for (const labels of [{}, { 'sekisho.dev/protected': 'true' }, { 'sekisho.dev/protected': 'audit' }]) {
    const of = (more: Record<string, string>, annotations?: Record<string, string>, pods: string[] = []) =>
      judge(namespace({ ...labels, ...more }, annotations), pods).reason
    t.equal(of(RESTRICTED, WEB), 'Protected')
    t.equal(of(RESTRICTED), 'NodesNotCovered')
    t.equal(of({}, WEB), 'PodSecurityMissing')
    t.equal(of(RESTRICTED, WEB, ['p']), 'HostNetworkPods')
  }
  t.end()
})

t.test('today holds an override for what it is while it lasts', (t) => {
  const until = new Date(NOW + 3_600_000).toISOString().replace('.000', '')
  const of = (annotation: string) => ({ 'sekisho.dev/allow-uncovered': annotation })
  const { namespace: judge } = today(facts())
  t.match(judge(namespace(RESTRICTED, of(JSON.stringify({ why: 'moving', until }))), []), {
    verdict: 'allow',
    reason: 'UncoveredAllowed',
  })
  const over = JSON.stringify({ why: 'moving', until: '2020-01-01T00:00:00Z' })
  t.match(judge(namespace(RESTRICTED, of(over)), []), { verdict: 'deny', reason: 'InvalidAllowUncovered' })
  const { pod: judgePod } = today(facts())
  const blind = pod({ nodeName: 'b', hostNetwork: true })
  t.same(judgePod(blind, namespace({}, of(JSON.stringify({ why: 'moving', until })))), ['HostNetworkPod'])
  t.same(judgePod(blind, namespace({}, of(over))), ['HostNetworkPod', 'NodeBlind'])
  t.end()
})

t.test('today gives every reason why a Pod would be refused, and none for one that would be let in', (t) => {
  const { pod: judge } = today(facts())
  const audit = namespace({ 'sekisho.dev/protected': 'audit' })
  t.same(judge(pod({ nodeName: 'a' }), audit), [])
  t.same(judge(pod({}), audit), [])
  t.same(judge(pod({ hostNetwork: true, nodeName: 'b' }), audit), ['HostNetworkPod', 'NodeBlind'])
  t.same(judge(pod({ tolerations: [{ operator: 'Exists' }] }), audit), ['ToleratesIdsTaint'])
  t.same(judge(pod({ nodeName: 'b' }), { ...audit, annotations: WEB }), ['NodeNotSelected', 'NodeBlind'])
  t.same(
    judge(pod({ nodeName: 'b' }), audit),
    ['NodeBlind'],
    'the selector of another namespace counts for that one alone',
  )
  t.same(judge(pod({ nodeName: 'gone' }), audit), ['NodeUnknown'])
  t.end()
})
