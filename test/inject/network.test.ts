/** Ways round the WAF by port number, seen from the Pod and from the Service or NetworkPolicy. */
import tap from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import type { NetworkPolicyView } from '../../src/api/views.ts'
import { inject } from '../../src/inject/inject.ts'
import { judgeNetworkPolicy, judgeService } from '../../src/inject/judge-network.ts'
import { matches, selectsPod } from '../../src/inject/selector.ts'
import { readStatus } from '../../src/inject/status.ts'
import { networkPolicyView, serviceView } from '../../src/inject/views.ts'
import { at, HTTP, injected, inputOf, podWith, policyWith, serviceWith } from './fixtures.ts'

const pod = (mode: string) => podWith({ labels: { 'sekisho.dev/waf': mode, app: 'web' }, ports: HTTP })
const verdictOf = (mode: string, more: Parameters<typeof inputOf>[1]) => {
  const { verdict, reason, warnings } = inject(inputOf(pod(mode), more))
  return `${verdict} ${reason} ${warnings.length}`
}

tap.test('inject() sees Services that lead round the WAF: refused in block, told in detect', async (t) => {
  const rounds = [serviceWith(8080), serviceWith('app-8080')]
  for (const service of rounds) {
    t.equal(verdictOf('block', { services: [service] }), 'deny ServiceByNumber 0', String(service.ports[0]!.targetPort))
    t.equal(verdictOf('detect', { services: [service] }), 'allow Injected 1')
  }
  const fine = [
    serviceWith('http'),
    serviceWith(15080),
    serviceWith(9999),
    serviceWith(8080, {}),
    serviceWith(8080, { app: 'api' }),
  ]
  t.equal(verdictOf('block', { services: fine }), 'allow Injected 0')
  const udp = { ...serviceWith(8080), ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }] }
  t.equal(verdictOf('block', { services: [udp] }), 'allow Injected 0')
})

tap.test('inject() sees NetworkPolicies that name the app’s port by number', async (t) => {
  for (const policy of [policyWith(8080), policyWith('app-8080'), policyWith(8000, 9000)]) {
    t.equal(verdictOf('block', { networkPolicies: [policy] }), 'deny PolicyByNumber 0')
    t.equal(verdictOf('detect', { networkPolicies: [policy] }), 'allow Injected 1')
  }
  const elsewhere: NetworkPolicyView = { ...policyWith(8080), podSelector: { matchLabels: { app: 'api' } } }
  const udp: NetworkPolicyView = { ...policyWith(8080), ingressPorts: [{ port: 8080, protocol: 'UDP' }] }
  const fine = [policyWith('http'), policyWith(15080), policyWith(1, 65535), policyWith(9000, 9100), elsewhere, udp]
  t.equal(verdictOf('block', { networkPolicies: fine }), 'allow Injected 0')
})

tap.test('inject() sees hostPort on a captured port', async (t) => {
  const open = (mode: string) => podWith({ labels: { 'sekisho.dev/waf': mode }, ports: [{ ...HTTP[0], hostPort: 80 }] })
  t.equal(inject(inputOf(open('block'))).reason, 'HostPort')
  t.match(inject(inputOf(open('detect'))), { reason: 'Injected', warnings: [/hostPort: 80/] })
  const other = podWith({
    labels: { 'sekisho.dev/waf': 'block' },
    ports: [...HTTP, { containerPort: 9100, hostPort: 9100 }],
  })
  t.equal(inject(inputOf(other)).reason, 'Injected')
})

const running = (mode: string, name: string) => ({
  name,
  labels: { app: 'web' },
  status: at(injected(pod(mode)), 'metadata', 'annotations', 'sekisho.dev/status') as string,
})
const service = (targetPort: unknown, selector: object = { app: 'web' }) => ({
  metadata: { name: 'web' },
  spec: { selector, ports: [{ port: 80, ...(targetPort !== undefined && { targetPort }) }] },
})
const judge = (object: KubeObject, pods: ReturnType<typeof running>[], old?: KubeObject) => {
  const { verdict, reason, warnings } = judgeService({ namespace: 'shop', object, old }, pods)
  return `${verdict} ${reason} ${warnings.length}`
}

tap.test(
  'judgeService() refuses a Service for one Pod in block, and warns once for any number in detect',
  async (t) => {
    const detect = [running('detect', 'a'), running('detect', 'b')]
    t.equal(judge(service(8080), detect), 'allow TargetsAppPort 1')
    t.equal(judge(service(8080), [...detect, running('block', 'c')]), 'deny TargetsAppPort 0')
    t.match(
      judgeService({ namespace: 'shop', object: service(8080) }, [...detect, running('block', 'c')]).detail,
      /in Pod c\n/,
    )
    t.equal(judge(service('http'), [running('block', 'c')]), 'allow NotConcerned 0')
    t.equal(judge(service(undefined), [running('block', 'c')]), 'allow NotConcerned 0', 'port 80 is nobody’s here')
    const own = { ...service(undefined), spec: { selector: { app: 'web' }, ports: [{ port: 8080 }] } }
    t.equal(judge(own, [running('block', 'c')]), 'deny TargetsAppPort 0', 'targetPort is the port where it is not said')
  },
)

tap.test(
  'judgeService() passes what it does not have to know, and changes that touch neither selector nor ports',
  async (t) => {
    const pods = [running('block', 'c')]
    t.equal(judge(service(8080, {}), pods), 'allow NotConcerned 0')
    t.equal(
      judge({ ...service(8080), spec: { ...service(8080).spec, type: 'ExternalName' } }, pods),
      'allow NotConcerned 0',
    )
    t.equal(
      judge({ ...service(8080), metadata: { name: 'web', labels: { a: 'b' } } }, pods, service(8080)),
      'allow NotConcerned 0',
    )
    t.equal(judge(service(8080), pods, service('http')), 'deny TargetsAppPort 0')
    t.equal(judge({ metadata: {} }, pods), 'allow NotConcerned 0')
    for (const status of [
      '',
      '{}',
      'null',
      '[]',
      '{"state":"Injected","mode":"x","ports":[]}',
      '{"state":"Injected","mode":"block","ports":[null,{"port":"8080"}]}',
    ])
      t.equal(judge(service(8080), [{ ...pods[0]!, status }]), 'allow NotConcerned 0', status)
  },
)

tap.test('judgeNetworkPolicy() judges by the Pods the policy selects', async (t) => {
  const policy = (port: unknown, podSelector: object = {}) => ({
    metadata: { name: 'in' },
    spec: { podSelector, ingress: [{ ports: [{ protocol: 'TCP', port }] }] },
  })
  const judged = (object: KubeObject) =>
    judgeNetworkPolicy({ namespace: 'shop', object }, [running('block', 'a')]).reason
  t.equal(judged(policy(8080)), 'NamesAppPort')
  t.equal(judged(policy(15080)), 'NotConcerned')
  t.equal(judged(policy(8080, { matchLabels: { app: 'api' } })), 'NotConcerned')
  t.equal(judged({ metadata: {}, spec: { podSelector: {} } }), 'NotConcerned')
  t.equal(
    judged({ metadata: {}, spec: { podSelector: {}, ingress: [{ ports: [{ protocol: 'TCP' }] }] } }),
    'NotConcerned',
  )
})

tap.test('matches() and selectsPod() select as Kubernetes does', async (t) => {
  const labels = { app: 'web', tier: 'front' }
  const expression = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, ...(values && { values }) }],
  })
  t.ok(matches({}, labels))
  t.ok(matches({ matchLabels: { app: 'web' } }, labels))
  t.notOk(matches({ matchLabels: { app: 'api' } }, labels))
  t.notOk(matches({ matchLabels: { constructor: 'x' } }, labels))
  t.ok(matches(expression('app', 'In', ['api', 'web']), labels))
  t.notOk(matches(expression('none', 'In', ['x']), labels))
  t.notOk(matches(expression('app', 'NotIn', ['web']), labels))
  t.ok(matches(expression('none', 'NotIn', ['web']), labels))
  t.ok(matches(expression('app', 'Exists'), labels))
  t.notOk(matches(expression('app', 'DoesNotExist'), labels))
  t.notOk(matches(expression('app', 'Gt', ['1']), labels), 'an unknown operator selects nothing')
  t.ok(selectsPod({ app: 'web' }, labels))
  t.notOk(selectsPod({}, labels), 'a Service without selector')
})

tap.test(
  'serviceView() and networkPolicyView() bear anything, and read the defaults the API server would write',
  async (t) => {
    for (const junk of [
      {},
      { spec: null },
      { spec: { ports: 'x', ingress: {}, selector: [] } },
      { spec: { ports: [null], ingress: [null, { ports: [1] }] } },
    ]) {
      t.doesNotThrow(() => serviceView(junk as KubeObject, 'shop'))
      t.doesNotThrow(() => networkPolicyView(junk as KubeObject, 'shop'))
    }
    t.same(serviceView(service(0), 'shop').ports, [{ port: 80, targetPort: 80, protocol: 'TCP' }])
    t.equal(readStatus(undefined), undefined)
    const ports = [
      { name: 'http', port: '8080', listener: 15080 },
      { name: 'http', port: 8080, listener: 15080 },
    ]
    t.same(readStatus(JSON.stringify({ state: 'Injected', mode: 'block', ports }))?.ports, [ports[1]])
  },
)
