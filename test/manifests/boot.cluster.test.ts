/**
 * With the manifests applied and the webhook not there (never started, or all replicas lost), the cluster still boots:
 * what Kubernetes and we ourselves need is admitted; what asked to be protected waits, and says why.
 */
import t from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import { startCluster } from '../cluster/start.ts'
import { BASE, find, objectsOf, render } from './render.ts'

const container = {
  name: 'app',
  image: 'registry.local/app:1',
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
}
const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }
const pod = (namespace: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x', namespace, labels },
  spec: { containers: [container], securityContext },
})

t.test('a cluster without our webhook', async (t) => {
  // The controllers that clean up: a namespace that is deleted must go away without us.
  const controllers = ['namespace-controller', 'serviceaccount-controller', 'garbage-collector-controller']
  const cluster = await startCluster({ size: 'control-plane', name: 'boot', controllers })
  t.teardown(() => cluster.stop())
  const apply = async (object: KubeObject, ...args: string[]) => {
    const { code, stderr } = await cluster.kubectl(['apply', '-f', '-', ...args], { input: JSON.stringify(object) })
    return code === 0 ? 'admitted' : stderr
  }
  const namespace = (name: string, labels: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  })
  // Protected before the gate came, as after an outage of all replicas.
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true' })
  await cluster.createNamespace('leaving', { 'sekisho.dev/protected': 'true', 'sekisho.dev/waf': 'block' })
  await cluster.createNamespace('plain')
  const held = { ...pod('leaving', { 'sekisho.dev/waf': 'block' }), spec: { containers: [container], securityContext } }
  held.metadata!['finalizers'] = ['example.org/hold']
  t.equal(await apply(held), 'admitted')
  t.equal(await apply(pod('shop')), 'admitted')

  const first = await cluster.kubectl(['apply', '-k', BASE])
  t.same([first.code, first.stderr], [0, ''], 'every object is accepted, without a warning')
  // Until this is refused, the API server has not taken the configurations up.
  const refused = async () =>
    /failed calling webhook/.test(
      await apply({ ...pod('shop'), metadata: { name: 'y', namespace: 'shop' } }, '--dry-run=server'),
    )
  for (let tries = 0; !(await refused()); tries += 1) if (tries > 60) throw new Error('never taken up')

  await t.test('Pods of Kubernetes, of ours and of namespaces that say nothing are admitted', async (t) => {
    for (const name of [
      'kube-system',
      'kube-public',
      'kube-node-lease',
      'sekisho-system',
      'sekisho-node',
      'default',
      'plain',
    ]) {
      await cluster.createNamespace(name)
      t.equal(await apply(pod(name)), 'admitted', name)
    }
    t.equal(
      await apply(pod('kube-system', { 'sekisho.dev/waf': 'block' }), '--dry-run=server'),
      'admitted',
      'whatever their labels say',
    )
  })

  await t.test('the Pods of our own Deployment, Job and DaemonSet are admitted', async (t) => {
    const objects = objectsOf(await render(BASE))
    for (const [kind, name] of [
      ['Deployment', 'sekisho-webhook'],
      ['Deployment', 'sekisho-rules'],
      ['Job', 'sekisho-certs-install'],
      ['DaemonSet', 'sekisho-ids'],
    ] as const) {
      const object = find<KubeObject & { spec: { template: KubeObject } }>(objects, kind, name)
      const { metadata, spec } = object.spec.template
      const ours: KubeObject = {
        apiVersion: 'v1',
        kind: 'Pod',
        spec,
        metadata: { ...metadata, name: 'ours', namespace: object.metadata!.namespace! },
      }
      t.equal(await apply(ours, '--dry-run=server'), 'admitted', kind)
    }
  })

  await t.test(
    'the manifests can be applied again, and namespaces and workloads that do not concern us be changed',
    async (t) => {
      const again = await cluster.kubectl(['apply', '-k', BASE])
      t.equal(again.code, 0, again.stderr)
      t.equal(await apply(namespace('fresh', {})), 'admitted')
      for (const name of ['kube-system', 'sekisho-system'])
        t.equal((await cluster.kubectl(['label', 'ns', name, 'x=y'])).code, 0, name)
      const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } }
      const deployment = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'x', namespace: 'shop' },
        spec: { selector: { matchLabels: { app: 'x' } }, template },
      }
      t.equal(await apply(deployment), 'admitted', 'a Deployment in a protected namespace: its Pods wait, it does not')
    },
  )

  await t.test('what asked to be protected is refused, in words that name the entry', async (t) => {
    const said = /Internal error occurred: failed calling webhook "([a-z.-]+)"/
    const rows: [KubeObject, string][] = [
      [{ ...pod('shop'), metadata: { name: 'y', namespace: 'shop' } }, 'pods.protected.sekisho.dev'],
      [pod('plain', { 'sekisho.dev/waf': 'block' }), 'pods.waf-pod.sekisho.dev'],
      [namespace('new-shop', { 'sekisho.dev/protected': 'true' }), 'namespaces.protected.sekisho.dev'],
      [namespace('new-waf', { 'sekisho.dev/waf': 'block' }), 'namespaces.waf.sekisho.dev'],
    ]
    for (const [object, entry] of rows) {
      const answer = await apply(object, '--dry-run=server')
      t.equal(answer.match(said)?.[1], entry, answer)
    }
  })

  await t.test('a protected namespace that is deleted goes away, finalizers and all', async (t) => {
    const deleted = await cluster.kubectl(['delete', 'ns', 'leaving', '--wait=false'])
    t.equal(deleted.code, 0, deleted.stderr)
    const freed = await cluster.kubectl([
      '-n',
      'leaving',
      'patch',
      'pod',
      'x',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    ])
    t.equal(freed.code, 0, freed.stderr)
    const gone = await cluster.kubectl(['wait', '--for=delete', 'ns/leaving', '--timeout=60s'])
    t.equal(gone.code, 0, gone.stderr)
  })

  await t.test('sekisho-node is deleted too, though the IDS has an entry of its own', async (t) => {
    t.equal((await cluster.kubectl(['delete', 'ns', 'sekisho-node', '--timeout=60s'])).code, 0)
  })
})
