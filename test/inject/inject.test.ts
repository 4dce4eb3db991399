import tap from 'tap'
import type { Pod } from '../../src/api/kube.ts'
import { inject } from '../../src/inject/inject.ts'
import { verifyPod } from '../../src/inject/verify-pod.ts'
import { at, BLOCK, HTTP, IMAGE, injected, inputOf, namespaceWith, podWith, settingsWith, VERSION } from './fixtures.ts'

tap.test('inject() puts the two sidecars first and their volumes last, as the contract says', async (t) => {
  const before = { initContainers: [{ name: 'migrate', image: 'x' }], volumes: [{ name: 'data', emptyDir: {} }] }
  const pod = injected(podWith({ labels: BLOCK, ports: HTTP, ...before }))
  t.same(
    at(pod, 'spec', 'initContainers').map((it: Pod) => it['name']),
    ['sekisho-rules', 'sekisho-waf', 'migrate'],
  )
  t.same(
    at(pod, 'spec', 'volumes').map((it: Pod) => it['name']),
    ['data', 'sekisho-run', 'sekisho-tmp', 'sekisho-custom', 'sekisho-no-token'],
  )
  const [rules, waf] = at(pod, 'spec', 'initContainers')
  for (const it of [rules, waf]) {
    t.equal(it.image, IMAGE)
    t.equal(it.restartPolicy, 'Always')
    t.match(it.securityContext, {
      runAsUser: 65532,
      runAsGroup: 65532,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    })
    for (const kind of ['requests', 'limits']) t.same(Object.keys(it.resources[kind]), ['cpu', 'memory'])
  }
  t.same(waf.ports, [
    { name: 'http', containerPort: 15080, protocol: 'TCP' },
    { name: 'sekisho-health', containerPort: 15021, protocol: 'TCP' },
  ])
  t.same(at(pod, 'spec', 'containers', 0, 'ports'), [{ name: 'app-8080', containerPort: 8080 }])
})

tap.test('inject() tells the WAF what it needs in its environment', async (t) => {
  const settings = settingsWith({
    trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
    tmpSize: '1.5Mi',
    withoutBundle: 'wait',
    paranoiaLevel: 2,
    bodyLimitBytes: 2048,
    allowedMethods: ['GET'],
  })
  const env = (pod: Pod) =>
    Object.fromEntries(
      at(pod, 'spec', 'initContainers', 1, 'env').map((it: Record<string, unknown>) => [
        it['name'],
        it['value'] ?? at(it, 'valueFrom', 'fieldRef', 'fieldPath'),
      ]),
    )
  const pod = podWith({ labels: BLOCK, ports: [...HTTP, { name: 'grpc', containerPort: 9090 }] })
  t.same(env(injected(pod, { settings })), {
    SEKISHO_MODE: 'block',
    SEKISHO_PORTS: '15080:8080:http,15081:9090:grpc',
    SEKISHO_UPSTREAM_HOST: 'status.podIP',
    SEKISHO_POD_NAME: 'metadata.name',
    SEKISHO_POD_NAMESPACE: 'metadata.namespace',
    SEKISHO_POD_UID: 'metadata.uid',
    SEKISHO_WITHOUT_BUNDLE: 'wait',
    SEKISHO_PARANOIA_LEVEL: '2',
    SEKISHO_ALLOWED_METHODS: 'GET',
    SEKISHO_BODY_LIMIT_BYTES: '2048',
    SEKISHO_TRUSTED_PROXIES: '10.0.0.0/8,fd00::/8',
    SEKISHO_TMP_BYTES: '1572864',
  })
  const loopback = podWith({ labels: BLOCK, ports: HTTP, annotations: { 'sekisho.dev/waf-upstream': 'loopback' } })
  t.equal(env(injected(loopback))['SEKISHO_UPSTREAM_HOST'], '127.0.0.1')
})

tap.test('inject() refuses an upstream it does not know', async (t) => {
  for (const upstream of ['', 'localhost', '10.0.0.1', 'LOOPBACK']) {
    const pod = podWith({ labels: BLOCK, ports: HTTP, annotations: { 'sekisho.dev/waf-upstream': upstream } })
    t.equal(inject(inputOf(pod)).reason, 'UnknownUpstream', upstream)
  }
})

tap.test('inject() gives probes and hooks the number, in every container that used the name', async (t) => {
  const probe = { httpGet: { path: '/', port: 'http' } }
  const probes = {
    readinessProbe: probe,
    livenessProbe: { tcpSocket: { port: 'http' } },
    startupProbe: probe,
    lifecycle: { preStop: probe, postStart: { tcpSocket: { port: 'http' } } },
  }
  const side = {
    name: 'side',
    restartPolicy: 'Always',
    ports: [{ name: 'web', containerPort: 4180 }],
    startupProbe: { httpGet: { port: 'web' } },
  }
  const other = {
    name: 'other',
    ports: [{ name: 'metrics', containerPort: 9100 }],
    livenessProbe: { httpGet: { port: 'metrics' } },
    readinessProbe: { grpc: { port: 9100 } },
  }
  const pod = injected(
    podWith({ labels: BLOCK, containers: [{ name: 'web', ports: HTTP, ...probes }, other], initContainers: [side] }),
  )
  const [web, untouched] = at(pod, 'spec', 'containers')
  t.same(
    [
      web.readinessProbe.httpGet,
      web.livenessProbe.tcpSocket,
      web.startupProbe.httpGet,
      web.lifecycle.preStop.httpGet,
      web.lifecycle.postStart.tcpSocket,
    ].map(({ port }) => port),
    [8080, 8080, 8080, 8080, 8080],
  )
  t.same(untouched, other)
  t.equal(at(pod, 'spec', 'initContainers', 2, 'startupProbe', 'httpGet', 'port'), 4180)
})

tap.test('inject() sets the default container to the app, unless it is set', async (t) => {
  const key = 'kubectl.kubernetes.io/default-container'
  t.equal(at(injected(podWith({ labels: BLOCK, ports: HTTP })), 'metadata', 'annotations', key), 'web')
  t.equal(
    at(injected(podWith({ labels: BLOCK, ports: HTTP, annotations: { [key]: 'x' } })), 'metadata', 'annotations', key),
    'x',
  )
  const forgedFirst = podWith({ labels: BLOCK, containers: [{ name: 'sekisho-x' }, { name: 'app', ports: HTTP }] })
  t.equal(at(injected(forgedFirst), 'metadata', 'annotations', key), 'app')
})

tap.test('inject() adds pull secrets once, and leaves what is not its own alone', async (t) => {
  const settings = settingsWith({ imagePullSecrets: ['a', 'b', 'a'] })
  const pod = podWith({
    labels: BLOCK,
    ports: HTTP,
    imagePullSecrets: [{ name: 'b' }],
    automountServiceAccountToken: false,
  })
  const result = injected(pod, { settings })
  t.same(at(result, 'spec', 'imagePullSecrets'), [{ name: 'b' }, { name: 'a' }])
  t.equal(at(result, 'spec', 'automountServiceAccountToken'), false)
  t.equal(
    at(injected(podWith({ ports: HTTP }), { settings }), 'spec', 'imagePullSecrets'),
    undefined,
    'not for a Pod without WAF',
  )
})

tap.test('inject() holds Pods to the nodes of their namespace, with a WAF or without', async (t) => {
  const namespace = namespaceWith(
    { 'sekisho.dev/protected': 'true' },
    { 'sekisho.dev/node-selector': 'pool=web, zone=a' },
  )
  t.same(at(injected(podWith(), { namespace }), 'spec', 'nodeSelector'), { pool: 'web', zone: 'a' })
  const own = podWith({ nodeSelector: { pool: 'web', disk: 'ssd' } })
  t.same(at(injected(own, { namespace }), 'spec', 'nodeSelector'), { pool: 'web', disk: 'ssd', zone: 'a' })
  const conflict = inject(inputOf(podWith({ nodeSelector: { pool: 'batch' } }), { namespace }))
  t.equal(conflict.reason, 'NodeSelectorConflict')
  const empty = namespaceWith({}, { 'sekisho.dev/node-selector': '' })
  t.equal(at(injected(podWith(), { namespace: empty }), 'spec', 'nodeSelector'), undefined)
})

tap.test(
  'inject holds Pods to the nodes of their namespace in `true`, tells in audit, and lets go while the glass is broken',
  async (t) => {
    const selector = { 'sekisho.dev/node-selector': 'pool=web' }
    const conflict = podWith({ nodeSelector: { pool: 'batch' } })
    const of = (protection: string) => namespaceWith({ 'sekisho.dev/protected': protection }, selector)
    const held = inputOf(podWith(), { namespace: of('true') })
    t.same(at(injected(podWith(), { namespace: of('true') }), 'spec', 'nodeSelector'), { pool: 'web' })
    t.equal(verifyPod(held).reason, 'SidecarsDiffer', 'the pairs must be there')
    t.equal(inject(inputOf(conflict, { namespace: of('true') })).reason, 'NodeSelectorConflict')

    t.equal(at(injected(podWith(), { namespace: of('audit') }), 'spec', 'nodeSelector'), undefined)
    t.equal(verifyPod(inputOf(podWith(), { namespace: of('audit') })).reason, 'Verified')
    t.match(inject(inputOf(conflict, { namespace: of('audit') })), {
      verdict: 'allow',
      wouldRefuse: ['NodeSelectorConflict'],
      warnings: [
        /^would be refused with sekisho.dev\/protected: "true": Pod shop\/web is refused: its nodeSelector has pool: batch/,
      ],
    })

    const broken = { namespace: of('true'), glassBroken: true }
    t.equal(at(injected(podWith(), broken), 'spec', 'nodeSelector'), undefined)
    t.equal(inject(inputOf(conflict, broken)).verdict, 'allow')
    t.equal(verifyPod(inputOf(podWith(), broken)).reason, 'Verified')
  },
)

tap.test('inject() leaves the mirror of a static Pod alone, when a node makes it, and only then', async (t) => {
  const pod = podWith({ labels: BLOCK, ports: HTTP, annotations: { 'kubernetes.io/config.mirror': 'x' } })
  const node = inject(inputOf(pod, { user: { username: 'system:node:a', groups: ['system:nodes'] } }))
  t.equal(node.reason, 'MirrorPod')
  t.equal(node.verdict === 'allow' && node.patch, undefined)
  t.equal(inject(inputOf(pod, { user: { username: 'alice', groups: ['system:authenticated'] } })).reason, 'Injected')
})

tap.test('inject() replaces forged pieces and does nothing for a Pod that nobody asks about', async (t) => {
  const forged = podWith({
    annotations: { 'sekisho.dev/status': 'forged', note: 'kept' },
    containers: [{ name: 'sekisho-waf', image: 'evil' }, { name: 'web' }],
    initContainers: [{ name: 'sekisho-rules', image: 'evil' }, { name: 'migrate' }],
    volumes: [{ name: 'sekisho-run', hostPath: { path: '/' } }, { name: 'data' }],
  })
  const result = injected(forged)
  t.same(at(result, 'metadata', 'annotations'), { note: 'kept' })
  t.same(at(result, 'spec', 'containers'), [{ name: 'web' }])
  t.same(at(result, 'spec', 'initContainers'), [{ name: 'migrate' }])
  t.same(at(result, 'spec', 'volumes'), [{ name: 'data' }])
  const plain = inject(inputOf(podWith({ ports: HTTP })))
  t.same(plain.verdict === 'allow' && plain.patch, [])
})

/** Where a volume stands in the list means nothing. */
const sorted = (pod: Pod): Pod => {
  const copy = structuredClone(pod)
  copy.spec!.volumes!.sort((a, b) => a.name.localeCompare(b.name))
  return copy
}

tap.test('inject() never takes a forged volume or container for its own, however like it is', async (t) => {
  const pod = injected(podWith({ labels: BLOCK, ports: HTTP }))
  const changes: [string, (pod: Pod) => void][] = [
    ['an unknown field', (it) => Object.assign(at(it, 'spec', 'initContainers', 1), { futurePower: true })],
    [
      'a hostPath beside the emptyDir',
      (it) => Object.assign(at(it, 'spec', 'volumes', 0), { hostPath: { path: '/' } }),
    ],
    [
      'a second volume of the name',
      (it) => at(it, 'spec', 'volumes').push({ name: 'sekisho-run', emptyDir: { sizeLimit: '64Mi' } }),
    ],
    [
      'a smaller limit',
      (it) => Object.assign(at(it, 'spec', 'initContainers', 1, 'resources', 'limits'), { cpu: '1m' }),
    ],
  ]
  for (const [what, change] of changes) {
    const forged = structuredClone(pod)
    change(forged)
    t.same(sorted(injected(forged)), sorted(pod), what)
  }
})

tap.test('inject() says in the status what it did, and why not', async (t) => {
  const status = (pod: Pod) => JSON.parse(at(pod, 'metadata', 'annotations', 'sekisho.dev/status'))
  const pod = podWith({ labels: BLOCK, ports: [...HTTP, { name: 'https', containerPort: 8443 }] })
  t.same(status(injected(pod)), {
    state: 'Injected',
    mode: 'block',
    from: 'pod',
    capture: 'port',
    version: VERSION,
    ports: [{ name: 'http', port: 8080, listener: 15080, protocol: 'http' }],
    uninspected: [8443],
  })
  const namespace = namespaceWith(BLOCK)
  t.same(status(injected(podWith(), { namespace })), {
    state: 'Skipped',
    reason: 'NoHttpPort',
    detail: 'it has no HTTP port',
    version: VERSION,
  })
})

const MALFORMED: [string, unknown][] = [
  ['object', null],
  ['object', []],
  ['spec', {}],
  ['spec.containers', { spec: {} }],
  ['spec.containers', { spec: { containers: {} } }],
  ['spec.containers[0]', { spec: { containers: [null] } }],
  ['spec.containers[0].name', { spec: { containers: [{ name: 1 }] } }],
  ['spec.containers[0].ports', { spec: { containers: [{ ports: {} }] } }],
  ['spec.containers[0].ports[0].containerPort', { spec: { containers: [{ ports: [{}] }] } }],
  ['spec.containers[0].ports[0].containerPort', { spec: { containers: [{ ports: [{ containerPort: '80' }] }] } }],
  ['spec.containers[0].ports[0].name', { spec: { containers: [{ ports: [{ containerPort: 80, name: {} }] }] } }],
  ['spec.containers[0].volumeMounts[0]', { spec: { containers: [{ volumeMounts: ['x'] }] } }],
  ['spec.initContainers[0].env', { spec: { containers: [], initContainers: [{ env: 1 }] } }],
  ['spec.volumes', { spec: { containers: [], volumes: 'x' } }],
  ['spec.nodeSelector.a', { spec: { containers: [], nodeSelector: { a: 1 } } }],
  ['metadata', { metadata: 1, spec: { containers: [] } }],
  ['metadata.labels', { metadata: { labels: [] }, spec: { containers: [] } }],
  ['metadata.annotations.a', { metadata: { annotations: { a: null } }, spec: { containers: [] } }],
]

tap.test('inject() refuses what has not the form of a Pod, and names the place', async (t) => {
  for (const [path, pod] of MALFORMED) {
    const verdict = inject(inputOf(pod as Pod, { namespace: namespaceWith(BLOCK) }))
    t.equal(verdict.reason, 'Malformed', JSON.stringify(pod))
    t.ok(verdict.detail.includes(`its ${path} is not `), `${verdict.detail.split('\n')[0]} names ${path}`)
  }
})

tap.test('inject() bears a Pod that is nothing but its form', async (t) => {
  for (const pod of [
    { spec: { containers: [] } },
    { spec: { containers: [{}], initContainers: null, volumes: null } },
  ] as unknown as Pod[])
    t.equal(inject(inputOf(pod, { namespace: namespaceWith(BLOCK) })).reason, 'NoHttpPort')
})

tap.test('inject() costs little for a Pod of 64 KB with 1,500 variables', async (t) => {
  const env = Array.from({ length: 1500 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value ${i}` }))
  const pod = podWith({ labels: BLOCK, ports: HTTP, container: { env } })
  t.ok(JSON.stringify(pod).length > 64_000)
  const verdict = inject(inputOf(pod))
  t.ok(
    JSON.stringify(verdict.verdict === 'allow' && verdict.patch).length < 6000,
    'the patch does not grow with the Pod',
  )
  const started = performance.now()
  for (let i = 0; i < 200; i++) inject(inputOf(pod))
  const each = (performance.now() - started) / 200
  t.comment(`${each.toFixed(3)} ms each`)
  t.ok(each < 20, 'far from the seconds a patch by comparison takes')
})
