/**
 * One case for every reason a person can meet: what he does, and in which namespace. The words kubectl then prints stand in
 * goldens/words.txt. A new reason without a case does not compile.
 */
import type { ReasonCode } from '../../src/inject/reasons.ts'
import { BLOCK, HTTP, podWith } from './fixtures.ts'

/** Every code; `done` ones are told to nobody. */
type Done = 'Injected' | 'NotAsked' | 'Off' | 'MirrorPod' | 'NotConcerned' | 'Verified'
/** A Pod of the wrong form never gets through the API server. */
type Told = Exclude<ReasonCode, Done | 'Malformed'>

export interface Case {
  readonly namespace: string
  /** Made first, for good. */
  readonly before?: readonly object[]
  /** Applied by `kubectl create -f -`, as a dry run. */
  readonly object?: object
  /** Or: what is done with kubectl instead; `input` as JSON on stdin. */
  readonly run?: readonly string[]
  readonly input?: object
  /** Under the settings `lowestMode: block`, `allowOff: false`. */
  readonly floor?: true
}

/** Namespaces of the lab with their labels and annotations. */
export const NAMESPACES: Record<string, { labels?: Record<string, string>; annotations?: Record<string, string> }> = {
  shop: { labels: BLOCK },
  stall: { labels: { 'sekisho.dev/waf': 'detect' } },
  plain: {},
  guarded: { labels: { 'sekisho.dev/protected': 'true' } },
  typo: { labels: { 'sekisho.dev/waf': 'blok' } },
  pinned: { labels: BLOCK, annotations: { 'sekisho.dev/node-selector': 'pool=web' } },
  unpinned: { labels: BLOCK, annotations: { 'sekisho.dev/node-selector': 'pool' } },
}

const app = { app: 'web' }
const asks = (mode = 'block') => ({ 'sekisho.dev/waf': mode, ...app })
const container = (name: string, more: object = {}) => ({ name, image: 'registry.example/web:1', ...more })
const many = Array.from({ length: 17 }, (_, i) => ({ name: `http-${i}`, containerPort: 3000 + i }))
const service = (name: string, targetPort: number | string, selector: object = app) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector, ports: [{ port: 80, targetPort }] },
})
const policy = (name: string, port: number | string) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec: { podSelector: { matchLabels: app }, policyTypes: ['Ingress'], ingress: [{ ports: [{ port }] }] },
})
/** A Pod that runs, to be changed. */
const running = (name: string, more: object = {}) => ({
  ...podWith({ ports: HTTP, ...more }),
  metadata: { name, labels: { app: name } },
})
const ephemeral = (more: object) => ({
  spec: { ephemeralContainers: [{ name: 'look', image: 'registry.example/look:1', ...more }] },
})
const patch = (pod: string, subresource: string, body: object) => [
  'patch',
  'pod',
  pod,
  '--subresource',
  subresource,
  '--patch',
  JSON.stringify(body),
]

export const CASES: { readonly [code in Told]: Case } = {
  NoHttpPort: { namespace: 'shop', object: podWith() },
  TlsPort: { namespace: 'shop', object: podWith({ ports: [{ name: 'https', containerPort: 8443 }] }) },
  HostNetwork: { namespace: 'shop', object: podWith({ ports: HTTP, hostNetwork: true }) },
  SharedProcesses: { namespace: 'shop', object: podWith({ ports: HTTP, shareProcessNamespace: true }) },
  ServiceMesh: {
    namespace: 'shop',
    object: podWith({ containers: [container('web', { ports: HTTP }), container('istio-proxy')] }),
  },
  SandboxedRuntime: {
    namespace: 'shop',
    before: [{ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'gvisor' }, handler: 'runsc' }],
    object: podWith({ ports: HTTP, runtimeClassName: 'gvisor' }),
  },
  Windows: { namespace: 'stall', object: podWith({ ports: HTTP, os: { name: 'windows' } }) },
  PortClash: { namespace: 'shop', object: podWith({ ports: [...HTTP, { containerPort: 15021 }] }) },
  TooManyPorts: { namespace: 'shop', object: podWith({ ports: many }) },
  SharedPort: { namespace: 'shop', object: podWith({ ports: [...HTTP, { name: 'metrics', containerPort: 8080 }] }) },
  PortNameTaken: {
    namespace: 'shop',
    object: podWith({
      annotations: { 'sekisho.dev/waf-ports': '8080' },
      containers: [
        container('web', { ports: HTTP }),
        container('api', { ports: [{ name: 'http', containerPort: 9090 }] }),
      ],
    }),
  },
  AmbiguousPorts: {
    namespace: 'plain',
    object: podWith({ labels: asks(), ports: [{ containerPort: 8080 }, { containerPort: 9090 }] }),
  },
  HostPort: { namespace: 'shop', object: podWith({ ports: [{ ...HTTP[0], hostPort: 80 }] }) },
  ServiceByNumber: {
    namespace: 'shop',
    before: [service('till', 8080, { app: 'till' })],
    object: podWith({ labels: { app: 'till' }, ports: HTTP }),
  },
  PolicyByNumber: {
    namespace: 'shop',
    before: [policy('web-in', 8080)],
    object: podWith({ labels: app, ports: HTTP }),
  },
  TargetsAppPort: { namespace: 'shop', before: [running('seen')], object: service('seen', 8080, { app: 'seen' }) },
  NamesAppPort: {
    namespace: 'shop',
    before: [running('walled')],
    object: {
      ...policy('walled', 8080),
      spec: { podSelector: { matchLabels: { app: 'walled' } }, ingress: [{ ports: [{ port: 8080 }] }] },
    },
  },
  UnknownMode: { namespace: 'plain', object: podWith({ labels: asks('blok'), ports: HTTP }) },
  UnknownNamespaceMode: { namespace: 'typo', object: podWith({ ports: HTTP }) },
  UnknownUpstream: {
    namespace: 'shop',
    object: podWith({ annotations: { 'sekisho.dev/waf-upstream': 'localhost' }, ports: HTTP }),
  },
  BadPorts: {
    namespace: 'shop',
    object: podWith({ annotations: { 'sekisho.dev/waf-ports': '8080/h2' }, ports: HTTP }),
  },
  PortNotDeclared: {
    namespace: 'shop',
    object: podWith({ annotations: { 'sekisho.dev/waf-ports': '8800' }, ports: HTTP }),
  },
  ReservedVolume: {
    namespace: 'shop',
    object: podWith({ ports: HTTP, container: { volumeMounts: [{ name: 'sekisho-run', mountPath: '/x' }] } }),
  },
  ReservedPortName: {
    namespace: 'shop',
    object: podWith({ ports: [{ name: 'sekisho-health', containerPort: 8080 }] }),
  },
  NoContainerLeft: { namespace: 'shop', object: podWith({ containers: [container('sekisho-waf')] }) },
  BadNodeSelector: { namespace: 'unpinned', object: podWith({ ports: HTTP }) },
  NodeSelectorConflict: { namespace: 'pinned', object: podWith({ ports: HTTP, nodeSelector: { pool: 'batch' } }) },
  SidecarsDiffer: { namespace: 'shop', object: podWith({ labels: { meddle: 'please' }, ports: HTTP }) },
  KeyChanged: {
    namespace: 'shop',
    before: [running('keys')],
    run: ['label', 'pod', 'keys', 'sekisho.dev/waf=off'],
  },
  SidecarChanged: {
    namespace: 'shop',
    before: [running('image')],
    run: ['set', 'image', 'pod/image', 'sekisho-waf=registry.example/evil:1'],
  },
  EphemeralTouches: {
    namespace: 'shop',
    before: [running('debug')],
    run: patch('debug', 'ephemeralcontainers', ephemeral({ targetContainerName: 'sekisho-waf' })),
  },
  TolerationAdded: {
    namespace: 'guarded',
    before: [running('tolerant')],
    run: [
      'patch',
      'pod',
      'tolerant',
      '--type=json',
      '--patch',
      JSON.stringify([{ op: 'add', path: '/spec/tolerations/-', value: { operator: 'Exists' } }]),
    ],
  },
  TlsOpen: { namespace: 'shop', object: podWith({ ports: [...HTTP, { name: 'https', containerPort: 8443 }] }) },
  NotTcp: {
    namespace: 'shop',
    object: podWith({ ports: [...HTTP, { name: 'http-3', containerPort: 8443, protocol: 'UDP' }] }),
  },
  PortNotListed: {
    namespace: 'shop',
    object: podWith({
      annotations: { 'sekisho.dev/waf-ports': '8080' },
      ports: [...HTTP, { name: 'web', containerPort: 9090 }],
    }),
  },
  PortNamed: { namespace: 'plain', object: podWith({ labels: asks(), ports: [{ containerPort: 8080 }] }) },
  RaisedToFloor: { namespace: 'plain', floor: true, object: podWith({ labels: asks('detect'), ports: HTTP }) },
  OffNotAllowed: { namespace: 'stall', floor: true, object: podWith({ labels: asks('off'), ports: HTTP }) },
}

/** The same from the other sides: workloads, Services and NetworkPolicies, and what only warns. */
export const MORE: Readonly<Record<string, Case>> = {
  'Deployment whose Pods would go without': {
    namespace: 'shop',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'worker' },
      spec: {
        selector: { matchLabels: { app: 'worker' } },
        template: { metadata: { labels: { app: 'worker' } }, spec: podWith().spec },
      },
    },
  },
  'CronJob whose Pods would be refused': {
    namespace: 'shop',
    object: {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly' },
      spec: {
        schedule: '0 3 * * *',
        jobTemplate: {
          spec: {
            template: {
              metadata: { labels: asks() },
              spec: {
                ...podWith({ ports: [{ containerPort: 1 }, { containerPort: 2 }] }).spec,
                restartPolicy: 'Never',
              },
            },
          },
        },
      },
    },
  },
  'Service by number for a Pod in detect': {
    namespace: 'stall',
    before: [running('seen')],
    object: service('seen', 8080, { app: 'seen' }),
  },
  'Service by number, seen from the Pod, in detect': {
    namespace: 'stall',
    before: [service('late', 8080, { app: 'late' })],
    object: podWith({ labels: { app: 'late' }, ports: HTTP }),
  },
  'hostNetwork in detect': { namespace: 'stall', object: podWith({ ports: HTTP, hostNetwork: true }) },
  'hostNetwork in a protected namespace': { namespace: 'guarded', object: podWith({ ports: HTTP, hostNetwork: true }) },
  'resources of the WAF by resize': {
    namespace: 'shop',
    before: [running('resize')],
    run: patch('resize', 'resize', {
      spec: { initContainers: [{ name: 'sekisho-waf', resources: { requests: { cpu: '1m' } } }] },
    }),
  },
  'ephemeral container on our volume': {
    namespace: 'shop',
    before: [running('debug-volume')],
    run: patch(
      'debug-volume',
      'ephemeralcontainers',
      ephemeral({ volumeMounts: [{ name: 'sekisho-run', mountPath: '/x' }] }),
    ),
  },
  'the status by annotate': {
    namespace: 'shop',
    before: [running('status')],
    run: ['annotate', 'pod', 'status', 'sekisho.dev/status={}', '--overwrite'],
  },
}
