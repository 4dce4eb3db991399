/** `sekisho status coverage` and `sekisho check --all-namespaces` against a real API server, as operators run them. */
import t, { type Test } from 'tap'
import type { IdsReport } from '../../src/api/ids.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { run } from '../cluster/run.ts'
import { lab, node } from '../cluster-cache/lab.ts'

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname
const IDS = { 'app.kubernetes.io/name': 'sekisho-ids' }
const PROTECTED = { 'sekisho.dev/protected': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' }

const container = { name: 'main', image: 'registry.local/app:1' }

/** What a kubelet would say of a Pod. */
const running = (cluster: Cluster, namespace: string, pod: string, ready: boolean, ip: string) =>
  cluster.kubectlOk([
    ...['-n', namespace, 'patch', 'pod', pod, '--subresource=status', '--type=merge', '-p'],
    JSON.stringify({
      status: {
        phase: 'Running',
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      },
    }),
  ])

/** Nodes a (covered), b (its IDS is not Ready, for the canary) and c (for other things, without IDS). */
async function station(t: Test) {
  const { cluster } = await lab(t)
  const post = (path: string, body: object) => cluster.api('POST', path, body)
  for (const [name, pool] of [
    ['a', 'web'],
    ['b', 'web'],
    ['c', 'batch'],
  ] as const) {
    await post('/api/v1/nodes', node(name, { metadata: { name, labels: { 'kubernetes.io/os': 'linux', pool } } }))
    await cluster.kubectlOk([
      ...['patch', 'node', name, '--subresource=status', '--type=merge', '-p'],
      JSON.stringify({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }),
    ])
    await cluster.kubectlOk(['taint', 'node', name, 'node.kubernetes.io/not-ready-']).catch(() => undefined)
  }
  await cluster.createNamespace('sekisho-node')
  await post('/apis/apps/v1/namespaces/sekisho-node/daemonsets', {
    metadata: { name: 'sekisho-ids', labels: IDS },
    spec: {
      selector: { matchLabels: IDS },
      template: {
        metadata: { labels: IDS },
        spec: { hostNetwork: true, nodeSelector: { pool: 'web' }, containers: [{ name: 'suricata', image: 'x' }] },
      },
    },
  })
  const { metadata } = JSON.parse(
    await cluster.kubectlOk(['-n', 'sekisho-node', 'get', 'daemonset', 'sekisho-ids', '-o', 'json']),
  )
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid: metadata.uid, controller: true }
  const report: IdsReport = {
    v: 1,
    ready: true,
    check: '',
    detail: '',
    rules: { loaded: 31_000, failed: 0, set: 'abcdef012345', ageHours: 3 },
    interfaces: [{ name: 'eth0', packets: 990, drops: 10, canary: 4 }],
    blindSpots: ['traffic between Pods of this node passes no bridge'],
    version: '1.2.3',
  }
  const lost = {
    ready: false,
    check: 'CanaryLost',
    detail: 'no alert for the canary on eth0 for 72 s (limit 65 s)',
  } as const
  for (const [name, ready] of [
    ['a', true],
    ['b', false],
  ] as const) {
    const pod = `ids-${name}`
    await post('/api/v1/namespaces/sekisho-node/pods', {
      metadata: { name: pod, ownerReferences: [owner], labels: IDS },
      spec: { hostNetwork: true, nodeName: name, containers: [{ name: 'suricata', image: 'x' }] },
    })
    await running(cluster, 'sekisho-node', pod, ready, '192.168.0.1')
    await post('/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases', {
      metadata: {
        name,
        labels: IDS,
        annotations: {
          'sekisho.dev/ids-report': JSON.stringify(ready ? report : { ...report, ...lost }),
          'sekisho.dev/ids-flows': JSON.stringify({ v: 1, minutes: 60, flows: [['10.1.0.1', 10, ready ? 4 : 1]] }),
        },
      },
      spec: { holderIdentity: pod },
    })
  }
  await cluster.createNamespace('shop', PROTECTED)
  await cluster.createNamespace('pay', { 'sekisho.dev/protected': 'audit' })
  await cluster.createNamespace('other')
  await cluster.kubectlOk(['annotate', 'namespace', 'shop', 'sekisho.dev/node-selector=pool=web'])
  const app = async (namespace: string, name: string, spec: object, ip: string) => {
    await post(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name },
      spec: { containers: [container], ...spec },
    })
    await running(cluster, namespace, name, true, ip)
  }
  await app('pay', 'host', { hostNetwork: true, nodeName: 'c' }, '192.168.0.3')
  await app('pay', 'loose', { tolerations: [{ operator: 'Exists' }], nodeName: 'a' }, '10.1.0.1')
  await app('pay', 'good', { nodeName: 'a' }, '10.1.0.2')
  const sekisho = (...args: string[]) => run(process.execPath, [CLI, ...args], { env: cluster.env })
  return { cluster, sekisho }
}

t.test('sekisho, coverage of a cluster as operators see it', async (t) => {
  const { cluster, sekisho } = await station(t)

  t.test('status coverage names the check that fails, counts each namespace, and ends with 1', async (t) => {
    const { code, stdout, stderr } = await sekisho('status', 'coverage')
    t.equal(code, 1, stderr)
    t.match(stdout, /^ {2}sekisho-node\/sekisho-ids +\d+ +\d+ +\d+ +1\.2\.3 \(2\)$/m)
    t.match(stdout, /^Nodes: 3 \(2 blind, 1 covered\)$/m)
    t.match(stdout, /^ {2}a +covered +ids-a +31000 +abcdef012345 +3 h ago +1 %$/m)
    t.match(stdout, /^ {2}b +blind +ids-b .* CanaryLost: no alert for the canary on eth0 for 72 s \(limit 65 s\)$/m)
    t.match(stdout, /^ {2}c +blind +– .* the IDS is held to nodes labelled pool=web, which it is not$/m)
    t.match(stdout, /^Namespaces: 1 protected, 1 in audit$/m)
    t.match(stdout, /^ {2}shop +true +not covered +2 +1 +0 +0 +1 +– +node b: /m)
    t.match(stdout, /^ {2}pay +audit +not covered +3 +1 +0 +0 +2 +25 % of 20 +node /m)
    t.match(stdout, 'Cannot be seen\n  traffic between Pods of this node passes no bridge (2 nodes)\n')
    t.match(stdout, /\nNot covered though protected: 1 namespace\n {2}shop: to mend: kubectl /)
  })

  t.test('status coverage --output json is one line with the same', async (t) => {
    const { code, stdout } = await sekisho('status', 'coverage', '-o', 'json')
    t.equal(code, 1)
    t.match(JSON.parse(stdout), {
      sensors: { daemonSet: 'sekisho-node/sekisho-ids', exists: true, versions: [{ version: '1.2.3', nodes: 2 }] },
      nodes: [
        { node: 'a', state: 'covered', report: { rules: 31_000, packets: 990, drops: 10 } },
        { node: 'b', state: 'blind', check: 'CanaryLost' },
        { node: 'c', state: 'blind', reason: 'IdsNotSelected' },
      ],
      namespaces: [
        { namespace: 'pay', protection: 'audit', flows: { flows: 20, tls: 5 } },
        { namespace: 'shop', reach: 2, blind: 1 },
      ],
      flowMinutes: 60,
    })
  })

  t.test('check --all-namespaces counts what would be refused today, Pods too, and ends with 1', async (t) => {
    const { code, stdout, stderr } = await sekisho('check', '--all-namespaces')
    t.equal(code, 1, stderr)
    t.match(stdout, /^ {2}protected +1 +1 +NodesNotCovered 1$/m)
    t.match(stdout, /^ {2}in audit +1 +1 +NodesNotCovered 1$/m)
    t.match(stdout, /^ {2}all others +2 +2 +NodesNotCovered 2$/m)
    t.match(stdout, 'Pods of protected namespaces and of those in audit: 3, 2 would be refused today\n')
    t.match(stdout, /^ {2}HostNetworkPod +1 +pay\/host$/m)
    t.match(stdout, /^ {2}ToleratesIdsTaint +1 +pay\/loose$/m)
    t.match(stdout, /^ {2}NodeBlind +1 +pay\/host$/m)
    t.match(stdout, /^shop \(protected\): NodesNotCovered\n {2}namespace shop is refused: 1 of the 2 nodes/m)
  })

  t.test('both end with 0 once every node in reach is covered', async (t) => {
    await running(cluster, 'sekisho-node', 'ids-b', true, '192.168.0.1')
    t.equal((await sekisho('status', 'coverage')).code, 1, 'while the Lease of that very Pod says no')
    await cluster.kubectlOk(['-n', 'sekisho-node', 'delete', 'lease', 'b'])
    const { code, stdout } = await sekisho('status', 'coverage')
    t.equal(code, 0, stdout)
    t.match(stdout, /^ {2}b +covered +ids-b +– /m)
    t.match(stdout, '1 IDS Pod reported nothing that can be read')
    t.match(stdout, /\nEvery protected namespace is covered\.\n$/)
    await cluster.kubectlOk(['delete', 'namespace', 'pay', '--wait=false'])
    await cluster.kubectlOk(['label', 'namespace', 'pay', 'sekisho.dev/protected-'])
    const { code: checked, stdout: told } = await sekisho('check', '-A', '-o', 'json')
    t.equal(checked, 0, told)
    t.match(
      JSON.parse(told).namespaces.find((one: { namespace: string }) => one.namespace === 'shop'),
      { protection: 'true', verdict: 'allow', reason: 'Protected' },
    )
  })
})
