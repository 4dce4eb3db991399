/** The watch cache against a real kube-apiserver. */

import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { findAccess } from '../../src/cluster/access.ts'
import { createApiClient } from '../../src/cluster/api-client.ts'
import { NotSyncedError } from '../../src/cluster/cache.ts'
import { cacheOf, lab, node, until } from './lab.ts'

const names = (views: readonly { name: string }[]) => views.map(({ name }) => name).sort()

t.test('startClusterCache sees nodes come, change and go, and fills by a streaming list', async (t) => {
  const { cluster, client } = await lab(t)
  await cluster.api('POST', '/api/v1/nodes', node('a'))
  const { reader, synced, doubts, lines } = cacheOf(t, { client })
  t.throws(() => reader.nodes(), NotSyncedError, 'before it is filled it does not guess')
  await synced(AbortSignal.timeout(30_000))
  t.same(doubts(), [])
  t.same(names(reader.nodes()), ['a'])
  t.match(reader.nodes()[0], { ready: false, operatingSystem: 'linux', labels: { pool: 'web' } })
  await cluster.api('POST', '/api/v1/nodes', node('b'))
  await until(
    'node b is seen',
    () => names(reader.nodes()),
    (all) => all.includes('b'),
  )
  await cluster.kubectlOk(['taint', 'node', 'a', 'gpu=yes:NoSchedule'])
  await until(
    'the taint is seen',
    () => reader.nodes().find(({ name }) => name === 'a')?.taints,
    (taints) =>
      Boolean(taints?.some(({ key, value, effect }) => key === 'gpu' && value === 'yes' && effect === 'NoSchedule')),
  )
  await cluster.kubectlOk(['delete', 'node', 'b'])
  await until(
    'node b is gone',
    () => names(reader.nodes()),
    (all) => all.length === 1,
  )
  t.same(lines, [], 'nothing broke, and no fallback was needed')
})

t.test(
  'startClusterCache follows what the agents say on their Leases, and no other Lease of that namespace',
  async (t) => {
    const { cluster, client } = await lab(t)
    await cluster.createNamespace('sekisho-node')
    const path = '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases'
    const lease = (name: string, ready: boolean, labels: object) => ({
      metadata: { name, labels, annotations: { 'sekisho.dev/ids-report': JSON.stringify({ v: 1, ready }) } },
      spec: { holderIdentity: `ids-${name}` },
    })
    const ours = { 'app.kubernetes.io/name': 'sekisho-ids' }
    await cluster.api('POST', path, lease('a', false, ours))
    await cluster.api('POST', path, lease('leader', false, {}))
    const { reader, synced } = cacheOf(t, { client })
    await synced(AbortSignal.timeout(30_000))
    t.match(reader.idsLeases(), new Map([['a', { node: 'a', pod: 'ids-a', report: { ready: false } }]]))
    t.equal(reader.idsLeases().size, 1)
    const report = JSON.stringify({ v: 1, ready: true })
    await cluster.kubectlOk([
      '-n',
      'sekisho-node',
      'annotate',
      'lease',
      'a',
      '--overwrite',
      `sekisho.dev/ids-report=${report}`,
    ])
    await until(
      'the change is seen',
      () => reader.idsLeases().get('a')?.report?.ready,
      (ready) => ready === true,
    )
    await cluster.api('DELETE', `${path}/a`)
    await until(
      'it is gone',
      () => reader.idsLeases().size,
      (size) => size === 0,
    )
  },
)

t.test('startClusterCache lists in pages where the server has no streaming lists', async (t) => {
  const { cluster, client } = await lab(t, { apiServerArgs: ['--feature-gates=WatchList=false'] })
  for (const name of ['a', 'b', 'c', 'd', 'e']) await cluster.api('POST', '/api/v1/nodes', node(name))
  const { reader, synced, lines } = cacheOf(t, { client, limits: { pageSize: 2 } })
  await synced(AbortSignal.timeout(30_000))
  t.same(names(reader.nodes()), ['a', 'b', 'c', 'd', 'e'])
  t.match(lines, [{ level: 'info', message: /pages/ }])
  await cluster.api('POST', '/api/v1/nodes', node('f'))
  await until(
    'the watch goes on after the list',
    () => names(reader.nodes()),
    (all) => all.includes('f'),
  )
})

t.test('startClusterCache goes on where it was after its connections broke, and says when it cannot', async (t) => {
  const { cluster } = await lab(t)
  const proxy = await cuttable(t, cluster.apiServer)
  const access = await findAccess({ kubeconfig: cluster.kubeconfig })
  const client = createApiClient({ ...access, server: proxy.url }, 'sekisho-test')
  t.teardown(() => client.close())
  await cluster.api('POST', '/api/v1/nodes', node('a'))
  const { reader, synced, doubts, lines } = cacheOf(t, {
    client,
    limits: { trustMs: 1500, backoffMs: 50, backoffMaxMs: 300 },
  })
  await synced(AbortSignal.timeout(30_000))

  proxy.cut()
  await cluster.kubectlOk(['delete', 'node', 'a'])
  await cluster.api('POST', '/api/v1/nodes', node('b'))
  t.same(names(reader.nodes()), ['a'], 'for a moment what is known is still believed')
  await until('it doubts itself', doubts, (all) => all.length === 7)
  t.throws(() => reader.nodes(), /no connection for .* nodes|nodes: no connection/)
  t.throws(() => reader.protectedNamespaces(), NotSyncedError)
  proxy.mend()
  await until('it is sure again', doubts, (all) => all.length === 0)
  await until(
    'it has caught up',
    () => names(reader.nodes()),
    (all) => all.join() === 'b',
  )
  t.ok(lines.some(({ message }) => message === 'the watch broke'))
})

t.test('startClusterCache notices a connection that is silent although it is open', async (t) => {
  const { cluster } = await lab(t)
  const proxy = await cuttable(t, cluster.apiServer)
  const access = await findAccess({ kubeconfig: cluster.kubeconfig })
  const client = createApiClient({ ...access, server: proxy.url }, 'sekisho-test')
  t.teardown(() => client.close())
  const { reader, synced, doubts } = cacheOf(t, {
    client,
    limits: { idleMs: 2000, trustMs: 500, backoffMs: 50, backoffMaxMs: 200 },
  })
  await synced(AbortSignal.timeout(30_000))
  proxy.freeze()
  await cluster.api('POST', '/api/v1/nodes', node('late'))
  const doubt = await until('the silence is noticed', doubts, (all) => all.length === 7)
  t.match(doubt.join(), 'nodes: no connection')
  proxy.mend()
  await until(
    'it has caught up',
    () => (doubts().length === 0 ? names(reader.nodes()) : []),
    (all) => all.join() === 'late',
  )
  t.same(doubts(), [])
})

t.test('startClusterCache begins anew when its place in the history is gone (410)', async (t) => {
  // Without a watch cache for nodes their watch reads etcd's own history, and that is cut off every second.
  const { cluster } = await lab(t, { apiServerArgs: ['--watch-cache-sizes=nodes#0', '--etcd-compaction-interval=1s'] })
  const proxy = await cuttable(t, cluster.apiServer)
  const access = await findAccess({ kubeconfig: cluster.kubeconfig })
  const client = createApiClient({ ...access, server: proxy.url }, 'sekisho-test')
  t.teardown(() => client.close())
  await cluster.api('POST', '/api/v1/nodes', node('a'))
  const { reader, synced, doubts, lines } = cacheOf(t, { client, limits: { backoffMs: 50, backoffMaxMs: 200 } })
  await synced(AbortSignal.timeout(30_000))
  t.same(names(reader.nodes()), ['a'])
  proxy.cut()
  await cluster.kubectlOk(['delete', 'node', 'a'])
  for (let round = 0; round < 4; round++) {
    await cluster.api('POST', '/api/v1/nodes', node(`b${round}`))
    await sleep(1200)
  }
  proxy.mend()
  await until(
    'it has caught up',
    () => (doubts().length === 0 ? names(reader.nodes()) : []),
    (all) => all.join() === 'b0,b1,b2,b3',
  )
  t.ok(
    lines.some(({ status }) => status === 410),
    'it was told 410, and listed again',
  )
})

/** Passes bytes on to the API server until told otherwise. */
async function cuttable(t: Test, to: string) {
  const target = new URL(to)
  const sockets = new Set<Socket>()
  let open = true
  const server = createServer((incoming) => {
    if (!open) {
      incoming.destroy()
      return
    }
    const outgoing = dial(Number(target.port), target.hostname)
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          incoming.destroy()
          outgoing.destroy()
        })
    }
    incoming.pipe(outgoing).pipe(incoming)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    url: new URL(`https://127.0.0.1:${port}`),
    cut: () => {
      open = false
      for (const socket of sockets) socket.destroy()
    },
    freeze: () => {
      open = false
      for (const socket of sockets) socket.unpipe().pause()
    },
    mend: () => {
      open = true
    },
  }
}
