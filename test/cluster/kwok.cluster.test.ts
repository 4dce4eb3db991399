import t from 'tap'
import { startKwok } from './kwok.ts'
import { startCluster } from './start.ts'

t.test('startKwok plays nodes that stay Ready, and Pods on them become Ready with their native sidecars', async (t) => {
  const cluster = await startCluster({ size: 'control-plane' })
  t.teardown(() => cluster.stop())
  const kwok = await startKwok(cluster)
  const names = await kwok.addNodes(50, { prefix: 'edge', labels: { pool: 'edge' } })
  t.same([names.length, names[0], names[49]], [50, 'edge-0', 'edge-49'])
  const nodes = JSON.parse(await cluster.kubectlOk(['get', 'nodes', '-l', 'pool=edge', '-o', 'json'])).items
  t.equal(nodes.length, 50)
  t.match(nodes[0].spec.taints, [{ key: 'kwok.x-k8s.io/node', effect: 'NoSchedule' }])
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      nodeName: 'edge-7',
      tolerations: [{ operator: 'Exists' }],
      initContainers: [{ name: 'side', image: 'registry.local/none:1', restartPolicy: 'Always' }],
      containers: [{ name: 'app', image: 'registry.local/none:1' }],
    },
  }
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) })
  await cluster.kubectlOk(['wait', '--for=condition=Ready', 'pod/p', '--timeout=60s'])
  const { status } = JSON.parse(await cluster.kubectlOk(['get', 'pod', 'p', '-o', 'json']))
  t.match(status.initContainerStatuses, [{ name: 'side', ready: true }])
  await kwok.stop()
})

t.test('a control plane with controllers and scheduler places what Deployments and DaemonSets ask for', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', controllers: ['*'], scheduler: true })
  t.teardown(() => cluster.stop())
  const kwok = await startKwok(cluster)
  const names = await kwok.addNodes(5, { prefix: 'bare', taints: [] })
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'none:1' }] } }
  const selector = { matchLabels: { app: 'x' } }
  const objects = [
    { kind: 'Deployment', metadata: { name: 'd' }, spec: { replicas: 3, selector, template } },
    { kind: 'DaemonSet', metadata: { name: 's' }, spec: { selector, template } },
  ]
  for (const object of objects)
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'apps/v1', ...object }) })
  await cluster.kubectlOk(['rollout', 'status', 'deployment/d', '--timeout=60s'])
  await cluster.kubectlOk(['rollout', 'status', 'daemonset/s', '--timeout=60s'])
  const { items } = JSON.parse(await cluster.kubectlOk(['get', 'pods', '-o', 'json']))
  t.equal(items.length, 8)
  t.ok(items.every((pod: { spec: { nodeName: string } }) => names.includes(pod.spec.nodeName)))
  await kwok.stop()
})
