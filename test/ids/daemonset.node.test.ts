/**
 * The IDS as manifests/base installs it, on a real node: Suricata and the agent with least rights, Ready by what the agent has proven, its
 * words in the Pod's events and on the Lease, and it sees between Pods.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { IdsReport } from '../../src/api/ids.ts'
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
const exec = async (container: string, script: string) => {
  const { metadata } = await pod()
  return cluster.kubectl(['-n', 'sekisho-node', 'exec', metadata.name, '-c', container, '--', 'sh', '-c', script])
}
const log = async (container: string) => kubectl('-n', 'sekisho-node', 'logs', 'daemonset/sekisho-ids', '-c', container)
const records = async () =>
  (await log('suricata'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
const node = cluster.nodes[0]!.name
const lease = async () =>
  JSON.parse(await kubectl('-n', 'sekisho-node', 'get', 'lease', node, '-o', 'json')) as {
    spec: { holderIdentity: string }
    metadata: { annotations: Record<string, string> }
  }
const report = async () => JSON.parse((await lease()).metadata.annotations['sekisho.dev/ids-report']!) as IdsReport

t.test('both containers run with least rights: Suricata with NET_RAW alone, the agent with nothing', async (t) => {
  const files = ['namespaces', 'ids-rbac', 'ids-admission', 'ids'].flatMap((name) => ['-f', join(base, `${name}.yaml`)])
  const config = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'sekisho-ids-config', namespace: 'sekisho-node' },
    data: { 'ids.yaml': readFileSync(join(base, 'config/ids.yaml'), 'utf8') },
  }
  await kubectl('apply', '-f', join(base, 'namespaces.yaml'))
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(config) })
  await kubectl('apply', ...files)
  let said = ''
  await eventually(
    async () => {
      said = (await exec('agent', 'sekisho-ids-ready')).stdout
      return said.includes('carrier') ? true : undefined
    },
    () => said,
    90_000,
  )
  // The node has a bridge without a port and no Pod: nothing can cross it, and nothing is proven.
  t.match(await report(), { ready: false, check: 'CanaryLost', detail: /no captured interface has a carrier/ })
  const { stdout } = await exec(
    'suricata',
    'grep -hE "^(Uid|CapEff|CapBnd|Seccomp):" /proc/1/status /proc/$(grep -l Suricata-Main /proc/[0-9]*/comm | cut -d / -f 3)/status',
  )
  const uid = 'Uid:\t65532\t65532\t65532\t65532\n'
  const rest = 'CapBnd:\t0000000000002000\nSeccomp:\t2\n'
  const none = 'CapEff:\t0000000000000000\n'
  t.equal(stdout, `${uid}${none}${rest}${uid}CapEff:\t0000000000002000\n${rest}`)
  const agent = await exec('agent', 'grep -hE "^(Uid|CapEff|CapBnd|Seccomp):" /proc/1/status; ls /var/run/secrets')
  t.equal(agent.stdout, `${uid}${none}CapBnd:\t0000000000000000\nSeccomp:\t2\nkubernetes.io\nsekisho\n`)
  t.not((await exec('suricata', 'ls /var/run/secrets')).code, 0, 'what reads the attackers’ packets has no token')
})

t.test(
  'a first Pod brings the bridge: it is captured, the Pod is Ready, and the reason meanwhile is in the events',
  async (t) => {
    const container = { name: 'app', image: APP_IMAGE, args: ['serve'] }
    const app = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app' }, spec: { containers: [container] } }
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(app) })
    await kubectl('wait', '--for=condition=Ready', 'pod/app', '--timeout=120s')
    let said = ''
    await eventually(
      async () => {
        const { code, stdout } = await exec('agent', 'cat /run/suricata/interfaces; sekisho-ids-ready')
        said = stdout
        return code === 0 && /^cni0$/m.test(said) ? true : undefined
      },
      () => said,
      120_000,
    )
    await kubectl('-n', 'sekisho-node', 'rollout', 'status', 'daemonset/sekisho-ids', '--timeout=60s')
    const events = await kubectl('-n', 'sekisho-node', 'get', 'events', '-o', 'jsonpath={.items[*].message}')
    t.match(events, /Readiness probe failed: .*no captured interface has a carrier/)
    for (const { restartCount } of (await pod()).status.containerStatuses) t.equal(restartCount, 0)
  },
)

t.test('the Lease of the node says what the probe says, in the name of the Pod', async (t) => {
  const { metadata } = await pod()
  await eventually(
    async () => ((await report()).ready ? true : undefined),
    () => 'the Lease does not say ready',
  )
  t.equal((await lease()).spec.holderIdentity, metadata.name)
  t.match(await report(), { v: 1, ready: true, check: '', rules: { failed: 0, set: 'baseline' } })
})

t.test('what a Pod answers is seen on the bridge: one alert that names the node', async (t) => {
  const address = await kubectl('get', 'pod', 'app', '-o', 'jsonpath={.status.podIP}')
  // The app answers with what it got. In two chunks, so that the words stand together in the answer alone.
  const script = `const call = require('node:http').request({ host: '${address}', port: 8080, method: 'POST' }, (answer) => answer.resume())
    call.write('uid=0('); setTimeout(() => call.end('root)'), 50)`
  t.equal((await cluster.exec(process.execPath, ['-e', script])).code, 0)
  const alerts = async () => (await records()).filter((line) => line.alert?.signature_id === 1000003)
  await eventually(
    async () => ((await alerts()).length > 0 ? true : undefined),
    () => 'no alert came',
  )
  await new Promise((later) => setTimeout(later, 2000))
  t.match(await alerts(), [{ in_iface: 'cni0', src_ip: address, host: node }])
  t.equal((await alerts()).length, 1)
  t.notMatch(await log('suricata'), /canary/i, 'no canary among the records for people')
})
