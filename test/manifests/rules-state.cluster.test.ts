/** What `sekisho rules` may write, asked of a real API server: its state by name, and nothing that others of ours read. */
import t from 'tap'
import { startCluster } from '../cluster/start.ts'
import { kubeconfigOf } from './account.ts'
import { BASE } from './render.ts'

t.test('sekisho rules writes its state, recipes and releases, and no other ConfigMap of sekisho-system', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'rules-state' })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['apply', '-k', BASE])
  const kubeconfig = await kubeconfigOf(cluster, t.testdir(), 'sekisho-rules')
  const as = async (...args: string[]) => said(await cluster.kubectl([...account, ...args]))
  const account = ['--kubeconfig', kubeconfig, '-n', 'sekisho-system']
  const said = ({ code, stderr }: { code: number | null; stderr: string }) => (code === 0 ? 'done' : stderr)
  /** As the service writes: whole. */
  const replace = async (name: string) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { x: 'y' } })
    return said(await cluster.kubectl([...account, 'replace', '-f', '-'], { input }))
  }
  const refused = 'sekisho rules may not write ConfigMap'
  // Until this is refused, the API server has not taken the policy up.
  for (let tries = 0; !(await as('create', 'configmap', 'probe', '--dry-run=server')).includes(refused); tries += 1)
    if (tries > 100) throw new Error('the ValidatingAdmissionPolicy is never taken up')

  const ours = ['sekisho-rules-state-0', 'sekisho-rules-state-15', 'sekisho-rules-rollout']
  for (const name of [
    ...ours,
    'sekisho-recipe-0123456789abcdef',
    'sekisho-release-4.25.0-0123456789ab',
    'sekisho-ids-archive',
    'sekisho-ids-archive-0123456789ab-23',
  ]) {
    t.equal(await as('create', 'configmap', name), 'done', name)
    t.equal(await replace(name), 'done', name)
    t.equal(await as('delete', 'configmap', name), 'done', name)
  }
  // It comes with the manifests, so that operators need no right to create.
  t.equal(await replace('sekisho-rules-orders'), 'done')
  const config = (await cluster.kubectlOk(['-n', 'sekisho-system', 'get', 'configmaps', '-o', 'name']))
    .split('\n')
    .filter((line) => /sekisho-(webhook|certs|rules-config|rules-public)/.test(line))
  t.ok(config.length >= 4)
  for (const name of config) {
    t.match(await replace(name.split('/')[1]!), refused, name)
    t.match(await as('patch', name, '-p', '{"data":{"x":"y"}}'), /forbidden/, name)
    t.match(await as('delete', name), refused, name)
  }
  for (const name of [
    'sekisho-rules',
    'sekisho-rules-keys',
    'sekisho-rules-state-x',
    'sekisho-webhook-abc',
    'sekisho-ids-archive-x',
    'sekisho-ids',
  ])
    t.match(await as('create', 'configmap', name), refused, name)
  t.match(await as('get', 'secret', 'sekisho-rules-signing'), /forbidden/)
  t.match(await as('-n', 'default', 'create', 'configmap', 'sekisho-rules-state-0'), /forbidden/)
  t.equal(await as('-n', 'default', 'get', 'configmaps'), 'done')
  for (const what of ['pods', 'wafpolicies']) t.equal(await as('get', what, '-A'), 'done')
  t.match(await as('get', 'namespaces'), /forbidden/)
  t.equal(await as('get', '--raw', '/openid/v1/jwks'), 'done')
  t.equal(await as('get', '--raw', '/.well-known/openid-configuration'), 'done')
  for (const name of config)
    t.equal((await cluster.kubectl(['-n', 'sekisho-system', 'label', name, 'x=y'])).code, 0, 'others may')
})
