/**
 * WafPolicies and ConfigMaps with rules through the real `sekisho webhook`, a real API server and kubectl: what a team meets that would disarm the
 * Core Rule Set, who may open the glass, and in whose name.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { WafPolicySpec } from '../../src/api/waf-policy.ts'
import { startCluster } from '../cluster/start.ts'
import { DISARMING } from '../rules/language/disarming.ts'
import { makeCa, makeLeaf, temporaryDirectory } from './support.ts'
import { configurations, startWebhook } from './webhook-process.ts'

const BASE = join(import.meta.dirname, '../../manifests/base')
const GOOD = `SecRule REQUEST_FILENAME "@streq /a" "id:100001,phase:1,deny,status:403"\n`
const LABELS = { 'sekisho.dev/rules': 'true' }
const HOUR = 3_600_000
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString()

const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop', labels },
  data,
})
const policy = (name: string, spec: WafPolicySpec) => ({
  apiVersion: 'sekisho.dev/v1alpha1',
  kind: 'WafPolicy',
  metadata: { name, namespace: 'shop' },
  spec,
})

/** Jane edits everything of her namespace; Jim may open besides. */
async function station(t: Test) {
  const cluster = await startCluster({ size: 'control-plane', name: 'policies' })
  t.teardown(() => cluster.stop())
  await cluster.createNamespace('sekisho-system')
  await cluster.kubectlOk(['apply', '-f', join(BASE, 'waf-policy.yaml'), '-f', join(BASE, 'operators.yaml')])
  await cluster.established('wafpolicies.sekisho.dev')
  await cluster.createNamespace('shop')
  const role = ['create', 'clusterrole', 'team', '--verb=get,list,create,update,patch,delete']
  await cluster.kubectlOk([...role, '--resource=configmaps,wafpolicies.sekisho.dev'])
  for (const user of ['jane', 'jim'])
    await cluster.kubectlOk(['-n', 'shop', 'create', 'rolebinding', user, '--clusterrole=team', `--user=${user}`])
  await cluster.kubectlOk([
    '-n',
    'shop',
    'create',
    'rolebinding',
    'jim-opens',
    '--clusterrole=sekisho-open',
    '--user=jim',
  ])
  await cluster.kubectlOk(['apply', '-f', '-'], {
    input: JSON.stringify(configMap('before-us', { 'rules.conf': 'SecRuleEngine Off' }, LABELS)),
  })
  const ca = await makeCa()
  const work = temporaryDirectory(t)
  mkdirSync(work, { recursive: true })
  const webhook = await startWebhook({ kubeconfig: cluster.kubeconfig, work, pair: await makeLeaf(ca) })
  t.teardown(() => void webhook.child.kill('SIGKILL'))
  for (const one of configurations(webhook.port, ca.certPem))
    await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(one) })
  await webhook.untilReady()
  const as = (user: string) => (args: string[], object?: object) =>
    cluster.kubectl([...args, `--as=${user}`], object === undefined ? {} : { input: JSON.stringify(object) })
  const apply =
    (user: string) =>
    (object: object, more: string[] = []) =>
      as(user)(['apply', '-f', '-', ...more], object)
  const specOf = async (name: string): Promise<WafPolicySpec> =>
    JSON.parse(await cluster.kubectlOk(['-n', 'shop', 'get', 'waf', name, '-o', 'json'])).spec
  // The API server takes up new entries within a second or so.
  for (let i = 0; ; i++) {
    const { code } = await apply('jane')(configMap('probe', { 'rules.conf': 'SecRuleEngine Off' }, LABELS), [
      '--dry-run=server',
    ])
    const glass = policy('probe', { breakGlass: { until: inHours(1), reason: 'x' } })
    if (code !== 0 && (await apply('jane')(glass, ['--dry-run=server'])).code !== 0) break
    if (i > 100) throw new Error('the entries were not taken up')
  }
  return { cluster, webhook, as, apply, specOf }
}

t.test('policies and rules through kubectl', async (t) => {
  const { cluster, webhook, as, apply, specOf } = await station(t)
  const jane = apply('jane')
  const jim = apply('jim')

  t.test('a broken rule is refused with file and line', async (t) => {
    const text = `${'# a\n'.repeat(13)}SecRule ARGS "@detectSQLI" "id:100001,phase:2,deny"\n`
    for (const more of [[], ['--dry-run=server']])
      t.match(await jane(configMap('sekisho-rules', { 'rules.conf': text }), more), {
        code: 1,
        stderr:
          'Error from server (RulesRefused): error when creating "STDIN": admission webhook "rules.sekisho.dev" denied the request: rules.conf:14: unknown operator "@detectSQLI" (nearest: @detectSQLi)\n',
      })
  })

  t.test('the table of disarming rules is long', async (t) => t.ok(Object.keys(DISARMING).length >= 40))
  for (const [what, text] of Object.entries(DISARMING))
    t.test(`kubectl apply refuses a rule that ${what}`, async (t) => {
      const { code, stderr } = await jane(configMap('sekisho-rules', { 'rules.conf': text }))
      t.equal(code, 1)
      t.match(stderr, /^Error from server \(RulesRefused\): .* denied the request: rules\.conf:\d+: ./)
    })

  t.test('good rules are taken, by name and by label', async (t) => {
    t.match(await jane(configMap('sekisho-rules', { 'rules.conf': GOOD }), ['--dry-run=server']), { code: 0 })
    t.match(await jane(configMap('sekisho-rules', { 'rules.conf': GOOD })), { code: 0, stderr: '' })
    t.match(await jane(configMap('team', { 'rules.conf': GOOD }, LABELS)), { code: 0, stderr: '' })
    t.match(await jane(configMap('empty', { 'rules.txt': GOOD }, LABELS)), {
      code: 0,
      stderr: /Warning: ConfigMap empty holds no rules/,
    })
  })

  t.test('rules cannot be smuggled by label', async (t) => {
    const bad = { 'rules.conf': 'SecRuleEngine Off\n' }
    const refused = { code: 1, stderr: /denied the request: rules\.conf:1: "SecRuleEngine" is not allowed here/ }
    t.match(await jane(configMap('smuggled', bad)), { code: 0 }, 'no rules to anybody')
    t.match(
      await as('jane')(['-n', 'shop', 'label', 'configmap', 'smuggled', 'sekisho.dev/rules=']),
      refused,
      'put on later',
    )
    t.match(await jane(configMap('team', bad)), refused, 'taken off with the same change')
    t.match(await jane(configMap('team', bad, LABELS)), refused, 'changed')
    t.match(
      await as('jane')([
        '-n',
        'shop',
        'patch',
        'configmap',
        'team',
        '--type=merge',
        '-p',
        JSON.stringify({ binaryData: { 'b.conf': 'gICA' } }),
      ]),
      {
        code: 1,
        stderr: /b\.conf:1: the file is not text/,
      },
    )
    t.match(await as('jane')(['-n', 'shop', 'delete', 'configmap', 'team']), { code: 0 }, 'deleting passes')
  })

  t.test('what stood there before can be annotated and deleted, and not changed for the worse', async (t) => {
    t.match(await as('jane')(['-n', 'shop', 'annotate', 'configmap', 'before-us', 'a=b']), { code: 0 })
    t.match(
      await as('jane')([
        '-n',
        'shop',
        'patch',
        'configmap',
        'before-us',
        '--type=merge',
        '-p',
        '{"data":{"more.conf":"x"}}',
      ]),
      { code: 1 },
    )
    t.match(await as('jane')(['-n', 'shop', 'delete', 'configmap', 'before-us']), { code: 0 })
  })

  t.test('our own ConfigMaps are not judged', async (t) => {
    const own = {
      ...configMap('sekisho-rules', { 'rules.conf': 'SecRuleEngine Off' }),
      metadata: { name: 'sekisho-rules', namespace: 'sekisho-system' },
    }
    const { code } = await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(own) })
    t.equal(code, 0)
  })

  t.test('a policy is kept within what the platform allows', async (t) => {
    t.match(await jane(policy('web', { exclusions: [{ rule: 942100, path: '/a', reason: 'x' }] })), {
      code: 1,
      stderr:
        /^Error from server \(TooWide\): .*denied the request: wafpolicy shop\/web is refused:\nspec\.exclusions\[0\]: it needs a parameter, cookie or header: excluding a whole rule is the platform’s\n$/,
    })
    t.match(
      await jane(
        policy('web', { mode: 'block', exclusions: [{ rule: 942100, path: '/a', parameter: 'q', reason: 'x' }] }),
      ),
      { code: 0, stderr: '' },
    )
    t.match(await jane(policy('web', { mode: 'detect' })), {
      code: 0,
      stderr: /Warning: spec\.mode: from the next poll on nothing is refused/,
    })
  })

  const glass = (hours: number, more: object = {}): WafPolicySpec => ({
    mode: 'block',
    breakGlass: { until: inHours(hours), reason: 'the shop is down', ...more },
  })
  t.test('the glass is not opened by who may not, whatever name he gives', async (t) => {
    for (const spec of [glass(1), glass(1, { by: 'jim' })])
      t.match(await jane(policy('web', spec)), {
        code: 1,
        stderr:
          /\(MayNotOpen\): [\s\S]*\nspec\.breakGlass: jane may not open wafpolicies\.sekisho\.dev in namespace shop: kubectl -n shop create rolebinding/,
      })
    t.match(await jane(policy('new', glass(1)), ['--dry-run=server']), { code: 1, stderr: /jane may not open/ })
    t.notOk((await specOf('web')).breakGlass)
  })

  t.test('nor for too long by who may', async (t) => {
    t.match(await jim(policy('web', glass(25))), {
      code: 1,
      stderr:
        /\(BreakGlassTooLong\): [\s\S]*\nspec\.breakGlass\.until: .* is more than 24 h ahead: write a time such as/,
    })
    t.match(await jim(policy('web', glass(-1))), { code: 1, stderr: /is over: write a time such as/ })
  })

  t.test('who may opens it in his own name, also where he gives another', async (t) => {
    const opened = policy('web', glass(1, { by: 'root' }))
    const dry = await jim(opened, ['--dry-run=server', '-o', 'jsonpath={.spec.breakGlass.by}'])
    t.match(dry, { code: 0, stdout: 'jim' }, 'as a dry run says')
    t.match(await jim(opened), { code: 0, stderr: /Warning: spec\.breakGlass: until .* nothing is refused/ })
    t.equal((await specOf('web')).breakGlass?.by, 'jim')
    const { breakGlass } = opened.spec
    const reread = await specOf('web')
    t.equal(reread.breakGlass?.until, breakGlass!.until)
  })

  t.test('who may not can shorten and close it, and nothing else', async (t) => {
    const patch = (spec: object) =>
      as('jane')(['-n', 'shop', 'patch', 'waf', 'web', '--type=merge', '-p', JSON.stringify({ spec })])
    t.match(await patch({ breakGlass: { until: inHours(2) } }), { code: 1, stderr: /jane may not open/ }, 'prolong')
    t.match(
      await patch({ breakGlass: { reason: 'I like it' } }),
      { code: 1, stderr: /jane may not open/ },
      'give another reason',
    )
    t.match(
      await patch({ selector: { matchLabels: { app: 'all' } } }),
      { code: 1, stderr: /jane may not open/ },
      'let it hold for others',
    )
    t.match(await patch({ breakGlass: { by: 'mallory' } }), { code: 0 })
    t.equal((await specOf('web')).breakGlass?.by, 'jim', 'blame another')
    t.match(await patch({ paranoiaLevel: 2 }), { code: 0, stderr: '' }, 'change what has nothing to do with it')
    t.match(await patch({ breakGlass: { until: inHours(0.5) } }), { code: 0 }, 'shorten')
    t.equal((await specOf('web')).breakGlass?.by, 'jim')
    t.match(await patch({ breakGlass: null }), { code: 0 }, 'close')
  })

  t.test('server-side apply and replace keep the name', async (t) => {
    const spec = glass(1)
    t.match(await jim(policy('ssa', spec), ['--server-side']), { code: 0 })
    t.equal((await specOf('ssa')).breakGlass?.by, 'jim')
    t.match(await as('jane')(['replace', '-f', '-'], policy('ssa', { ...spec, paranoiaLevel: 2 })), { code: 0 })
    t.match(await specOf('ssa'), { paranoiaLevel: 2, breakGlass: { by: 'jim' } })
    t.match(await jim(policy('ssa', { ...spec, paranoiaLevel: 3 }), ['--server-side', '--force-conflicts']), {
      code: 0,
    })
    t.match(await specOf('ssa'), { paranoiaLevel: 3, breakGlass: { by: 'jim' } })
  })

  t.test('what is no policy is refused by the schema, in its words', async (t) => {
    for (const spec of [
      { breakGlass: 'now' },
      { breakGlass: { until: 5, reason: {} } },
      { selector: 'all', breakGlass: { until: inHours(1), reason: 'x' } },
    ])
      t.match(await jim(policy('odd', spec as never)), {
        code: 1,
        stderr: /The WafPolicy "odd" is invalid|is invalid: /,
      })
    t.match(await as('jim')(['create', '-f', '-', '--validate=false'], { ...policy('odd', {}), spec: 'none' }), {
      code: 1,
      stderr: /spec/,
    })
  })

  t.test('a name that comes through without the mutating entry is refused', async (t) => {
    await cluster.kubectlOk(['delete', 'mutatingwebhookconfiguration', 'sekisho'])
    let answer = { code: 0 as number | null, stderr: '' }
    for (let i = 0; i < 100 && !answer.stderr.includes('ByForged'); i++)
      answer = await jim(policy('forged', glass(1, { by: 'root' })), ['--dry-run=server'])
    t.match(answer, {
      code: 1,
      stderr: /\(ByForged\): [\s\S]*\nspec\.breakGlass\.by: "root" is not "jim": leave it out/,
    })
  })

  t.test('without the webhook rules and policies wait, and no other ConfigMap does', async (t) => {
    await webhook.stop('SIGKILL')
    t.match(await jane(configMap('sekisho-rules', { 'rules.conf': `${GOOD}# more\n` })), {
      code: 1,
      stderr: /failed calling webhook "rules\.sekisho\.dev"/,
    })
    t.match(await jane(policy('web', { paranoiaLevel: 4 })), {
      code: 1,
      stderr: /failed calling webhook "policies\.sekisho\.dev"/,
    })
    t.match(await jane(configMap('settings', { 'rules.conf': 'any' })), { code: 0 })
    t.match(await as('jane')(['-n', 'shop', 'delete', 'configmap', 'sekisho-rules']), { code: 0 })
    t.match(await as('jane')(['-n', 'shop', 'delete', 'waf', 'web']), { code: 0 })
  })
})
