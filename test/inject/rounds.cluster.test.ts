/**
 * Attempts to get round the gate, by a tenant who may change everything in the cluster but Sekisho itself: each is refused, or what he
 * wrote is replaced by ours. Real kubectl, real kube-apiserver, the entries of manifests/, the real webhook server.
 */
import tap from 'tap'
import { WAF_FIRST_PORT } from '../../src/api/names.ts'
import { at, BLOCK, HTTP, IMAGE, type Loose, podWith } from './fixtures.ts'
import { gate, RESTRICTED } from './lab.ts'

const NAMESPACES = {
  shop: { labels: { ...RESTRICTED, 'sekisho.dev/protected': 'true', 'sekisho.dev/waf': 'block' } },
  plain: {},
}
const RIGHTS = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'tenant' },
  rules: [
    { apiGroups: ['', 'apps', 'networking.k8s.io'], resources: ['*'], verbs: ['*'] },
    { apiGroups: [''], resources: ['pods/ephemeralcontainers', 'pods/resize', 'pods/status'], verbs: ['*'] },
  ],
}

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}
const container = (name: string, more: object = {}) => ({
  name,
  image: `registry.example/${name}:1`,
  securityContext: restricted,
  ...more,
})
const app = container('web', { ports: HTTP })
const pod = (name: string, spec: object, metadata: object = {}) => ({
  ...podWith(),
  metadata: { name, ...metadata },
  spec: { containers: [app], ...spec },
})
const evil = { image: 'registry.example/evil:1' }
const forgedWaf = container('sekisho-waf', {
  ...evil,
  restartPolicy: 'Always',
  env: [{ name: 'SEKISHO_PORTS', value: '15080:9999:http' }],
  ports: [{ name: 'http', containerPort: 15080 }],
})

/** Made, and what it then is must be what we put in. */
const NEUTRALISED: Record<string, object> = {
  'a forged status': pod('status', {}, { annotations: { 'sekisho.dev/status': '{"state":"Injected"}' } }),
  'a forged sidecar': pod('sidecar', { initContainers: [forgedWaf] }),
  'a forged container': pod('container', {
    containers: [app, container('sekisho-waf', evil), container('sekisho-x', evil)],
  }),
  'a forged init container that ends': pod('init', { initContainers: [container('sekisho-rules', evil)] }),
  'a forged volume': pod('volume', { volumes: [{ name: 'sekisho-run', configMap: { name: 'own-rules' } }] }),
}

/** Only a node itself can make a static Pod's picture: of anybody else it is a Pod that names its node. */
const MIRROR = pod(
  'mirror',
  { nodeName: 'a', automountServiceAccountToken: false },
  { annotations: { 'kubernetes.io/config.mirror': 'x' } },
)

const mount = { volumeMounts: [{ name: 'sekisho-run', mountPath: '/x' }] }
const REFUSED: Record<string, object> = {
  'our volume mounted by the app': pod('mount', { containers: [{ ...app, ...mount }] }),
  'our volume mounted by an init container': pod('mount', { initContainers: [container('init', mount)] }),
  'our volume brought along and mounted': pod('mount', {
    containers: [{ ...app, ...mount }],
    volumes: [{ name: 'sekisho-run', emptyDir: {} }],
  }),
  hostNetwork: pod('host', { hostNetwork: true }),
  'a shared process namespace': pod('shared', { shareProcessNamespace: true }),
  'a toleration of our taint': pod('taint', {
    tolerations: [{ key: 'sekisho.dev/ids-not-ready', operator: 'Exists' }],
  }),
  'a toleration of everything': pod('taints', { tolerations: [{ operator: 'Exists' }] }),
  'an unknown mode': pod('mode', {}, { labels: { 'sekisho.dev/waf': 'none' } }),
  'a port of the WAF': pod('port', {
    containers: [app, container('x', { ports: [{ containerPort: WAF_FIRST_PORT }] })],
  }),
  'a second name for the port': pod('name', {
    containers: [container('web', { ports: [...HTTP, { name: 'admin', containerPort: 8080 }] })],
  }),
  'the name of the port a second time': pod(
    'twice',
    { containers: [app, container('x', { ports: [{ name: 'http', containerPort: 9090 }] })] },
    { annotations: { 'sekisho.dev/waf-ports': '8080' } },
  ),
  'a hostPort': pod('hostport', { containers: [container('web', { ports: [{ ...HTTP[0], hostPort: 80 }] })] }),
}

const json = (patch: object[]) => ['--type=json', '--patch', JSON.stringify(patch)]
const ephemeral = (more: object) => [
  '--subresource=ephemeralcontainers',
  '--patch',
  JSON.stringify({ spec: { ephemeralContainers: [container('look', more)] } }),
]
/** On the Pod `victim`, which runs protected. */
const CHANGES: Record<string, readonly string[]> = {
  'the image of the WAF': ['set', 'image', 'pod/victim', 'sekisho-waf=registry.example/evil:1'],
  'the image of the rule-updater': [
    'patch',
    'pod',
    'victim',
    ...json([{ op: 'replace', path: '/spec/initContainers/0/image', value: 'x' }]),
  ],
  'the resources of the WAF': [
    'patch',
    'pod',
    'victim',
    '--subresource=resize',
    '--patch',
    JSON.stringify({ spec: { initContainers: [{ name: 'sekisho-waf', resources: { limits: { cpu: '51m' } } }] } }),
  ],
  'the mode': ['label', 'pod', 'victim', 'sekisho.dev/waf=off'],
  'the status': ['annotate', 'pod', 'victim', '--overwrite', 'sekisho.dev/status={}'],
  'the status, by taking it off': ['annotate', 'pod', 'victim', 'sekisho.dev/status-'],
  'a toleration of everything, added': [
    'patch',
    'pod',
    'victim',
    ...json([{ op: 'add', path: '/spec/tolerations/-', value: { operator: 'Exists' } }]),
  ],
  'an ephemeral container on our volume': ['patch', 'pod', 'victim', ...ephemeral(mount)],
  'an ephemeral container at the WAF’s processes': [
    'patch',
    'pod',
    'victim',
    ...ephemeral({ targetContainerName: 'sekisho-waf' }),
  ],
  'an ephemeral container with our name': ['patch', 'pod', 'victim', ...ephemeral({ name: 'sekisho-look' })],
  'the label of the namespace': ['label', 'namespace', 'shop', 'sekisho.dev/protected-'],
  'the default mode of the namespace': ['label', 'namespace', 'shop', 'sekisho.dev/waf-'],
  'Pod Security of the namespace': [
    'label',
    'namespace',
    'shop',
    '--overwrite',
    'pod-security.kubernetes.io/enforce=privileged',
  ],
  'an unknown mode of a namespace': ['label', 'namespace', 'plain', 'sekisho.dev/waf=none'],
  'a Service to the app’s port': ['create', 'service', 'clusterip', 'victim', '--tcp=80:8080'],
}

tap.test('a tenant cannot get round the gate', async (t) => {
  const { cluster } = await gate(t, { namespaces: NAMESPACES })
  await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(RIGHTS) })
  await cluster.kubectlOk(['create', 'clusterrolebinding', 'tenant', '--clusterrole=tenant', '--user=mallory'])
  const tenant = (args: readonly string[], object?: object) =>
    cluster.kubectl(
      ['--as=mallory', '-n', 'shop', ...args],
      object === undefined ? {} : { input: JSON.stringify(object) },
    )
  const get = async (name: string) =>
    JSON.parse(await cluster.kubectlOk(['-n', 'shop', 'get', 'pod', name, '-o', 'json']))

  t.equal(
    (await tenant(['create', '-f', '-'], pod('victim', {}, { labels: { app: 'victim' } }))).code,
    0,
    'the victim is made',
  )
  const victim = await get('victim')
  const ours = (it: Loose) => [
    at(it, 'spec', 'initContainers').slice(0, 2),
    at(it, 'spec', 'volumes').filter(({ name }: Loose) => name.startsWith('sekisho-')),
  ]

  for (const [what, object] of Object.entries(NEUTRALISED)) {
    const { code, stderr } = await tenant(['create', '-f', '-'], object)
    t.equal(code, 0, `${what}: made ${stderr}`)
    const made = await get((object as Loose).metadata.name)
    t.same(ours(made), ours(victim), `${what}: with our sidecars and volumes`)
    const images = [...made.spec.initContainers, ...made.spec.containers].map((it: Loose) => it.image)
    t.same(images, [IMAGE, IMAGE, 'registry.example/web:1'], `${what}: and nothing forged`)
    const { ports } = JSON.parse(made.metadata.annotations['sekisho.dev/status'])
    t.same(ports, [{ name: 'http', port: 8080, listener: 15080, protocol: 'http' }], `${what}: the status is true`)
  }
  const mirror = await tenant(['create', '-f', '-'], MIRROR)
  t.equal(mirror.code, 1, 'the annotation of a static Pod: not made')
  t.match(mirror.stderr, 'is refused: it names its node itself (spec.nodeName)', 'a tenant makes no static Pod')

  for (const [what, object] of Object.entries(REFUSED)) {
    const { code, stderr } = await tenant(['create', '-f', '-'], object)
    t.equal(code, 1, what)
    t.match(stderr, /denied the request: Pod shop\/.* is refused: /, `${what}: in our words`)
  }
  for (const [what, args] of Object.entries(CHANGES)) {
    const { code, stderr } = await tenant(args)
    t.equal(code, 1, what)
    t.match(stderr, /denied the request: .* is refused: /, `${what}: in our words`)
  }
  const after = await get('victim')
  t.same(after.spec, victim.spec, 'the victim is as it was')
  t.same(after.metadata.annotations, victim.metadata.annotations)

  const same = ['label', 'pod', 'victim', 'team=a']
  t.equal((await tenant(same)).code, 0, 'what is none of ours passes')
  const asks = pod('asks', {}, { namespace: 'plain', labels: { ...BLOCK } })
  t.equal((await cluster.kubectl(['--as=mallory', 'create', '-f', '-'], { input: JSON.stringify(asks) })).code, 0)
  const off = await cluster.kubectl(['--as=mallory', '-n', 'plain', 'label', 'pod', 'asks', 'sekisho.dev/waf-'])
  t.match(off, { code: 1, stderr: /its label sekisho.dev\/waf changes/ }, 'also where only the Pod asked')
})
