import tap from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import { judgeWorkload, TEMPLATES } from '../../src/inject/workload.ts'
import { BLOCK, inputOf, namespaceWith, podWith } from './fixtures.ts'

const { pod: _, ...context } = inputOf(podWith(), { namespace: namespaceWith(BLOCK) })
const ambiguous = {
  metadata: { labels: BLOCK },
  spec: podWith({ ports: [{ containerPort: 1 }, { containerPort: 2 }] }).spec,
}
const wrap = (kind: string, template: object, more: object = {}) => {
  const spec = TEMPLATES[kind]!.toReversed().reduce<object>((value, key) => ({ [key]: value }), template)
  return { kind, metadata: { name: 'web' }, ...spec, ...more }
}
const judge = (kind: string, object: KubeObject, old?: KubeObject) =>
  judgeWorkload({ ...context, kind, object, ...(old && { old }) })

tap.test('judgeWorkload() lets every kind pass and says in one line what its Pods will meet', async (t) => {
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']) {
    const { verdict, reason, warnings } = judge(kind, wrap(kind, ambiguous))
    t.equal(verdict, 'allow')
    t.equal(reason, 'AmbiguousPorts')
    t.equal(warnings.length, 1)
    t.match(warnings[0], new RegExp(`^Pods of ${kind} shop/web would be refused: .*; to mend: .*sekisho.dev/waf-ports`))
    t.notMatch(warnings[0], /\n/)
  }
  t.match(judge('Deployment', wrap('Deployment', podWith())).warnings, [
    /^Pods of Deployment shop\/web would stay without WAF: /,
  ])
  t.same(judge('Deployment', wrap('Deployment', podWith({ ports: [{ name: 'http', containerPort: 1 }] }))).warnings, [])
})

tap.test(
  'judgeWorkload() is quiet about what a controller made, and about a template that stays as it is',
  async (t) => {
    const owned = wrap('ReplicaSet', ambiguous, { metadata: { name: 'web', ownerReferences: [{ controller: true }] } })
    t.equal(judge('ReplicaSet', owned).reason, 'NotConcerned')
    const scaled = wrap('Deployment', ambiguous)
    Object.assign((scaled as unknown as { spec: object }).spec, { replicas: 9 })
    t.equal(judge('Deployment', scaled, wrap('Deployment', ambiguous)).reason, 'NotConcerned')
    t.equal(judge('Deployment', wrap('Deployment', ambiguous), wrap('Deployment', podWith())).reason, 'AmbiguousPorts')
  },
)

tap.test('judgeWorkload() bears kinds and objects it does not know', async (t) => {
  t.equal(judge('constructor', {}).reason, 'NotConcerned')
  t.equal(judge('Deployment', {}).reason, 'NotConcerned')
  t.equal(judge('Deployment', { spec: { template: 'x' } }).reason, 'NotConcerned')
  t.equal(judge('Deployment', { spec: { template: {} } }).reason, 'Malformed')
})
