/** ConfigMaps with rules of the IDS through the real `sekisho webhook`, a real API server and kubectl: what is refused, in which words, and where. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startCluster } from '../cluster/start.ts'
import { makeCa, makeLeaf, temporaryDirectory } from './support.ts'
import { configurations, startWebhook } from './webhook-process.ts'

const BASE = join(import.meta.dirname, '../../manifests/base')
const GOOD = 'alert tcp any any -> any any (msg:"a"; content:"b"; sid:1001000; rev:1;)\n'
const PASS = 'pass ip any any -> any any (msg:"a"; sid:1001001;)\n'
const MISTAKES = `${GOOD}
alert tcp any any -> any any \\
  (msg:"b"; contnet:"c"; sid:1001001;)
${PASS.replace('1001001', '1001002')}`

const cluster = await startCluster({ size: 'control-plane', name: 'ids-rules' })
t.teardown(() => cluster.stop())
for (const namespace of ['sekisho-system', 'sekisho-node', 'shop']) await cluster.createNamespace(namespace)
await cluster.kubectlOk(['apply', '-f', join(BASE, 'waf-policy.yaml')])
const configMap = (namespace: string, name: string, data: object, labels: object = { 'sekisho.dev/rules': 'ids' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  ...('binaryData' in data ? data : { data }),
})
await cluster.kubectlOk(['apply', '-f', '-'], {
  input: JSON.stringify(configMap('sekisho-node', 'before-us', { 'a.rules': PASS })),
})
const ca = await makeCa()
const work = temporaryDirectory(t)
mkdirSync(work, { recursive: true })
const config = 'guard: {idsRulesAllow: [noalert]}\n'
const webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, work, pair: await makeLeaf(ca), config })
t.teardown(() => void webhook.child.kill('SIGKILL'))
for (const one of configurations(webhook.port, ca.certPem))
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
await webhook.untilReady()
const apply = (object: object, ...more: string[]) =>
  cluster.kubectl(['apply', '-f', '-', ...more], { input: JSON.stringify(object) })
const probe = configMap('sekisho-node', 'probe', { 'a.rules': 'no rule' })
for (let tries = 0; (await apply(probe, '--dry-run=server')).code === 0; tries++)
  if (tries > 100) throw new Error('the webhook is never asked')

t.test('a ConfigMap with mistakes is refused, each at its file and line', async (t) => {
  const { code, stderr } = await apply(
    configMap('sekisho-node', 'ours', { 'local.rules': MISTAKES, 'disable.conf': '2019401\n1000001\n' }),
  )
  t.equal(code, 1)
  t.equal(
    stderr,
    `Error from server (RulesRefused): error when creating "STDIN": admission webhook "ids-rules.sekisho.dev" denied the request: disable.conf:2: 1000001 is one of Sekisho's own rules (1000000 to 1000999): they are not filtered
local.rules:4: unknown option "contnet" (nearest: content)
local.rules:5: a pass rule hides what it matches from all other rules: the platform has not allowed pass
`,
  )
})

t.test('one without is taken, and what the platform allows', async (t) => {
  const rules = `${GOOD}alert ip any any -> any any (msg:"b"; noalert; sid:1001001;)\n`
  const taken = await apply(configMap('sekisho-node', 'ours', { 'local.rules': rules, 'disable.conf': '2019401' }))
  t.match(taken, { code: 0, stderr: '' })
  t.match(await apply(configMap('sekisho-node', 'ours', { 'local.rules': `${rules}${PASS}` })), {
    code: 1,
    stderr: /local\.rules:3: /,
  })
  const drop = GOOD.replace('alert', 'drop')
  t.match(await apply(configMap('sekisho-node', 'drops', { 'local.rules': drop, README: 'x' })), {
    code: 0,
    stderr:
      /Warning: README:1: "README" is not read[\s\S]*Warning: local\.rules:1: drop only alerts|Warning: local\.rules:1: drop only alerts[\s\S]*Warning: README:1: "README" is not read/,
  })
  const binary = { binaryData: { 'x.rules': '//79' } }
  t.match(await apply(configMap('sekisho-node', 'binary', binary)), {
    code: 1,
    stderr: /x\.rules:1: the file is not text/,
  })
})

t.test('rules do not come in by the label, and leave by it', async (t) => {
  t.match(await apply(configMap('sekisho-node', 'smuggled', { 'a.rules': PASS }, {})), { code: 0 })
  const label = ['-n', 'sekisho-node', 'label', 'configmap']
  t.match(await cluster.kubectl([...label, 'smuggled', 'sekisho.dev/rules=ids']), { code: 1, stderr: /a\.rules:1: / })
  t.match(await cluster.kubectl([...label, 'before-us', 'a=b']), { code: 0 }, 'what stands there may be labelled')
  const patch = ['-n', 'sekisho-node', 'patch', 'configmap', 'before-us', '-p', '{"data":{"b.rules":"#"}}']
  t.match(await cluster.kubectl(patch), { code: 1, stderr: /a\.rules:1: / })
  t.match(await cluster.kubectl([...label, 'before-us', 'sekisho.dev/rules-']), {
    code: 0,
    stderr: /Warning: .*the IDS stops using it/,
  })
})

t.test('in another namespace it is told that it has no effect there', async (t) => {
  t.match(await apply(configMap('shop', 'tenant', { 'a.rules': PASS })), {
    code: 0,
    stderr:
      /Warning: sekisho\.dev\/rules: ids has no effect in namespace shop: the IDS reads ConfigMaps of sekisho-node alone/,
  })
  // No way round the judgement of ModSecurity rules.
  const open = { 'a.conf': 'SecRuleEngine Off' }
  t.match(await apply(configMap('shop', 'open', open)), { code: 1, stderr: /a\.conf:1: / })
})
