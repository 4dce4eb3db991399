/** The job against a real API server: real conflicts, real drift, real refusals, runs that are killed, and what a person reads. */
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { issuerOf, readBundle } from '../../certs-job/inspect.ts'
import { connect } from '../../certs-job/kubernetes.ts'
import { Conflict } from '../../certs-job/store.ts'
import { CONFIGURATION_KINDS } from '../../certs-job/view.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { run } from '../cluster/run.ts'
import { startCluster } from '../cluster/start.ts'
import { kubeconfigOf } from '../manifests/account.ts'
import { BASE, configurationsOf, objectsOf, render } from '../manifests/render.ts'

const CLI = join(import.meta.dirname, '../../src/cli.ts')
const [MUTATING = 0, VALIDATING = 0] = configurationsOf(objectsOf(await render(BASE))).map(
  ({ webhooks }) => webhooks.length,
)
const quick = { publishWaitSeconds: 1, configurationsWaitSeconds: 2 }

interface Seen {
  readonly ca: Record<string, string>
  readonly leaf: Record<string, string>
  readonly bundles: readonly string[]
  readonly rules: Record<string, string>
  readonly signing: Record<string, string>
  readonly told: Record<string, string>
}
const decoded = (data: Record<string, string> = {}) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]))

const see = async (cluster: Cluster): Promise<Seen> => {
  const secret = async (name: string) =>
    decoded(JSON.parse(await cluster.kubectlOk(['-n', 'sekisho-system', 'get', 'secret', name, '-o', 'json'])).data)
  const list = await cluster.kubectlOk(['get', CONFIGURATION_KINDS.join(','), 'sekisho', '-o', 'json'])
  const { items } = JSON.parse(list) as { items: { webhooks: { clientConfig: { caBundle?: string } }[] }[] }
  const bundles = items.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''))
  return {
    ca: await secret('sekisho-ca'),
    leaf: await secret('sekisho-webhook-tls'),
    rules: await secret('sekisho-rules-tls'),
    signing: await secret('sekisho-rules-signing'),
    told:
      JSON.parse(
        await cluster.kubectlOk(['-n', 'sekisho-system', 'get', 'configmap', 'sekisho-rules-public', '-o', 'json']),
      ).data ?? {},
    bundles: bundles.map((each) => Buffer.from(each, 'base64').toString()),
  }
}
const trusted = ({ leaf, bundles }: Seen): boolean => {
  const [cert] = readBundle(leaf['tls.crt'] ?? '')
  return cert !== undefined && bundles.every((bundle) => issuerOf(cert, readBundle(bundle)) !== null)
}

const cluster = await startCluster({ size: 'control-plane', name: 'certs' })
t.teardown(() => cluster.stop())
await cluster.kubectlOk(['apply', '-k', BASE])
const work = t.testdir({
  'certs.yaml': Object.entries(quick)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join(''),
})
const config = join(work, 'certs.yaml')
const command = (...more: string[]) => [
  CLI,
  'certs',
  'ensure',
  '--kubeconfig',
  cluster.kubeconfig,
  '--config',
  config,
  ...more,
]
const ensure = (...more: string[]) => run(process.execPath, command(...more), { env: { PATH: process.env['PATH'] } })
const store = () => connect({ kubeconfig: cluster.kubeconfig, namespace: 'sekisho-system', userAgent: 'test' })
const signal = new AbortController().signal

t.test('`sekisho certs ensure --dry-run` tells the steps and writes nothing', async (t) => {
  const { code, stdout } = await ensure('--dry-run')
  t.equal(code, 0)
  t.equal(
    stdout,
    `7 steps would be taken:
  make-ca: Missing, there is no certificate yet
  make-signing-keys: KeyMissing, there is no current key yet
  issue-leaf: Missing, sekisho rules: there is no certificate yet
  tell-rules: RulesTrustDiffers, ca.crt and keys in the ConfigMap
  issue-leaf: Missing, there is no certificate yet
  publish: BundleDiffers, ${MUTATING} of ${MUTATING} entries, first pods.protected.sekisho.dev
  publish: BundleDiffers, ${VALIDATING} of ${VALIDATING} entries, first pods.protected.sekisho.dev
`,
  )
  const { ca, leaf, bundles, rules, signing, told } = await see(cluster)
  t.same([ca, leaf, new Set(bundles), rules, signing, told], [{}, {}, new Set(['']), {}, {}, {}])
})

t.test('`sekisho certs ensure` installs, tells its progress, and has nothing to do the second time', async (t) => {
  const { code, stdout, stderr } = await ensure()
  t.equal(code, 0, stderr)
  t.match(stdout, /^Done in 7 steps: certificates are fresh and every entry trusts them\. The next change is due /)
  t.same(
    stderr
      .trim()
      .split('\n')
      .map((line) => line.split(':')[0]),
    ['make-ca', 'make-signing-keys', 'issue-leaf', 'tell-rules', 'issue-leaf', 'publish', 'publish', 'AllRight'],
  )
  const seen = await see(cluster)
  t.ok(trusted(seen))
  t.equal(seen.bundles.length, MUTATING + VALIDATING)
  t.match(new X509Certificate(seen.rules['tls.crt']!).checkHost('sekisho-rules.sekisho-system.svc'), /sekisho-rules/)
  t.ok(issuerOf(readBundle(seen.rules['tls.crt']!)[0]!, readBundle(seen.told['ca.crt']!)), 'Pods are told its CA')
  t.match(seen.told['keys'], /^([A-Za-z0-9+/]{43}=\n){2}$/)
  t.match(Object.keys(seen.signing).sort(), ['current.key', 'next.key', 'next.pub', 'since'])
  const again = await ensure('--output', 'json')
  const said = JSON.parse(again.stdout)
  t.match(said, { dryRun: false, steps: [], previous: [], ca: { subject: /^CN=Sekisho webhook CA / } })
  t.equal(Date.parse(said.leaf.notAfter) - Date.parse(said.leaf.notBefore), 30 * 86_400_000 + 300_000)
  t.same(await see(cluster), seen)
})

t.test('applying the manifests again keeps certificates and caBundles, also on the server’s side', async (t) => {
  const before = await see(cluster)
  await cluster.kubectlOk(['apply', '-k', BASE])
  t.same(await see(cluster), before)
  await cluster.kubectlOk(['apply', '-k', BASE, '--server-side', '--force-conflicts'])
  t.same(await see(cluster), before)
})

t.test('`sekisho certs ensure` repairs caBundles that another tool reset', async (t) => {
  const before = await see(cluster)
  const reset = [{ op: 'remove', path: '/webhooks/1/clientConfig/caBundle' }]
  await cluster.kubectlOk([
    'patch',
    'validatingwebhookconfiguration',
    'sekisho',
    '--type=json',
    '-p',
    JSON.stringify(reset),
  ])
  t.notOk(trusted(await see(cluster)))
  const { stderr } = await ensure()
  t.match(stderr, `publish: BundleDiffers, 1 of ${VALIDATING} entries, first pods.waf-namespace.sekisho.dev`)
  t.same(await see(cluster), before)
})

t.test('writes of what has changed since are Conflicts', async (t) => {
  const one = await store()
  t.teardown(() => one.close())
  const secret = await one.readSecret('sekisho-ca', signal)
  await one.writeSecret('sekisho-ca', secret, { note: 'x' }, signal)
  await t.rejects(one.writeSecret('sekisho-ca', secret, { note: 'y' }, signal), Conflict)
  const fresh = await one.readSecret('sekisho-ca', signal)
  t.equal(fresh.data['note'], 'x')
  await one.writeSecret('sekisho-ca', fresh, { note: null }, signal)
  t.same((await one.readSecret('sekisho-ca', signal)).data, secret.data, '`null` takes a key away, the others stay')
  for (const kind of CONFIGURATION_KINDS) {
    const read = await one.readConfiguration(kind, 'sekisho', signal)
    await cluster.kubectlOk(['label', kind, 'sekisho', 'changed=yes', '--overwrite'])
    await t.rejects(one.writeCaBundle(kind, 'sekisho', read!, 'anything', signal), Conflict, kind)
    await cluster.kubectlOk(['label', kind, 'sekisho', 'changed-'])
  }
  t.ok(Math.abs(one.serverTime()! - Date.now()) < 60_000, 'the clock of the API server')
})

t.test('two runs at once agree', async (t) => {
  await cluster.kubectlOk([
    '-n',
    'sekisho-system',
    'patch',
    'secret',
    'sekisho-ca',
    '--type=merge',
    '-p',
    '{"data":null}',
  ])
  const both = await Promise.all([ensure('-o', 'json'), ensure('-o', 'json')])
  t.same(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ stderr }) => stderr).join('\n'),
  )
  const [one, two] = both.map(({ stdout }) => JSON.parse(stdout))
  t.equal(one.ca.fingerprint, two.ca.fingerprint)
  t.equal(one.leaf.fingerprint, two.leaf.fingerprint)
  t.equal(one.previous.length, 1, 'the CA of the leaf that was served is still trusted')
  t.ok(trusted(await see(cluster)))
})

t.test('a run killed at any time and started again ends well, and no leaf is ever without trust', async (t) => {
  for (const after of [900, 1200, 1500, 1800, 2100]) {
    await cluster.kubectlOk([
      '-n',
      'sekisho-system',
      'patch',
      'secret',
      'sekisho-ca',
      '--type=merge',
      '-p',
      '{"data":null}',
    ])
    const child = spawn(process.execPath, command(), { stdio: 'ignore', env: { PATH: process.env['PATH'] } })
    const ended = once(child, 'exit')
    await sleep(after)
    child.kill('SIGKILL')
    await ended
    t.ok(trusted(await see(cluster)), `killed after ${after} ms: what is served is trusted`)
    const { code, stderr } = await ensure()
    t.equal(code, 0, stderr)
    const seen = await see(cluster)
    t.ok(trusted(seen))
    t.ok(seen.leaf['ca.crt'] === seen.ca['ca.crt'], 'and the leaf comes from the CA that signs')
  }
})

t.test('`sekisho certs ensure` ends at SIGTERM and says that nothing is lost', async (t) => {
  await cluster.kubectlOk([
    '-n',
    'sekisho-system',
    'patch',
    'secret',
    'sekisho-ca',
    '--type=merge',
    '-p',
    '{"data":null}',
  ])
  const slow = join(t.testdir({ 'slow.yaml': 'publishWaitSeconds: 600\n' }), 'slow.yaml')
  const child = spawn(process.execPath, [CLI, 'certs', 'ensure', '--kubeconfig', cluster.kubeconfig, '-c', slow], {
    env: { PATH: process.env['PATH'] },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = once(child, 'exit')
  while (!said.includes('waiting for trust')) await sleep(50)
  child.kill('SIGTERM')
  t.same(await ended, [3, null])
  t.match(said, 'error: stopped by a signal; every step so far is kept, run it again\n')
  t.equal((await ensure()).code, 0)
})

t.test('what a person reads when it cannot be done', async (t) => {
  const other = await kubeconfigOf(cluster, t.testdir(), 'sekisho-webhook')
  const as = await run(process.execPath, [CLI, 'certs', 'ensure', '--kubeconfig', other])
  t.equal(as.code, 3)
  t.match(
    as.stderr,
    'error: NotPermitted: Cannot get Secret sekisho-rules-tls (secrets "sekisho-rules-tls" is forbidden: User "system:serviceaccount:sekisho-system:sekisho-webhook" cannot get resource "secrets" in API group "" in the namespace "sekisho-system"): the API server answers 403. Grant it: the role in manifests/base/certs-rbac.yaml has what the job uses.\n',
  )

  await cluster.kubectlOk(['delete', 'validatingwebhookconfiguration', 'sekisho'])
  const absent = await ensure()
  t.equal(absent.code, 3)
  t.match(absent.stderr, 'waiting: ValidatingWebhookConfiguration is not there yet\n')
  t.match(
    absent.stderr,
    'error: ConfigurationAbsent: Cannot publish the CA: ValidatingWebhookConfiguration sekisho does not exist. Apply the manifests again, or uninstall the job too if the gate is not wanted any more.\n',
  )

  await cluster.kubectlOk(['-n', 'sekisho-system', 'delete', 'secret', 'sekisho-ca'])
  const missing = await ensure()
  t.equal(missing.code, 3)
  t.equal(
    missing.stderr,
    'error: SecretMissing: Cannot read Secret sekisho-system/sekisho-ca: it does not exist. Apply the manifests again: they carry it empty, so that the job needs no right to create Secrets.\n',
  )
  await cluster.kubectlOk(['apply', '-k', BASE])
  t.equal((await ensure()).code, 0, 'and the remedies mend it')
})
