/** The IDS as manifests/base installs it, on a real node: least rights are enough, its words reach the Pod's events, and it sees between Pods. */
import { join } from 'node:path'
import t from 'tap'
import { APP_IMAGE } from '../cluster/images/names.ts'
import { startCluster } from '../cluster/start.ts'
import { ensureImages } from '../images/build.ts'
import { repository } from '../images/places.ts'
import { eventually } from './wire.ts'

const { tar } = (await ensureImages(['sekisho-ids'], { log: () => {} }))['sekisho-ids']
const cluster = await startCluster({ size: 'node', name: `ids-${process.pid}` })
t.teardown(() => cluster.stop())
await cluster.importImages([tar])
const base = join(repository, 'manifests/base')
const kubectl = (...args: string[]) => cluster.kubectlOk(args)
const pod = async () => JSON.parse(await kubectl('-n', 'sekisho-node', 'get', 'pods', '-o', 'json')).items[0]
const exec = async (script: string) => {
  const { metadata } = await pod()
  return cluster.kubectl(['-n', 'sekisho-node', 'exec', metadata.name, '--', 'sh', '-c', script])
}
const log = async () => kubectl('-n', 'sekisho-node', 'logs', 'daemonset/sekisho-ids')
const lines = async () =>
  (await log())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

t.test('the DaemonSet becomes Ready on a node, with NET_RAW alone', async (t) => {
  await kubectl('apply', '-f', join(base, 'namespaces.yaml'), '-f', join(base, 'ids.yaml'))
  await kubectl('-n', 'sekisho-node', 'rollout', 'status', 'daemonset/sekisho-ids', '--timeout=120s')
  const { stdout } = await exec(
    'grep -hE "^(Uid|CapEff|CapBnd|Seccomp):" /proc/1/status /proc/$(grep -l Suricata-Main /proc/[0-9]*/comm | cut -d / -f 3)/status',
  )
  const uid = 'Uid:\t65532\t65532\t65532\t65532\n'
  const rest = 'CapBnd:\t0000000000002000\nSeccomp:\t2\n'
  t.equal(stdout, `${uid}CapEff:\t0000000000000000\n${rest}${uid}CapEff:\t0000000000002000\n${rest}`)
})

t.test('a first Pod brings the bridge: it is captured, and the reason meanwhile is in the events', async (t) => {
  const container = { name: 'app', image: APP_IMAGE, args: ['serve'] }
  const app = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app' }, spec: { containers: [container] } }
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(app) })
  await kubectl('wait', '--for=condition=Ready', 'pod/app', '--timeout=120s')
  let said = ''
  await eventually(
    async () => {
      said = (await exec('sekisho-ids-ready')).stdout
      return /^ready: 3 rules, \d+ packets seen on cni0, /.test(said) ? true : undefined
    },
    () => said,
    90_000,
  )
  const events = await kubectl('-n', 'sekisho-node', 'get', 'events', '-o', 'jsonpath={.items[*].message}')
  t.match(events, /Readiness probe failed: not ready: /)
  t.equal((await pod()).status.containerStatuses[0].restartCount, 0)
})

t.test('what a Pod answers is seen on the bridge: one alert that names the node', async (t) => {
  const address = await kubectl('get', 'pod', 'app', '-o', 'jsonpath={.status.podIP}')
  // The app answers with what it got. In two chunks, so that the words stand together in the answer alone.
  const script = `const call = require('node:http').request({ host: '${address}', port: 8080, method: 'POST' }, (answer) => answer.resume())
    call.write('uid=0('); setTimeout(() => call.end('root)'), 50)`
  t.equal((await cluster.exec(process.execPath, ['-e', script])).code, 0)
  const alerts = async () => (await lines()).filter((line) => line.alert?.signature_id === 1000003)
  await eventually(
    async () => ((await alerts()).length > 0 ? true : undefined),
    () => 'no alert came',
  )
  await new Promise((later) => setTimeout(later, 2000))
  t.match(await alerts(), [{ in_iface: 'cni0', src_ip: address, host: cluster.nodes[0]!.name }])
  t.equal((await alerts()).length, 1)
})
