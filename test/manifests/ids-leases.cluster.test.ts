/** What the agent of a node may write, asked of a real API server with a token that is bound to its Pod: its own Lease, in its own name. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { startCluster } from '../cluster/start.ts'
import { BASE } from './render.ts'

t.test('the agent writes the Lease of its own node in the name of its own Pod, and no other', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'ids-leases' })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['apply', '-k', BASE])
  for (const name of ['node-a', 'node-b']) {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
    await cluster.kubectlOk(['create', '-f', '-'], { input })
  }
  const pod = (name: string, nodeName: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'sekisho-node' },
    spec: { nodeName, serviceAccountName: 'sekisho-ids', containers: [{ name: 'agent', image: 'x' }] },
  })
  for (const one of [pod('ids-a', 'node-a'), pod('ids-b', 'node-b')])
    await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(one) })
  const base = parse(await cluster.adminKubeConfigText) as { users: { user: object }[] }
  const work = t.testdir()
  const account = async (name: string, ...bound: string[]) => {
    const args = ['-n', 'sekisho-node', 'create', 'token', 'sekisho-ids', ...bound]
    base.users[0]!.user = { token: (await cluster.kubectlOk(args)).trim() }
    const file = join(work, `${name}.kubeconfig`)
    writeFileSync(file, stringify(base))
    return file
  }
  const a = await account('a', '--bound-object-kind=Pod', '--bound-object-name=ids-a')
  const b = await account('b', '--bound-object-kind=Pod', '--bound-object-name=ids-b')
  const unbound = await account('unbound')

  const lease = (name: string, holderIdentity: string | undefined, namespace = 'sekisho-node') => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/name': 'sekisho-ids' } },
    spec: { ...(holderIdentity && { holderIdentity }), leaseDurationSeconds: 60 },
  })
  const write = async (kubeconfig: string, verb: 'create' | 'replace', object: object, ...more: string[]) => {
    const input = JSON.stringify(object)
    const { code, stderr } = await cluster.kubectl(['--kubeconfig', kubeconfig, verb, '-f', '-', ...more], { input })
    return code === 0 ? 'done' : stderr
  }
  const foreign = /may not write the Lease node-b: only that of its own node/
  // Until this is refused, the API server has not taken the policy up.
  for (let tries = 0; !foreign.test(await write(a, 'create', lease('node-b', 'ids-a'), '--dry-run=server')); tries++)
    if (tries > 100) throw new Error('the ValidatingAdmissionPolicy is never taken up')

  t.equal(await write(a, 'create', lease('node-a', 'ids-a')), 'done')
  t.equal(await write(a, 'replace', lease('node-a', 'ids-a')), 'done')
  t.equal(await write(b, 'create', lease('node-b', 'ids-b')), 'done')
  t.match(await write(a, 'replace', lease('node-b', 'ids-a')), foreign)
  t.match(await write(a, 'replace', lease('node-b', 'ids-b')), foreign)
  t.match(
    await write(a, 'replace', lease('node-a', 'ids-b')),
    /Pod "ids-a" may not write a Lease in the name of "ids-b"/,
  )
  t.match(await write(a, 'replace', lease('node-a', undefined)), /in the name of ""/)
  t.match(
    await write(unbound, 'replace', lease('node-a', 'ids-a')),
    /an agent on node "" may not write the Lease node-a/,
  )
  t.match(await write(a, 'create', lease('node-a', 'ids-a', 'sekisho-system')), /forbidden/)

  const can = async (...args: string[]) =>
    (await cluster.kubectl(['--kubeconfig', a, 'auth', 'can-i', ...args])).stdout.trim()
  const node = ['-n', 'sekisho-node']
  const system = ['-n', 'sekisho-system']
  for (const what of [
    ['list', 'configmaps', ...node],
    ['watch', 'configmaps', ...node],
    ['create', 'events.events.k8s.io', ...node],
    ['get', 'configmaps/sekisho-rules-public', ...system],
    ['get', 'services/sekisho-rules', ...system],
  ])
    t.equal(await can(...what), 'yes', what.join(' '))
  for (const what of [
    ['delete', 'leases', ...node],
    ['list', 'leases', ...node],
    ['update', 'configmaps', ...node],
    ['get', 'secrets', ...node],
    ['list', 'pods', ...node],
    ['get', 'configmaps/sekisho-rules-state-0', ...system],
    ['list', 'configmaps', ...system],
    ['create', 'leases', ...system],
    ['get', 'nodes'],
    ['list', 'configmaps', '-A'],
  ])
    t.match(await can(...what), /^no/, what.join(' '))
  t.equal(
    (await cluster.kubectl(['-n', 'sekisho-node', 'label', 'lease', 'node-a', 'x=y'])).code,
    0,
    'others are not held',
  )
})
