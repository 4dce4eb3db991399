/** What a container of ours may: nothing but what the test asks for, in the words of the OCI runtime. */
import t from 'tap'
import { runtimeSpec } from './run.ts'

const CONFIG = {
  Entrypoint: ['/start'],
  Cmd: ['serve'],
  Env: ['PATH=/bin', 'A=1'],
  User: '65532:65532',
  WorkingDir: '/app',
}
// biome-ignore lint/suspicious/noExplicitAny: an OCI runtime configuration is data of which each test looks at a part
const spec = (options: Parameters<typeof runtimeSpec>[2]) => runtimeSpec('/rootfs', CONFIG, options, '/group') as any

t.test('runtimeSpec() gives no capability, no new privileges, no network and no writable root', async (t) => {
  const { process, root, linux } = spec({})
  t.same(process.capabilities, { bounding: [], effective: [], permitted: [] })
  t.equal(process.noNewPrivileges, true)
  t.same(process.user, { uid: 65532, gid: 65532 })
  t.same(root, { path: '/rootfs', readonly: true })
  t.same(linux.namespaces, [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'network' }])
})

t.test('runtimeSpec() takes command and args as Kubernetes does', async (t) => {
  t.same(spec({}).process.args, ['/start', 'serve'])
  t.same(spec({ args: ['check'] }).process.args, ['/start', 'check'])
  t.same(spec({ command: ['/other'] }).process.args, ['/other'])
  t.same(spec({ command: ['/other'], args: ['x'] }).process.args, ['/other', 'x'])
})

t.test('runtimeSpec() adds the environment after the image’s own', async (t) => {
  t.same(spec({ env: { A: '2' } }).process.env, ['PATH=/bin', 'A=1', 'A=2'])
})

t.test('runtimeSpec() joins the network of another container, or the machine’s', async (t) => {
  t.same(spec({ network: { path: '/proc/7/ns/net' } }).linux.namespaces.at(-1), {
    type: 'network',
    path: '/proc/7/ns/net',
  })
  t.notMatch(JSON.stringify(spec({ network: 'host' }).linux.namespaces), 'network')
})

t.test('runtimeSpec() grants what is asked for', async (t) => {
  const { process, linux, mounts } = spec({
    capabilities: ['CAP_NET_RAW'],
    allowPrivilegeEscalation: true,
    memoryBytes: 1024,
    binds: [{ source: '/a', target: '/b', readOnly: true }],
    tmpfs: [{ target: '/tmp', sizeBytes: 4096 }],
  })
  t.same(process.capabilities.bounding, ['CAP_NET_RAW'])
  t.equal(process.noNewPrivileges, false)
  t.same(linux.resources.memory, { limit: 1024 })
  t.match(mounts.at(-1), { destination: '/b', options: ['rbind', 'rprivate', 'ro'] })
  t.match(mounts.at(-2), { destination: '/tmp', options: ['nosuid', 'nodev', 'mode=1777', 'size=4096'] })
})
