/** The small parts of the cluster room, without a cluster. */

import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { findAccess } from '../../src/cluster/access.ts'
import { ApiError, createApiClient } from '../../src/cluster/api-client.ts'
import { linesOf } from '../../src/cluster/lines.ts'
import { selectorText } from '../../src/cluster/live.ts'
import {
  projectDaemonSet,
  projectIdsPod,
  projectNamespace,
  projectNetworkPolicy,
  projectNode,
  projectService,
} from '../../src/cluster/project.ts'
import { rememberReplaced } from '../../src/cluster/replaced.ts'
import { createStore } from '../../src/cluster/store.ts'
import { daemonSet, idsPod } from '../guard/parts.ts'

t.test('linesOf gives the same lines however the bytes are cut, and drops a cut last line', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\n', ''))
  await fc.assert(
    fc.asyncProperty(fc.array(line), line, fc.array(fc.nat(50)), async (lines, cut, sizes) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join('') + cut)
      async function* chunks() {
        let at = 0
        for (const size of sizes) {
          yield bytes.subarray(at, at + size)
          at += size
        }
        yield bytes.subarray(Math.min(at, bytes.length))
      }
      const got: string[] = []
      for await (const one of linesOf(chunks())) got.push(one)
      const whole = lines.filter((one) => one !== '').map((one) => Buffer.from(one).toString())
      return JSON.stringify(got) === JSON.stringify(whole)
    }),
  )
})

t.test('createStore tells what changed, also when everything is replaced', async (t) => {
  const told: string[] = []
  const store = createStore<number>((key, before, after) => told.push(`${key}: ${before} → ${after}`))
  store.set('a', 1)
  store.set('a', 2)
  const all = store.all()
  t.equal(store.all(), all, 'the same array until something changes')
  store.replace(new Map([['b', 3]]))
  t.same(store.all(), [3])
  store.delete('b')
  store.delete('b')
  t.same(told, ['a: undefined → 1', 'a: 1 → 2', 'a: 2 → undefined', 'b: undefined → 3', 'b: 3 → undefined'])
})

t.test('rememberReplaced keeps when a Ready Pod was taken away, and nothing else', async (t) => {
  let now = 1000
  const memory = rememberReplaced(() => now, 500)
  const set = daemonSet()
  const after = (...changes: Parameters<typeof memory.changed>) => {
    memory.changed(...changes)
    return [...memory.since()]
  }
  t.same(after(idsPod('a'), idsPod('a', { ready: false }), set), [], 'a Pod that fails where it stands')
  t.same(after(idsPod('a', { ready: false }), undefined, set), [], 'a Pod that was not Ready goes')
  t.same(after(idsPod('a', { ownerUid: 'x' }), undefined, set), [], "another's Pod goes")
  t.same(after(idsPod('a'), undefined, null), [], 'no DaemonSet')
  t.same(after(idsPod('a'), idsPod('a', { terminating: true }), set), [['a', 1000]])
  now = 1200
  t.same(after(idsPod('a', { terminating: true }), undefined, set), [['a', 1000]], 'its end counts from when it began')
  t.same(after(undefined, idsPod('a', { ready: false }), set), [['a', 1000]])
  t.same(after(idsPod('a', { ready: false }), idsPod('a'), set), [], 'the new one is Ready')
  t.same(after(idsPod('b'), undefined, set), [['b', 1200]])
  now = 1701
  t.same([...memory.since()], [], 'and in the end it is of no use')
})

const meta = (name: string, more: object = {}) => ({ metadata: { name, uid: 'u', ...more } })
t.test('projectIdsPod says why a Pod is not Ready, in the order in which things go wrong', async (t) => {
  const owned = meta('p', { ownerReferences: [{ kind: 'DaemonSet', uid: 'ds-1', controller: true }] })
  const why = (status: object) => projectIdsPod({ ...owned, status } as never)?.notReadyReason
  const container = (more: object) => ({ containerStatuses: [{ name: 'suricata', ready: false, ...more }] })
  t.equal(
    why({ conditions: [{ type: 'PodScheduled', status: 'False', message: 'Insufficient\n memory' }] }),
    'not scheduled: Insufficient memory',
  )
  t.equal(
    why(container({ state: { waiting: { reason: 'ImagePullBackOff' } } })),
    'container suricata: ImagePullBackOff',
  )
  t.equal(
    why(container({ state: { terminated: { reason: 'Error', exitCode: 1 } } })),
    'container suricata ended: Error (exit code 1)',
  )
  t.equal(why(container({ state: { running: {} } })), 'container suricata does not pass its readiness probe yet')
  t.equal(why({ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] }), 'its node is not Ready')
  t.equal(why({ phase: 'Pending' }), 'Pending')
  t.equal(why({ conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-05-01T12:00:00Z' }] }), '')
  t.equal(projectIdsPod(meta('p') as never), null, 'a Pod no DaemonSet made')
})

t.test('projections keep what decides and nothing else', async (t) => {
  t.same(
    projectNode({
      ...meta('n', { labels: { a: 'b', 'kubernetes.io/os': 'linux' } }),
      spec: { unschedulable: true, taints: [{ key: 'k', effect: 'NoSchedule', timeAdded: 'x' }] },
      status: { images: [1], nodeInfo: { operatingSystem: '' }, conditions: [{ type: 'Ready', status: 'True' }] },
    } as never),
    {
      name: 'n',
      labels: { a: 'b', 'kubernetes.io/os': 'linux' },
      taints: [{ key: 'k', effect: 'NoSchedule' }],
      ready: true,
      unschedulable: true,
      operatingSystem: 'linux',
    },
  )
  t.same(
    projectNamespace(
      meta('n', {
        labels: { team: 'a', 'sekisho.dev/waf': 'block', 'pod-security.kubernetes.io/enforce': 'restricted' },
        annotations: {
          x: 'y',
          'sekisho.dev/node-selector': 'a=b',
          'scheduler.alpha.kubernetes.io/node-selector': 'c=d',
        },
      }) as never,
    ),
    {
      name: 'n',
      labels: { 'sekisho.dev/waf': 'block', 'pod-security.kubernetes.io/enforce': 'restricted' },
      annotations: { 'sekisho.dev/node-selector': 'a=b', 'scheduler.alpha.kubernetes.io/node-selector': 'c=d' },
    },
  )
  const ds = (status: object, generation = 1) => projectDaemonSet({ ...meta('d', { generation }), status } as never)
  const done = { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }
  t.match(ds(done), { rollingOut: false, maxUnavailable: 1 })
  t.match(ds(done, 2), { rollingOut: true })
  t.match(ds({ ...done, updatedNumberScheduled: 1 }), { rollingOut: true })
  t.match(ds({ ...done, numberAvailable: 1 }), { rollingOut: true })
  t.same(
    projectService({
      ...meta('s', { namespace: 'shop' }),
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    } as never),
    {
      namespace: 'shop',
      name: 's',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
    },
  )
  t.equal(projectService({ ...meta('s'), spec: { ports: [{ port: 80 }] } } as never), null)
  t.match(
    projectNetworkPolicy({
      ...meta('p', { namespace: 'shop' }),
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }, { protocol: 'UDP' }] }, {}] },
    } as never),
    { ingressPorts: [{ port: 8080, protocol: 'TCP' }] },
  )
  t.equal(projectNetworkPolicy({ ...meta('p'), spec: { ingress: [{}] } } as never), null)
})

t.test('selectorText writes a selector as the query parameter takes it', async (t) => {
  const expressions = [
    { key: 'a', operator: 'In', values: ['x', 'y'] },
    { key: 'b', operator: 'NotIn', values: ['z'] },
    { key: 'c', operator: 'Exists' },
    { key: 'd', operator: 'DoesNotExist' },
  ]
  t.equal(
    selectorText({ matchLabels: { app: 'web' }, matchExpressions: expressions }),
    'app=web,a in (x,y),b notin (z),c,!d',
  )
  t.equal(selectorText({}), '')
  t.throws(() => selectorText({ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }), /operator "Gt"/)
})

t.test(
  'a renewed token is read again when the old one is refused, and an error is the server’s own sentence',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sekisho-token-'))
    t.teardown(() => rm(folder, { recursive: true }))
    await Promise.all([writeFile(join(folder, 'token'), 'old\n'), writeFile(join(folder, 'ca.crt'), '')])
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }
    const access = await findAccess({ env, serviceAccountDirectory: folder })
    t.equal(access.server.href, 'https://[fd00::1]:6443/')

    const seen: unknown[] = []
    const server = createServer(({ headers, url }, response) => {
      seen.push(headers.authorization)
      const status = headers.authorization !== 'Bearer new' ? 401 : url === '/gone' ? 429 : 200
      response.writeHead(status, { 'retry-after': '2' }).end(JSON.stringify({ message: `status ${status}` }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const { port } = server.address() as { port: number }
    const client = createApiClient({ ...access, server: new URL(`http://127.0.0.1:${port}`) }, 'test')
    t.teardown(() => client.close())
    await t.rejects(client.request('GET', '/x'), { status: 401, message: 'status 401' })
    await writeFile(join(folder, 'token'), 'new\n')
    t.same(await client.request('GET', '/x'), { message: 'status 200' })
    t.same(seen, ['Bearer old', 'Bearer old', 'Bearer old', 'Bearer new'])
    await t.rejects(client.request('GET', '/gone'), new ApiError(429, 'status 429', 2000))
    await t.rejects(client.request('GET', '/x', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  },
)
