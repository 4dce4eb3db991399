/**
 * One request meets at most one entry of each configuration, and the right one: every kind of namespace × object ×
 * operation against a real API server, with a webhook that only remembers who called. What is expected is said once
 * more here, in another form than the selectors of the manifests.
 */
import { join } from 'node:path'
import t from 'tap'
import type { KubeObject } from '../../src/api/kube.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { startCluster } from '../cluster/start.ts'
import { startRecorder } from './recorder.ts'
import { BASE, callingUrl, configurationsOf, objectsOf, render } from './render.ts'

const PROTECTED = { 'sekisho.dev/protected': 'true' }
const WAF = { 'sekisho.dev/waf': 'block' }
/** Which of the three kinds of namespace: the middle of an entry's name. */
const NAMESPACES: [
  name: string,
  labels: Record<string, string>,
  kind: 'protected' | 'waf-namespace' | 'waf-pod' | 'ours',
][] = [
  ['plain', {}, 'waf-pod'],
  ['other-labels', { team: 'a' }, 'waf-pod'],
  ['prot', PROTECTED, 'protected'],
  ['prot-audit', { 'sekisho.dev/protected': 'audit' }, 'protected'],
  ['prot-typo', { 'sekisho.dev/protected': 'yes' }, 'protected'],
  ['prot-empty', { 'sekisho.dev/protected': '' }, 'protected'],
  ['prot-waf', { ...PROTECTED, ...WAF }, 'protected'],
  ['waf', WAF, 'waf-namespace'],
  ['waf-typo', { 'sekisho.dev/waf': 'yes' }, 'waf-namespace'],
  ['default', {}, 'waf-pod'],
  ['kube-system', {}, 'ours'],
  ['sekisho-system', {}, 'ours'],
  ['sekisho-node', {}, 'ours'],
]

const container = {
  name: 'app',
  image: 'registry.local/app:1',
  resources: { requests: { cpu: '10m' }, limits: { cpu: '10m' } },
}
const template = (labels: object) => ({
  metadata: { labels: { app: 'x', ...labels } },
  spec: { containers: [container] },
})
const jobTemplate = (labels: object) => {
  const { metadata, spec } = template(labels)
  return { metadata, spec: { ...spec, restartPolicy: 'Never' } }
}
const selector = { matchLabels: { app: 'x' } }
const apps = (resource: string, kind: string, asks: boolean, spec: object = {}): Sample => ({
  resource,
  path: `/apis/apps/v1/namespaces/NS/${resource}`,
  body: { apiVersion: 'apps/v1', kind, spec: { selector, template: template(asks ? WAF : {}), ...spec } },
  group: 'workloads',
  own: asks,
})
interface Sample {
  readonly resource: string
  readonly path: string
  readonly body: KubeObject
  /** The first word of the entry's name. */
  readonly group: 'pods' | 'workloads' | 'ports'
  /** Whether the object by itself concerns us, also in a namespace that says nothing. */
  readonly own: boolean
}
const policy = (port: object | null): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  spec: { podSelector: {}, ingress: port ? [{ ports: [port] }] : [{}] },
})
const service = (port: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  spec: { ports: [{ port: 80, ...port }] },
})
const services = '/api/v1/namespaces/NS/services'
const policies = '/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies'
const pod = (labels: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { labels } as never,
  spec: { containers: [container] },
})
const SAMPLES: Sample[] = [
  { resource: 'pods', path: '/api/v1/namespaces/NS/pods', body: pod({}), group: 'pods', own: false },
  { resource: 'pods', path: '/api/v1/namespaces/NS/pods', body: pod(WAF), group: 'pods', own: true },
  {
    resource: 'pods',
    path: '/api/v1/namespaces/NS/pods',
    body: pod({ 'sekisho.dev/waf': 'off' }),
    group: 'pods',
    own: true,
  },
  ...[true, false].flatMap((asks) => [
    apps('deployments', 'Deployment', asks),
    apps('replicasets', 'ReplicaSet', asks),
    apps('statefulsets', 'StatefulSet', asks, { serviceName: 'x' }),
    apps('daemonsets', 'DaemonSet', asks),
    {
      resource: 'jobs',
      path: '/apis/batch/v1/namespaces/NS/jobs',
      body: { apiVersion: 'batch/v1', kind: 'Job', spec: { template: jobTemplate(asks ? WAF : {}) } },
      group: 'workloads' as const,
      own: asks,
    },
    {
      resource: 'cronjobs',
      path: '/apis/batch/v1/namespaces/NS/cronjobs',
      body: {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template: jobTemplate(asks ? WAF : {}) } } },
      },
      group: 'workloads' as const,
      own: asks,
    },
  ]),
  { resource: 'services', path: services, body: service({ targetPort: 8080 }), group: 'ports', own: true },
  { resource: 'services', path: services, body: service({}), group: 'ports', own: true },
  { resource: 'services', path: services, body: service({ targetPort: 'http' }), group: 'ports', own: false },
  // The name that injection gives the app's own port.
  { resource: 'services', path: services, body: service({ targetPort: 'app-8080' }), group: 'ports', own: true },
  { resource: 'networkpolicies', path: policies, body: policy({ port: 8080 }), group: 'ports', own: true },
  { resource: 'networkpolicies', path: policies, body: policy({ port: 'http' }), group: 'ports', own: false },
  { resource: 'networkpolicies', path: policies, body: policy({ protocol: 'TCP' }), group: 'ports', own: false },
  { resource: 'networkpolicies', path: policies, body: policy(null), group: 'ports', own: false },
]

const must = async (cluster: Cluster, method: string, path: string, body?: object): Promise<KubeObject> => {
  const answer = await cluster.api(method, path, body)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
  return JSON.parse(answer.body) as KubeObject
}

/** The fields that the changes below touch. */
interface Changing {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string>; finalizers?: string[] }
  status: object
  spec: { ports: object[]; containers: { resources: { limits: object } }[]; template: { spec: object } }
}

/** GET, change, PUT. */
const update = async (cluster: Cluster, path: string, change: (object: Changing) => void, sub = ''): Promise<void> => {
  const object = await must(cluster, 'GET', path)
  change(object as unknown as Changing)
  await must(cluster, 'PUT', path + sub, object)
}

t.test('the webhook entries on a real API server', async (t) => {
  const cluster = await startCluster({ size: 'control-plane', name: 'entries' })
  t.teardown(() => cluster.stop())
  await cluster.kubectlOk(['create', '-f', join(BASE, 'waf-policy.yaml')])
  await cluster.established('wafpolicies.sekisho.dev')
  const recorder = await startRecorder()
  t.teardown(() => recorder.stop())
  for (const [name, labels] of NAMESPACES) await cluster.createNamespace(name, labels)
  const configurations = callingUrl(
    configurationsOf(objectsOf(await render(BASE))),
    recorder.origin,
    recorder.caPem,
    (entry, kind) => `/${kind}/${entry.name}`,
  )
  for (const configuration of configurations)
    await must(
      cluster,
      'POST',
      `/apis/admissionregistration.k8s.io/v1/${configuration.kind!.toLowerCase()}s`,
      configuration,
    )
  // The API server takes up a new configuration within a second or so.
  const probe = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', labels: WAF },
    spec: { containers: [container] },
  }
  for (let tries = 0; recorder.take().length < 2; tries += 1) {
    if (tries > 100) throw new Error('the configurations were not taken up')
    await cluster.api('POST', '/api/v1/namespaces/plain/pods?dryRun=All', probe)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  recorder.take()

  const called = (): string[] =>
    recorder
      .take()
      .map(({ kind, entry }) => `${kind === 'MutatingWebhookConfiguration' ? 'mutating' : 'validating'} ${entry}`)
  const expected = (sample: Sample, kind: string): string | null =>
    kind === 'ours' || (kind === 'waf-pod' && !sample.own) ? null : `${sample.group}.${kind}.sekisho.dev`

  let requests = 0
  for (const [namespace, , kind] of NAMESPACES)
    await t.test(`entries met by requests in ${namespace}: ${kind}`, async (t) => {
      for (const [index, sample] of SAMPLES.entries()) {
        const { path: template, body, resource, group, own } = sample
        const name = `s${index}`
        const path = template.replace('NS', namespace)
        const entry = expected(sample, kind)
        const validating = entry ? [`validating ${entry}`] : []
        const title = `${resource} ${index} (${own ? 'its own' : 'not its own'})`
        const object = { ...body, metadata: { ...body.metadata, name } }
        await must(cluster, 'POST', path, object)
        t.same(
          called(),
          entry && group === 'pods' ? [`mutating ${entry}`, ...validating] : validating,
          `CREATE ${title}`,
        )
        const at = `${path}/${name}`
        await update(cluster, at, ({ metadata }) => {
          metadata.annotations = { ...metadata.annotations, note: 'x' }
        })
        t.same(called(), validating, `UPDATE ${title}`)
        await update(cluster, at, ({ metadata }) => {
          metadata.finalizers = ['example.org/hold']
        })
        t.same(called(), [], `UPDATE of a finalizer ${title}`)
        if (group === 'pods') {
          const debug = { name: 'debug', image: 'registry.local/debug:1' }
          await update(
            cluster,
            at,
            ({ spec }) => Object.assign(spec, { ephemeralContainers: [debug] }),
            '/ephemeralcontainers',
          )
          t.same(called(), validating, `UPDATE pods/ephemeralcontainers ${title}`)
          await update(cluster, at, ({ status }) => Object.assign(status, { message: 'x' }), '/status')
          t.same(called(), [], `UPDATE pods/status ${title}`)
          await update(
            cluster,
            at,
            ({ metadata }) => {
              metadata.annotations = { ...metadata.annotations, note: 'by way of the status' }
            },
            '/status',
          )
          t.same(called(), validating, `UPDATE of an annotation by pods/status ${title}`)
          await update(
            cluster,
            at,
            ({ spec }) => Object.assign(spec.containers[0]!.resources.limits, { cpu: '20m' }),
            '/resize',
          )
          t.same(called(), validating, `UPDATE pods/resize ${title}`)
          requests += 4
        }
        await must(cluster, 'DELETE', at)
        t.same(called(), [], `DELETE ${title}`)
        await update(cluster, at, ({ metadata }) => {
          delete metadata.finalizers
        }).catch((error: Error) => t.match(error.message, / 404 /))
        t.same(called(), [], `the end of ${title}`)
        requests += 5
      }
    })
  t.comment(`${requests} requests`)

  for (const [namespace, labels, kind] of NAMESPACES)
    await t.test(`a Binding in ${namespace}: ${kind}`, async (t) => {
      const value = (labels as Record<string, string>)['sekisho.dev/protected'] ?? ''
      const gated = kind === 'protected' && ['true', 'audit'].includes(value)
      const pods = `/api/v1/namespaces/${namespace}/pods`
      const target = { apiVersion: 'v1', kind: 'Node', name: 'n' }
      for (const [name, path] of [
        ['bound', `${pods}/bound/binding`],
        ['bound-of-old', `/api/v1/namespaces/${namespace}/bindings`],
      ] as const) {
        await must(cluster, 'POST', pods, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name },
          spec: { containers: [container] },
        })
        recorder.take()
        await must(cluster, 'POST', path, { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target })
        t.same(called(), gated ? ['validating bindings.sekisho.dev'] : [], path)
        await must(cluster, 'DELETE', `${pods}/${name}?gracePeriodSeconds=0`)
      }
    })

  await t.test('what the guard tells of a namespace calls nobody, and what it would change of it does', async (t) => {
    const guard = '--as=system:serviceaccount:sekisho-system:sekisho-guard'
    await cluster.kubectlOk([
      'create',
      'clusterrolebinding',
      'guard',
      '--clusterrole=cluster-admin',
      '--user',
      guard.slice(5),
    ])
    for (const namespace of ['prot', 'waf']) {
      recorder.take()
      await cluster.kubectlOk(['annotate', 'namespace', namespace, 'sekisho.dev/coverage={}', guard])
      t.same(called(), [], namespace)
      await cluster.kubectlOk(['label', 'namespace', namespace, 'team=a', guard])
      t.equal(called().length, 1, namespace)
      await cluster.kubectlOk(['annotate', 'namespace', namespace, 'sekisho.dev/coverage=x', '--overwrite'])
      t.equal(called().length, 1, namespace)
    }
  })

  await t.test('taking the label off a Pod meets the entry of Pods that ask', async (t) => {
    await must(cluster, 'POST', '/api/v1/namespaces/plain/pods', {
      ...pod(WAF),
      metadata: { name: 'off', labels: WAF },
    })
    called()
    await update(cluster, '/api/v1/namespaces/plain/pods/off', ({ metadata }) => {
      delete metadata.labels
    })
    t.same(called(), ['validating pods.waf-pod.sekisho.dev'])
  })

  await t.test('a Service that is being deleted is still judged when its ports change', async (t) => {
    const at = '/api/v1/namespaces/prot/services/going'
    const going = { ...service({ targetPort: 'http' }), metadata: { name: 'going', finalizers: ['example.org/hold'] } }
    await must(cluster, 'POST', '/api/v1/namespaces/prot/services', going)
    await must(cluster, 'DELETE', at)
    called()
    await update(cluster, at, ({ spec }) => Object.assign(spec.ports[0]!, { targetPort: 8080 }))
    t.same(called(), ['validating ports.protected.sekisho.dev'])
  })

  const states: [string, Record<string, string>][] = [
    ['none', {}],
    ['protected', PROTECTED],
    ['waf', WAF],
    ['both', { ...PROTECTED, ...WAF }],
  ]
  const namespaceEntry = (...labels: Record<string, string>[]): string[] => {
    const has = (key: string) => labels.some((each) => key in each)
    if (has('sekisho.dev/protected')) return ['validating namespaces.protected.sekisho.dev']
    return has('sekisho.dev/waf') ? ['validating namespaces.waf.sekisho.dev'] : []
  }
  await t.test('namespaces: every change from one state to another meets one entry', async (t) => {
    for (const [from, before] of states)
      for (const [to, after] of states) {
        const name = `n-${from}-${to}`
        await must(cluster, 'POST', '/api/v1/namespaces', { metadata: { name, labels: before } })
        t.same(called(), namespaceEntry(before), `CREATE ${from}`)
        await update(cluster, `/api/v1/namespaces/${name}`, ({ metadata }) => {
          metadata.labels = { ...after, changed: 'yes' }
        })
        t.same(called(), namespaceEntry(before, after), `UPDATE ${from} → ${to}`)
        await must(cluster, 'DELETE', `/api/v1/namespaces/${name}`)
        t.same(called(), [], `DELETE ${to}`)
      }
  })
  await t.test('ConfigMaps with rules of the IDS meet their own entry, in its namespace alone', async (t) => {
    const IDS_RULES = 'validating ids-rules.sekisho.dev'
    const labels = { 'sekisho.dev/rules': 'ids' }
    const map = (name: string, more: object = {}) => ({ metadata: { name, ...more }, data: { 'a.rules': '#' } })
    for (const [namespace, judged] of [
      ['sekisho-node', [IDS_RULES]],
      ['sekisho-system', []],
    ] as const) {
      const at = `/api/v1/namespaces/${namespace}/configmaps`
      await must(cluster, 'POST', at, map('ids', { labels }))
      t.same(called(), judged, `CREATE in ${namespace}`)
      await update(cluster, `${at}/ids`, ({ metadata }) => {
        metadata.annotations = { note: 'x' }
      })
      t.same(called(), [], `UPDATE of an annotation in ${namespace}`)
      await update(cluster, `${at}/ids`, (object) => Object.assign(object, { data: { 'a.rules': '# some' } }))
      t.same(called(), judged, `UPDATE of the data in ${namespace}`)
      await update(cluster, `${at}/ids`, ({ metadata }) => {
        metadata.labels = { 'sekisho.dev/rules': 'other' }
      })
      t.same(called(), judged, `UPDATE that takes the label off in ${namespace}`)
      await update(cluster, `${at}/ids`, (object) => Object.assign(object, { data: { 'a.rules': '# other' } }))
      t.same(called(), [], `UPDATE without the label in ${namespace}`)
      await must(cluster, 'DELETE', `${at}/ids`)
      t.same(called(), [], `DELETE in ${namespace}`)
    }
  })
  await t.test('ConfigMaps meet an entry only where they hold rules, and only by what changes these', async (t) => {
    const RULES = 'validating rules.sekisho.dev'
    const labels = { 'sekisho.dev/rules': '' }
    const data = { 'rules.conf': '# none' }
    const map = (name: string, more: object = {}) => ({ metadata: { name, ...more }, data })
    for (const [namespace, , kind] of NAMESPACES) {
      const judged = kind === 'ours' ? [] : [RULES]
      const at = `/api/v1/namespaces/${namespace}/configmaps`
      for (const [name, own, before] of [
        ['sekisho-rules', judged, {}],
        ['team', judged, { labels }],
        ['sekisho-rules-state-0', [], { labels: { 'app.kubernetes.io/name': 'sekisho-rules' } }],
        ['settings', [], {}],
      ] as const) {
        const say = (what: string) => `${what} ${namespace}/${name}`
        await must(cluster, 'POST', at, map(name, before))
        t.same(called(), own, say('CREATE'))
        await update(cluster, `${at}/${name}`, ({ metadata }) => {
          metadata.annotations = { note: 'x' }
        })
        t.same(called(), [], say('UPDATE of an annotation of'))
        await update(cluster, `${at}/${name}`, (object) => Object.assign(object, { data: { 'rules.conf': '# some' } }))
        t.same(called(), own, say('UPDATE of the data of'))
        await update(cluster, `${at}/${name}`, (object) => Object.assign(object, { binaryData: { 'b.conf': 'gICA' } }))
        t.same(called(), own, say('UPDATE of the binary data of'))
        await update(cluster, `${at}/${name}`, ({ metadata }) => {
          metadata.labels = { other: 'x' }
        })
        t.same(called(), 'labels' in before && own.length > 0 ? own : [], say('UPDATE that takes the label off'))
        await update(cluster, `${at}/${name}`, ({ metadata }) => {
          metadata.labels = labels
        })
        t.same(called(), judged, say('UPDATE that puts the label on'))
        await must(cluster, 'DELETE', `${at}/${name}`)
        t.same(called(), [], say('DELETE'))
      }
    }
  })

  await t.test(
    'WafPolicies meet their entries by what changes their spec, and the mutating one by their break-glass',
    async (t) => {
      const MUTATING = 'mutating policies.sekisho.dev'
      const VALIDATING = 'validating policies.sekisho.dev'
      const breakGlass = { until: '2030-01-01T00:00:00Z', reason: 'x' }
      for (const [namespace, , kind] of NAMESPACES) {
        const only = (...entries: string[]) => (kind === 'ours' ? [] : entries)
        const at = `/apis/sekisho.dev/v1alpha1/namespaces/${namespace}/wafpolicies`
        const head = { apiVersion: 'sekisho.dev/v1alpha1', kind: 'WafPolicy' }
        const spec = async (value: object) =>
          await update(cluster, `${at}/web`, (object) => Object.assign(object, { spec: value }))
        await must(cluster, 'POST', at, { ...head, metadata: { name: 'web' }, spec: {} })
        t.same(called(), only(VALIDATING), `CREATE in ${namespace}`)
        await update(cluster, `${at}/web`, ({ metadata }) => {
          metadata.labels = { note: 'x' }
        })
        t.same(called(), [], 'UPDATE of a label')
        await update(cluster, `${at}/web`, (object) => Object.assign(object, { status: { mode: 'block' } }), '/status')
        t.same(called(), [], 'UPDATE of the status')
        await spec({ breakGlass })
        t.same(called(), only(MUTATING, VALIDATING), 'UPDATE that opens')
        await spec({ breakGlass, mode: 'block' })
        t.same(called(), only(MUTATING, VALIDATING), 'UPDATE beside an open one')
        await spec({ mode: 'block' })
        t.same(called(), only(VALIDATING), 'UPDATE that closes')
        await must(cluster, 'DELETE', `${at}/web`)
        t.same(called(), [], 'DELETE')
        await must(cluster, 'POST', at, { ...head, metadata: { name: 'open' }, spec: { breakGlass } })
        t.same(called(), only(MUTATING, VALIDATING), 'CREATE that opens')
      }
    },
  )

  await t.test('our namespaces and those of Kubernetes are never judged', async (t) => {
    for (const name of ['kube-system', 'sekisho-system', 'sekisho-node']) {
      await update(cluster, `/api/v1/namespaces/${name}`, ({ metadata }) => {
        metadata.labels = { ...metadata.labels, ...PROTECTED }
      })
      t.same(called(), [], name)
    }
  })

  await t.test('the IDS DaemonSet meets its own entry, other DaemonSets beside it none', async (t) => {
    const path = '/apis/apps/v1/namespaces/sekisho-node/daemonsets'
    const daemonSet = (name: string, labels: object) => ({
      ...apps('daemonsets', 'DaemonSet', false).body,
      metadata: { name, labels },
    })
    await must(cluster, 'POST', path, daemonSet('other', { app: 'x' }))
    await must(cluster, 'POST', path, daemonSet('sekisho-ids', { 'app.kubernetes.io/name': 'sekisho-ids' }))
    t.same(called(), [], 'CREATE')
    const change = ({ spec }: Changing) => Object.assign(spec.template.spec, { nodeSelector: { a: 'b' } })
    await update(cluster, `${path}/other`, change)
    t.same(called(), [], 'UPDATE of the other')
    await update(cluster, `${path}/sekisho-ids`, change)
    t.same(called(), ['validating ids.sekisho.dev'], 'UPDATE')
    await update(cluster, `${path}/sekisho-ids`, ({ metadata }) => {
      metadata.labels = {}
    })
    t.same(called(), ['validating ids.sekisho.dev'], 'UPDATE that takes its label off')
    await must(cluster, 'DELETE', `${path}/sekisho-ids`)
    t.same(called(), [], 'DELETE without the label')
    await must(cluster, 'POST', path, daemonSet('sekisho-ids', { 'app.kubernetes.io/name': 'sekisho-ids' }))
    for (const user of ['namespace-controller', 'generic-garbage-collector']) {
      const as = await cluster.kubectl([
        '--as',
        `system:serviceaccount:kube-system:${user}`,
        '--as-group',
        'system:masters',
        '-n',
        'sekisho-node',
        'delete',
        'daemonset',
        'sekisho-ids',
        '--dry-run=server',
      ])
      t.equal(as.code, 0, as.stderr)
      t.same(called(), [], `DELETE by the ${user}`)
    }
    await must(cluster, 'DELETE', `${path}/sekisho-ids`)
    t.same(called(), ['validating ids.sekisho.dev'], 'DELETE')
  })
})
