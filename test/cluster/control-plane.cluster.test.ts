import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { leftovers, type Snapshot, snapshot } from './leftovers.ts'
import { startCluster } from './start.ts'

/** Names of this run's own, since others may test on the same machine. */
const unique = (name: string): string => `${name}-${process.pid}`

t.test('startCluster(control-plane) answers kubectl with version 1.37.2 and admits a Pod in `default`', async (t) => {
  const cluster = await startCluster({ size: 'control-plane' })
  t.teardown(() => cluster.stop())
  const version = JSON.parse(await cluster.kubectlOk(['version', '-o', 'json']))
  t.match(version, { clientVersion: { gitVersion: 'v1.37.2' }, serverVersion: { gitVersion: 'v1.37.2' } })
  const pod = await cluster.kubectl(['run', 'x', '--image=registry.local/x:1', '--dry-run=server', '-o', 'name'])
  t.same(pod, { code: 0, stdout: 'pod/x\n', stderr: '' })
  const refused = await cluster.kubectl(['get', 'pods', '--as=nobody'])
  t.equal(refused.code, 1)
  t.match(refused.stderr, 'User "nobody" cannot list resource "pods"')
})

t.test('createNamespace makes a namespace that enforces its labels and admits Pods at once', async (t) => {
  const cluster = await startCluster({ size: 'control-plane' })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('shop', { 'pod-security.kubernetes.io/enforce': 'restricted' })
  const pod = await cluster.kubectl(['-n', 'shop', 'run', 'x', '--image=registry.local/x:1'])
  t.equal(pod.code, 1)
  t.match(pod.stderr, 'violates PodSecurity "restricted:latest"')
})

t.test('startCluster starts two control planes at once that know nothing of each other', async (t) => {
  const two = await Promise.all(['one', 'two'].map((name) => startCluster({ size: 'control-plane', name })))
  t.teardown(() => Promise.all(two.map((cluster) => cluster.stop())))
  const [one, other] = two as [(typeof two)[0], (typeof two)[0]]
  t.not(one.apiServer, other.apiServer)
  await one.createNamespace('only-here')
  t.match(await one.kubectlOk(['get', 'namespaces', '-o', 'name']), 'namespace/only-here')
  t.notMatch(await other.kubectlOk(['get', 'namespaces', '-o', 'name']), 'only-here')
})

t.test('stop leaves no process, no file, no changed setting', async (t) => {
  const name = unique('gone')
  const before = await snapshot(name)
  const cluster = await startCluster({ size: 'control-plane', name })
  await cluster.kubectlOk(['get', 'namespaces'])
  const during = leftovers(before, await snapshot(name))
  for (const part of ['etcd', 'kube-apiserver', 'keeper.ts', 'folder'])
    t.ok(
      during.some((line) => line.includes(part)),
      `the check sees the running ${part}`,
    )
  await cluster.stop()
  await cluster.stop()
  t.same(leftovers(before, await snapshot(name)), [])
})

t.test('startCluster rejects with the part that failed and its last lines, and leaves nothing', async (t) => {
  const name = unique('wrong')
  const before = await snapshot(name)
  await t.rejects(
    startCluster({ size: 'control-plane', name, apiServerArgs: ['--no-such-flag'] }),
    /^Cannot start the cluster: kube-apiserver ended with code 1\. The last lines of its log:\n(.|\n)*unknown flag: --no-such-flag/,
  )
  t.same(leftovers(before, await snapshot(name)), [])
})

t.test('startCluster refuses a name that could not be a host name, and a number of nodes it cannot make', async (t) => {
  await t.rejects(startCluster({ size: 'control-plane', name: 'Not A Name' }), /Cannot name a cluster 'Not A Name'/)
  await t.rejects(startCluster({ size: 'node', nodes: 0 }), /Cannot start a cluster with 0 nodes/)
})

t.test('startCluster stops when its signal is aborted while it starts', async (t) => {
  const name = unique('aborted')
  const before = await snapshot(name)
  const over = new AbortController()
  const starting = startCluster({ size: 'control-plane', name, signal: over.signal })
  setTimeout(() => over.abort(new Error('changed my mind')), 800)
  await t.rejects(starting, /changed my mind/)
  t.same(leftovers(before, await snapshot(name)), [])
})

/** A process of its own that starts a cluster and says so once it is ready. */
function starter(name: string) {
  const program = `import { startCluster } from ${JSON.stringify(join(import.meta.dirname, 'start.ts'))}
    await startCluster({ size: 'control-plane', name: '${name}' })
    console.log('ready')
    setInterval(() => {}, 1000)`
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
}

async function settled(name: string, before: Snapshot): Promise<string[]> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (leftovers(before, await snapshot(name)).length === 0) break
    await sleep(100)
  }
  return leftovers(before, await snapshot(name))
}

for (const signal of ['SIGKILL', 'SIGINT'] as const)
  t.test(`a cluster ends when the process that started it ends by ${signal}`, async (t) => {
    const name = unique('orphan')
    const before = await snapshot(name)
    const child = starter(name)
    await once(child.stdout, 'data')
    t.not(leftovers(before, await snapshot(name)).length, 0, 'the cluster runs')
    child.kill(signal)
    t.same(await settled(name, before), [])
  })

t.test(
  'a cluster that is just being started ends with the process that starts it, whenever that is killed',
  async (t) => {
    const name = unique('early')
    const before = await snapshot(name)
    for (const ms of [200, 350, 500, 800, 1200]) {
      const child = starter(name)
      await sleep(ms)
      child.kill('SIGKILL')
      t.same(await settled(name, before), [], `killed after ${ms} ms`)
    }
  },
)

t.test('audit writes who asked for what', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', audit: true })
  t.teardown(() => cluster.stop())
  await cluster.kubectl(['get', 'secrets', '--as=eve'])
  const events = await cluster.auditLog()
  const event = events.find(
    ({ objectRef, impersonatedUser }) =>
      impersonatedUser !== undefined && JSON.stringify(objectRef ?? {}).includes('"secrets"'),
  )
  t.match(event, { verb: 'list', impersonatedUser: { username: 'eve' }, responseStatus: { code: 403 } })
})

t.test('controllers run beside a control plane: a deleted namespace goes away', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', controllers: ['namespace-controller'] })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('short')
  const deleted = await cluster.kubectl(['delete', 'namespace', 'short', '--timeout=60s'])
  t.equal(deleted.code, 0, deleted.stderr)
})

t.test('an admission webhook on 127.0.0.1 of the machine is called', async (t) => {
  const cluster = await startCluster({ size: 'control-plane' })
  t.teardown(() => cluster.stop())
  const { cert, key, ca } = await cluster.serverCertificate('webhook', ['IP:127.0.0.1'])
  const server = createServer({ cert, key }, (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const review = JSON.parse(String(Buffer.concat(pieces)))
      const status = { message: `not the namespace ${review.request.object.metadata.name}` }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, allowed: false, status } }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(webhook(port, ca)) })
  let answer = await cluster.kubectl(['create', 'namespace', 'shop'])
  // The server learns of a configuration by a watch, a moment later.
  for (let n = 0; answer.code === 0 && n < 50; n++) answer = await cluster.kubectl(['create', 'namespace', `shop-${n}`])
  t.match(answer.stderr, /admission webhook "wh.lab.test" denied the request: not the namespace shop/)
})

const webhook = (port: number, ca: Buffer) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'wh' },
  webhooks: [
    {
      name: 'wh.lab.test',
      rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['namespaces'] }],
      clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: ca.toString('base64') },
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
    },
  ],
})
