/** What kubectl makes of the manifests: always the same bytes, nothing secret, the images of one list, and Pods that are held tight. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Container, KubeObject, PodSpec } from '../../src/api/kube.ts'
import { certsConfig, leafNames } from '../../src/config/certs.ts'
import { guardConfig } from '../../src/config/guard.ts'
import { idsConfig } from '../../src/config/ids.ts'
import { parseConfig } from '../../src/config/load.ts'
import { rulesConfig } from '../../src/config/rules.ts'
import { webhookConfig } from '../../src/config/webhook.ts'
import { BASE, configurationsOf, find, MANIFESTS, objectsOf, render, renderOverlay } from './render.ts'

const text = await render(BASE)
const objects = objectsOf(text)
const configurations = configurationsOf(objects)
const podSpecs = objects.flatMap((object): [string, PodSpec][] => {
  const spec = object['spec'] as
    | { template?: { spec: PodSpec }; jobTemplate?: { spec: { template: { spec: PodSpec } } } }
    | undefined
  const pod = spec?.template?.spec ?? spec?.jobTemplate?.spec.template.spec
  return pod ? [[`${object.kind} ${object.metadata?.name}`, pod]] : []
})
const sha256 = (data: string) => createHash('sha256').update(data).digest('hex')
const key = ({ kind, metadata }: KubeObject) => `${kind} ${metadata?.namespace ?? ''}/${metadata?.name}`

t.test('rendering twice gives the same bytes', async (t) => {
  t.equal(sha256(await render(BASE)), sha256(text))
  t.equal(new Set(objects.map(key)).size, objects.length, 'and no object twice')
})

t.test('the webhook configurations come last, so that what answers is made before what asks', async (t) => {
  t.same(
    objects.slice(-2).map(({ kind }) => kind),
    ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
  )
  t.equal(objects[0]?.kind, 'Namespace')
})

t.test('no caBundle and no secret is in the manifests', async (t) => {
  t.notMatch(text, /caBundle|BEGIN /)
  const secrets = objects.filter(({ kind }) => kind === 'Secret')
  t.same(
    secrets.map(({ metadata }) => metadata?.name),
    ['sekisho-ca', 'sekisho-rules-signing', 'sekisho-rules-tls', 'sekisho-webhook-tls'],
  )
  for (const secret of secrets) t.same([secret['data'], secret['stringData']], [undefined, undefined])
})

t.test('every entry is quick, without side effects, and its name unlike the others', async (t) => {
  for (const { kind, webhooks } of configurations) {
    t.equal(new Set(webhooks.map(({ name }) => name)).size, webhooks.length)
    for (const entry of webhooks) {
      const { name, timeoutSeconds, failurePolicy } = entry
      t.match(entry, { sideEffects: 'None', matchPolicy: 'Equivalent', admissionReviewVersions: ['v1'] }, name)
      t.ok(timeoutSeconds <= 5, `${name} waits ${timeoutSeconds} s at most`)
      t.equal(failurePolicy, /^workloads\.|^ports\.waf-pod/.test(name) ? 'Ignore' : 'Fail', name)
      const path = kind === 'MutatingWebhookConfiguration' ? '/mutate' : '/validate'
      t.same(entry.clientConfig, { service: { name: 'sekisho-webhook', namespace: 'sekisho-system', path, port: 443 } })
      t.equal(entry.reinvocationPolicy, path === '/mutate' ? 'IfNeeded' : undefined)
    }
  }
})

t.test('the settings are accepted by their schemas, and the leaf carries the name the entries call', async (t) => {
  const data = (name: string) => find<KubeObject & { data: Record<string, string> }>(objects, 'ConfigMap', name).data
  const image = { path: ['inject', 'image'], value: 'x', where: '--waf-image' }
  const webhook = parseConfig(webhookConfig, data('sekisho-webhook')['webhook.yaml']!, 'webhook.yaml', [image]).config
  t.equal(webhook.inject.capture, 'port')
  const certs = parseConfig(certsConfig, data('sekisho-certs')['certs.yaml']!, 'certs.yaml').config
  const { service } = configurations[0]!.webhooks[0]!.clientConfig
  const rules = parseConfig(rulesConfig, data('sekisho-rules-config')['rules.yaml']!, 'rules.yaml').config
  const ids = parseConfig(idsConfig, data('sekisho-ids-config')['ids.yaml']!, 'ids.yaml').config
  t.equal(new URL(ids.rules.service.url).hostname, leafNames(certs, certs.rulesService)[0])
  const guard = parseConfig(guardConfig, data('sekisho-guard-config')['guard.yaml']!, 'guard.yaml').config
  t.same(guard.guard, webhook.guard, 'gate and guard judge alike')
  t.equal(new URL(webhook.inject.updates.url).hostname, leafNames(certs, certs.rulesService)[0])
  t.equal(rules.namespace, certs.namespace)
  t.equal(leafNames(certs)[0], `${service!.name}.${service!.namespace}.svc`)
  t.equal(certs.webhookConfigurations, configurations[0]!.metadata?.name)
  const [, pod] = podSpecs.find(([name]) => name === 'Deployment sekisho-webhook')!
  const longestCall = Math.max(...configurations.flatMap(({ webhooks }) => webhooks.map((each) => each.timeoutSeconds)))
  t.ok(Number(pod['terminationGracePeriodSeconds']) > webhook.drainMs / 1000 + longestCall, 'time enough to drain')
})

t.test('every Pod of ours runs without root and without rights it does not use', async (t) => {
  t.same(podSpecs.map(([name]) => name).sort(), [
    'CronJob sekisho-certs',
    'DaemonSet sekisho-ids',
    'Deployment sekisho-guard',
    'Deployment sekisho-rules',
    'Deployment sekisho-webhook',
    'Job sekisho-certs-install',
  ])
  for (const [name, pod] of podSpecs) {
    const ids = name === 'DaemonSet sekisho-ids'
    t.match(
      pod['securityContext'],
      { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      name,
    )
    t.equal(pod.hostNetwork, ids ? true : undefined)
    t.equal(pod['automountServiceAccountToken'], !ids, 'only who speaks with the API server has a token')
    t.ok(pod['priorityClassName'])
    for (const container of [...pod.containers, ...(pod.initContainers ?? [])] as Container[]) {
      // Suricata alone captures, and has no token.
      const captures = ids && container.name === 'suricata'
      t.same(
        (container['securityContext'] as { capabilities: object }).capabilities,
        captures ? { add: ['NET_RAW'], drop: ['ALL'] } : { drop: ['ALL'] },
      )
      t.match(container['securityContext'], { readOnlyRootFilesystem: true, allowPrivilegeEscalation: captures })
      if (captures) t.notMatch(JSON.stringify(container['volumeMounts']), 'var/run/secrets')
      const { requests, limits } = container['resources'] as Record<string, Record<string, string>>
      t.ok(
        requests?.['cpu'] && requests['memory'] && limits?.['cpu'] && limits['memory'],
        `${name}: requests and limits`,
      )
    }
  }
  for (const account of objects.filter(({ kind }) => kind === 'ServiceAccount'))
    t.equal(account['automountServiceAccountToken'], false, key(account))
})

t.test('no role holds a wildcard, and none lets its holder gain more than it has', async (t) => {
  for (const role of objects.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')) {
    t.notOk(role['aggregationRule'])
    t.notOk(
      Object.keys(role.metadata?.labels ?? {}).some((label) => label.includes('aggregate-to')),
      key(role),
    )
    for (const rule of role['rules'] as Record<string, string[]>[]) {
      if (rule['nonResourceURLs']) {
        t.same(rule['verbs'], ['get'])
        continue
      }
      const words = [...rule['apiGroups']!, ...rule['resources']!, ...rule['verbs']!]
      // ConfigMaps and Leases of a Role in our own namespaces; a ValidatingAdmissionPolicy holds the names.
      const state = ['Role sekisho-system/sekisho-rules', 'Role sekisho-node/sekisho-ids'].includes(key(role))
      const status = rule['resources']!.every((resource) => resource.endsWith('/status'))
      // What a role names it may replace: the Lease of who leads.
      const named = rule['resourceNames'] !== undefined
      for (const word of ['*', 'escalate', 'bind', 'impersonate', 'create pods', 'delete', 'update'])
        if (!(state && ['delete', 'update'].includes(word)) && !(named && word === 'update'))
          t.notOk(words.includes(word), `${key(role)}: ${word}`)
      // Any node and any namespace; ValidatingAdmissionPolicies hold it to our taint and our annotation (guard-writes.cluster.test.ts).
      const told = key(role) === 'ClusterRole /sekisho-guard' && `${rule['resources']}` === 'nodes,namespaces'
      if (rule['verbs']!.includes('patch') && !state && !status && !told)
        t.ok(rule['resourceNames']?.length, `${key(role)} writes only what it names`)
      if (rule['resources']!.includes('secrets'))
        t.same(
          [key(role), rule['resourceNames']],
          [
            'Role sekisho-system/sekisho-certs',
            ['sekisho-ca', 'sekisho-webhook-tls', 'sekisho-rules-tls', 'sekisho-rules-signing'],
          ],
        )
    }
  }
})

/** Every image in an object, and the one the webhook puts into Pods. */
const imagesOf = (all: string): string[] => [...new Set(all.match(/\S+\/sekisho(-waf|-ids)?[:@]\S+/g))].sort()

t.test('images: of an overlay reaches every image, that of the sidecars as well', async (t) => {
  t.same(
    imagesOf(text),
    ['-ids', '-waf', ''].map((name) => `registry.local/sekisho/sekisho${name}:dev`),
  )
  const guide = await readFile(join(MANIFESTS, '../docs/guides/install.md'), 'utf8')
  const overlay = guide.match(/```yaml\n(# my-overlay[\s\S]*?)```/)?.[1]
  t.ok(overlay, 'the guide has an overlay')
  const rendered = await renderOverlay(overlay!.replace('../sekisho/manifests/base', 'BASE'))
  t.same(imagesOf(rendered), [
    'registry.example.com/security/sekisho-ids:v0.1.0',
    'registry.example.com/security/sekisho-waf:v0.1.0',
    'registry.example.com/security/sekisho:v0.1.0',
  ])
  t.match(
    find<KubeObject & { data: object }>(objectsOf(rendered), 'ConfigMap', 'sekisho-webhook').data,
    { 'webhook.yaml': /lowestMode: detect/ },
    'and its settings',
  )
})

t.test(
  'the cert-manager component leaves our job the signing keys alone, and has both configurations injected',
  async (t) => {
    const rendered = objectsOf(
      await renderOverlay('resources: [BASE]\ncomponents: [MANIFESTS/components/cert-manager]\n'),
    )
    const before = new Set(objects.map(key))
    const after = new Set(rendered.map(key))
    t.same(
      [...before].filter((each) => !after.has(each)).map((each) => each.replace(/certs-[a-z0-9]{10}$/, 'certs')),
      [
        'ClusterRole /sekisho-certs',
        'ClusterRoleBinding /sekisho-certs',
        'ConfigMap sekisho-system/sekisho-certs',
        'Secret sekisho-system/sekisho-ca',
        'Secret sekisho-system/sekisho-rules-tls',
        'Secret sekisho-system/sekisho-webhook-tls',
      ],
    )
    t.same([...after].filter((each) => !before.has(each) && !each.startsWith('ConfigMap')).sort(), [
      'Certificate sekisho-system/sekisho-ca',
      'Certificate sekisho-system/sekisho-rules',
      'Certificate sekisho-system/sekisho-webhook',
      'Issuer sekisho-system/sekisho-ca',
      'Issuer sekisho-system/sekisho-self-signed',
    ])
    for (const configuration of configurationsOf(rendered))
      t.equal(configuration.metadata?.annotations?.['cert-manager.io/inject-ca-from'], 'sekisho-system/sekisho-webhook')
    const leaf = find<KubeObject & { spec: { secretName: string; dnsNames: string[] } }>(
      rendered,
      'Certificate',
      'sekisho-webhook',
    )
    t.equal(leaf.spec.secretName, 'sekisho-webhook-tls', 'what the webhook mounts')
    t.same(leaf.spec.dnsNames, leafNames(certsConfig.parse({})), 'the names our own job would give')
    const rules = find<typeof leaf>(rendered, 'Certificate', 'sekisho-rules')
    t.same(
      [rules.spec.secretName, rules.spec.dnsNames],
      ['sekisho-rules-tls', leafNames(certsConfig.parse({}), 'sekisho-rules')],
    )
    const certs = find<KubeObject & { data: Record<string, string> }>(rendered, 'ConfigMap', 'sekisho-certs').data
    t.equal(parseConfig(certsConfig, certs['certs.yaml']!, 'certs.yaml').config.certificates, 'elsewhere')
    const role = find<KubeObject & { rules: Record<string, string[]>[] }>(rendered, 'Role', 'sekisho-certs')
    t.same(
      role.rules.map(({ resourceNames, verbs }) => [resourceNames, verbs]),
      [
        [['sekisho-rules-signing'], ['get', 'patch']],
        [['sekisho-rules-public'], ['get', 'patch']],
        [['sekisho-rules-tls'], ['get']],
      ],
    )
  },
)
