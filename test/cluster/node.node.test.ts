import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { attachCluster, startLasting } from './attach.ts'
import type { Cluster } from './cluster.ts'
import { APP_IMAGE } from './images/names.ts'
import { leftovers, snapshot } from './leftovers.ts'
import { startCluster } from './start.ts'

const RESTRICTED = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}
/** Names of this run's own, since others may test on the same machine. */
const unique = (name: string): string => `${name}-${process.pid}`
const container = (name: string, args: string[], more: object = {}) => ({
  name,
  image: APP_IMAGE,
  args,
  securityContext: RESTRICTED,
  ...more,
})
const pod = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec,
})
const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
})

async function apply(cluster: Cluster, ...objects: object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(list) })
}

const ready = (cluster: Cluster, name: string): Promise<string> =>
  cluster.kubectlOk(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s'])

/** curl to a Service's address from inside a node, once kube-proxy knows it. */
async function curl(cluster: Cluster, name: string, path: string, node = 0): Promise<string> {
  const address = await cluster.kubectlOk(['get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}'])
  const tries = ['--retry', '20', '--retry-delay', '1', '--retry-all-errors']
  const { stdout, stderr } = await cluster.exec('curl', ['-sS', ...tries, `http://${address}${path}`], { node })
  return stdout || stderr
}

t.test('a node', async (t) => {
  const name = unique('whole')
  const before = await snapshot(name)
  const cluster = await startCluster({ size: 'node', name })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce=restricted'])

  await t.test('runs a Pod with a native sidecar under Pod Security restricted', async (t) => {
    const probe = { httpGet: { path: '/', port: 9090 }, periodSeconds: 1 }
    const sidecar = container('side', ['serve', '9090'], { restartPolicy: 'Always', startupProbe: probe })
    await apply(
      cluster,
      pod('web', { initContainers: [sidecar], containers: [container('app', ['serve'])] }),
      service('web'),
    )
    await ready(cluster, 'web')
    const { status } = JSON.parse(await cluster.kubectlOk(['get', 'pod', 'web', '-o', 'json']))
    t.match(status.initContainerStatuses, [{ name: 'side', ready: true, started: true }])
    t.match(status.containerStatuses, [{ name: 'app', ready: true, restartCount: 0 }])
  })

  await t.test(
    'reaches a Service by its ClusterIP from the node and from a Pod, and the app logs what came',
    async (t) => {
      t.match(await curl(cluster, 'web', '/from-the-node?a=1'), 'GET /from-the-node?a=1 HTTP/1.1')
      const address = await cluster.kubectlOk(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])
      const inside = ['exec', 'web', '-c', 'app', '--', 'wget', '-q', '-O-', `http://${address}/from-itself`]
      t.match(await cluster.kubectlOk(inside), 'GET /from-itself HTTP/1.1')
      const log = await cluster.kubectlOk(['logs', 'web', '-c', 'app'])
      t.equal(log, 'listening on 8080\nGET /from-the-node?a=1 HTTP/1.1\nGET /from-itself HTTP/1.1\n')
    },
  )

  await t.test('gives a Pod a token and a way to the API server', async (t) => {
    // The server's answer to plain HTTP is as good a proof as any, and busybox knows no TLS.
    const call =
      'cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; wget -O- http://$KUBERNETES_SERVICE_HOST:443/'
    const outcome = await cluster.kubectl(['exec', 'web', '-c', 'app', '--', 'sh', '-c', call])
    t.match(outcome, { stdout: /^default/, stderr: '400 Bad Request' })
  })

  await t.test('resolves a webhook by its Service, and says when no Pod is behind it', async (t) => {
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] }]
    const clientConfig = { service: { name: 'nobody', namespace: 'default', path: '/' } }
    const entry = { name: 'wh.lab.test', rules, clientConfig, admissionReviewVersions: ['v1'], sideEffects: 'None' }
    const metadata = { name: 'wh' }
    const kind = 'ValidatingWebhookConfiguration'
    const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata, webhooks: [entry] }
    await apply(cluster, service('nobody'), configuration)
    const create = (n: number) => cluster.kubectl(['create', 'secret', 'generic', `s-${n}`])
    let answer = await create(0)
    for (let n = 1; answer.code === 0 && n < 50; n++) answer = await create(n)
    t.match(answer.stderr, 'failed calling webhook "wh.lab.test"')
    await cluster.kubectlOk(['delete', kind, 'wh'])
  })

  await t.test('reports an app that fails', async (t) => {
    await apply(cluster, pod('broken', { containers: [container('app', ['fail'])], restartPolicy: 'Never' }))
    await cluster.kubectlOk(['wait', '--for=jsonpath={.status.phase}=Failed', 'pod/broken', '--timeout=60s'])
    t.equal(await cluster.kubectlOk(['logs', 'broken']), 'cannot start: told to fail\n')
  })

  await t.test('brings a changed ConfigMap into a running Pod within seconds', async (t) => {
    const config = (value: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { value },
    })
    const volumes = [{ name: 'c', configMap: { name: 'c' } }]
    const app = container('app', ['serve'], { volumeMounts: [{ name: 'c', mountPath: '/etc/c' }] })
    await apply(cluster, config('old'), pod('reader', { volumes, containers: [app] }))
    await ready(cluster, 'reader')
    const read = () => cluster.kubectlOk(['exec', 'reader', '--', 'cat', '/etc/c/value'])
    t.equal(await read(), 'old')
    await apply(cluster, config('new'))
    const start = Date.now()
    while ((await read()) !== 'new' && Date.now() - start < 60_000) await sleep(500)
    t.equal(await read(), 'new')
    t.ok(
      Date.now() - start < 30_000,
      `seen after ${Date.now() - start} ms; kubelet's default would take a minute and more`,
    )
  })

  await t.test('does not change the settings of the machine while it runs', async (t) => {
    const settings = (all: Iterable<string>) =>
      [...all].filter((line) => /^(sysctl|firewall|interface|mount|file) /.test(line))
    t.same(leftovers(new Set(settings(before)), new Set(settings(await snapshot(name)))), [])
    const inside = await cluster.exec('cat', ['/proc/sys/kernel/panic'])
    t.equal(inside.stdout, '10\n', 'kubelet sees what it wants')
  })

  await t.test('stop leaves nothing behind', async (t) => {
    t.ok(leftovers(before, await snapshot(name)).length > 5, 'the check sees the running node')
    await cluster.stop()
    t.same(leftovers(before, await snapshot(name)), [])
    t.notOk(existsSync(cluster.state.work))
  })
})

t.test('three nodes carry Pods that reach one another through a Service', async (t) => {
  const name = unique('three')
  const before = await snapshot(name)
  const cluster = await startCluster({ size: 'node', nodes: 3, name })
  t.teardown(() => cluster.stop())
  const spec = (nodeName: string) => ({ nodeName, containers: [container('app', ['serve'])] })
  await apply(cluster, pod('far', spec('node-3')), service('far'), pod('near', spec('node-2')))
  await Promise.all([ready(cluster, 'far'), ready(cluster, 'near')])
  for (const node of [0, 1, 2]) t.match(await curl(cluster, 'far', `/${node}`, node), `GET /${node} HTTP/1.1`)
  const address = await cluster.kubectlOk(['get', 'service', 'far', '-o', 'jsonpath={.spec.clusterIP}'])
  t.match(await cluster.kubectlOk(['exec', 'near', '--', 'wget', '-q', '-O-', `http://${address}/pod`]), 'GET /pod')
  await cluster.stop()
  t.same(leftovers(before, await snapshot(name)), [])
})

t.test('a node whose part cannot start is an error with the part and its last lines, and leaves nothing', async (t) => {
  const name = unique('wrong')
  const before = await snapshot(name)
  const starting = startCluster({
    size: 'node',
    name,
    apiServerArgs: ['--admission-control-config-file=/nowhere'],
  })
  await t.rejects(starting, /kube-apiserver ended with code 1(.|\n)*\/nowhere/)
  t.same(leftovers(before, await snapshot(name)), [])
})

t.test('a node ends when the process that started it is killed', async (t) => {
  const name = unique('orphan')
  const before = await snapshot(name)
  const program = `import { startCluster } from ${JSON.stringify(join(import.meta.dirname, 'start.ts'))}
    const cluster = await startCluster({ size: 'node', name: '${name}' })
    console.log(cluster.state.work)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  t.same(await settled(name, before), [])
})

t.test('a lasting node is found again by its name, and ends with its keeper even when that is killed', async (t) => {
  const name = unique('lasting')
  const before = await snapshot(name)
  const started = await startLasting({ size: 'node', name })
  const found = await attachCluster(name)
  t.equal(found?.apiServer, started.apiServer)
  await t.rejects(startLasting({ size: 'node', name }), /it runs already/)
  process.kill(started.state.keeper, 'SIGKILL')
  const ours = (line: string) => !/^(cgroup|folder) /.test(line)
  t.same((await settled(name, before, ours)).filter(ours), [], 'processes, namespaces, mounts are gone with it')
  t.equal(await attachCluster(name), undefined)
  const next = await startCluster({ size: 'control-plane' })
  await next.stop()
  t.notOk(existsSync(started.state.work), 'the next start takes its folder away')
  t.same(leftovers(before, await snapshot(name)), [], 'and its cgroups')
})

/** What is left once what is ending has ended. */
async function settled(
  name: string,
  before: ReadonlySet<string>,
  counts: (line: string) => boolean = () => true,
): Promise<string[]> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (!leftovers(before, await snapshot(name)).some(counts)) break
    await sleep(200)
  }
  return leftovers(before, await snapshot(name))
}
