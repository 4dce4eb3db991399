import { join } from 'node:path'
import t from 'tap'
import { leftovers, snapshot } from './leftovers.ts'
import { run } from './run.ts'

const name = `cli-${process.pid}`
const cli = (...args: string[]) =>
  run(process.execPath, [join(import.meta.dirname, 'cli.ts'), ...args], { env: { ...process.env, NODE_OPTIONS: '' } })

t.test('up starts a cluster that stays, kubeconfig and status tell of it, down takes it away', async (t) => {
  const before = await snapshot(name)
  t.teardown(() => cli('down', '--name', name))
  const up = await cli('up', '--size', 'control-plane', '--name', name)
  t.equal(up.code, 0, up.stderr)
  t.match(up.stdout, /^export KUBECONFIG=\/.*admin\.kubeconfig\n$/)
  const again = await cli('up', '--size', 'control-plane', '--name', name)
  t.match(again, { code: 1, stderr: `Cannot start the cluster ${name}: it runs already; end it first` })
  const status = JSON.parse((await cli('status', '--json')).stdout)
  const state = status.find((one: { name: string }) => one.name === name)
  t.match(state, { size: 'control-plane', server: /^https:\/\/127\.0\.0\.1:\d+$/ })
  const config = JSON.parse((await cli('kubeconfig', '--name', name)).stdout)
  t.equal(config.clusters[0].cluster.server, state.server)
  const kubectl = await cli('exec', '--name', name, 'kubectl', 'get', 'namespaces', '-o', 'name')
  t.match(kubectl, { code: 0, stdout: 'namespace/default' })
  t.equal((await cli('exec', '--name', name, 'sh', '-c', 'exit 7')).code, 7)
  t.match(await cli('logs', '--name', name, 'etcd'), { code: 0, stdout: 'ready to serve client requests' })
  t.equal((await cli('down', '--name', name)).code, 0)
  t.same(leftovers(before, await snapshot(name)), [])
})

t.test('down of a cluster that does not run is done; what needs one says how to start it', async (t) => {
  t.match(await cli('down', '--name', 'no-such'), { code: 0, stderr: 'there is no cluster no-such: nothing to do' })
  const shell = await cli('shell', '--name', 'no-such')
  t.match(shell, { code: 1, stderr: 'Start it: node test/cluster/cli.ts up --size node --name no-such' })
})

t.test('--help lists the commands', async (t) => {
  const { code, stdout } = await cli('--help')
  t.equal(code, 0)
  for (const command of ['up', 'down', 'kubeconfig', 'shell', 'exec', 'import', 'logs', 'status'])
    t.match(stdout, new RegExp(`^  ${command} `, 'm'))
})
