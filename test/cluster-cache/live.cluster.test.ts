/** Live reads against a real kube-apiserver. */
import t from 'tap'
import { createLive } from '../../src/cluster/live.ts'
import { lab, node, settings } from './lab.ts'

t.test('createLive', async (t) => {
  const { cluster, client } = await lab(t)
  const live = createLive(client, settings)
  const signal = AbortSignal.timeout(60_000)
  await cluster.createNamespace('sekisho-node')
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true', team: 'a' })
  const pod = (namespace: string, name: string, spec: object = {}, metadata: object = {}) =>
    cluster.api('POST', `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name, ...metadata },
      spec: { containers: [{ name: 'x', image: 'registry.local/x:1' }], ...spec },
    })

  t.test('look reads nodes that exist, the IDS Pods on them and the DaemonSet', async (t) => {
    await cluster.api('POST', '/api/v1/nodes', node('a'))
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid: 'u', controller: true }
    await pod('sekisho-node', 'ids-a', { nodeName: 'a', hostNetwork: true }, { ownerReferences: [owner] })
    await pod('sekisho-node', 'other-a', { nodeName: 'a' })
    const seen = await live.look(['a', 'gone'], signal)
    t.match(seen, {
      nodes: [{ name: 'a' }],
      idsPods: [{ name: 'ids-a', nodeName: 'a', ownerUid: 'u', hostNetwork: true }],
    })
    t.equal(seen.idsPods.length, 1, 'a Pod no DaemonSet made is left out')
    t.equal(seen.daemonSet, null)
    t.same(seen.leases, new Map())
    const report = { v: 1, ready: false, check: 'CanaryLost', detail: 'no alert' }
    await cluster.api('POST', '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases', {
      metadata: { name: 'a', annotations: { 'sekisho.dev/ids-report': JSON.stringify(report) } },
      spec: { holderIdentity: 'ids-a' },
    })
    t.match(await live.look(['a', 'gone'], signal), {
      leases: new Map([['a', { node: 'a', pod: 'ids-a', report: { ready: false, check: 'CanaryLost' } }]]),
    })
    t.same(
      (await live.look([], signal)).nodes.map(({ name }) => name),
      ['a'],
      'no names: which nodes there are',
    )
  })

  t.test('protectedPod reads one Pod, if it carries a status of ours', async (t) => {
    await cluster.createNamespace('solo')
    const status = '{"state":"Injected"}'
    await pod('solo', 'waf', {}, { labels: { app: 'x' }, annotations: { 'sekisho.dev/status': status } })
    await pod('solo', 'none')
    t.same(await live.protectedPod('solo', 'waf', signal), { name: 'waf', labels: { app: 'x' }, status })
    t.equal(await live.protectedPod('solo', 'none', signal), null)
    t.equal(await live.protectedPod('solo', 'gone', signal), null)
  })

  t.test('hostNetworkPods finds exactly the Pods on hostNetwork, by a field selector', async (t) => {
    await pod('shop', 'host', { hostNetwork: true })
    await pod('shop', 'plain')
    t.same(await live.hostNetworkPods('shop', signal), ['host'])
    t.same(await live.hostNetworkPods('nowhere', signal), [])
  })

  t.test('mayOpen asks for the verb open on wafpolicies.sekisho.dev, as the user with groups', async (t) => {
    await cluster
      .kubectlOk(['create', 'clusterrole', 'opener', '--verb=open', '--resource=wafpolicies.sekisho.dev'], {
        input: '',
      })
      .catch(
        // kubectl looks the resource up, and there is no CRD here.
        () =>
          cluster.api('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
            metadata: { name: 'opener' },
            rules: [{ apiGroups: ['sekisho.dev'], resources: ['wafpolicies'], verbs: ['open'] }],
          }),
      )
    await cluster.kubectlOk(['-n', 'shop', 'create', 'rolebinding', 'o', '--clusterrole=opener', '--group=openers'])
    const jane = { username: 'jane', groups: ['openers'], extra: { 'example.org/scopes': ['a'] } }
    t.equal(await live.mayOpen(jane, 'shop', signal), true)
    t.equal(await live.mayOpen(jane, 'other', signal), false)
    t.equal(await live.mayOpen(jane, '', signal), false, 'in one namespace is not in all')
    t.equal(await live.mayOpen({ username: 'jane' }, 'shop', signal), false)
    t.equal(await live.mayOpen({ username: 'admin', groups: ['system:masters'] }, '', signal), true)
  })

  t.test('liveNamespace keeps only the keys that decide something', async (t) => {
    t.same(await live.liveNamespace('shop', signal), {
      name: 'shop',
      labels: { 'sekisho.dev/protected': 'true' },
      annotations: {},
    })
    t.equal(await live.liveNamespace('nowhere', signal), null)
  })

  t.test('protectedPods selects by labels and by our status, metadata only', async (t) => {
    await pod('shop', 'web', {}, { labels: { app: 'web', tier: 'x' }, annotations: { 'sekisho.dev/status': '{}' } })
    await pod('shop', 'web-without', {}, { labels: { app: 'web' } })
    const names = async (selector: object) =>
      (await live.protectedPods('shop', selector, signal)).map(({ name }) => name)
    t.same(await live.protectedPods('shop', { matchLabels: { app: 'web' } }, signal), [
      { name: 'web', labels: { app: 'web', tier: 'x' }, status: '{}' },
    ])
    t.same(await names({ matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'y'] }] }), ['web'])
    t.same(await names({ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }), [])
    t.same(await names({}), ['web'])
  })
})
