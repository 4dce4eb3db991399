/**
 * Random Pods. `wildPod` is what a user, a forger or another webhook could send: many containers, odd ports, existing and forged sidecars,
 * unknown fields, any text, missing and null lists. `validPod` is what a kube-apiserver takes under Pod Security `restricted`.
 */
import fc from 'fast-check'
import type { Pod } from '../../src/api/kube.ts'

/** So many undefined values: what stops an injection early must not stop most of them. */
const often = (n: number): undefined[] => Array.from({ length: n })

const portName = fc.constantFrom(
  'http',
  'http-api',
  'http2',
  'web',
  'web-ui',
  'grpc',
  'grpc-api',
  'h2c',
  'https',
  'metrics',
  'admin',
  'app-8080',
  'app-9090',
  'http-9090',
)
const portNumber = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(80, 443, 3000, 8080, 8443, 9090) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 65535 }) },
  { weight: 1, arbitrary: fc.constantFrom(15021, 15080, 15081) },
)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
/** Absent keys are absent, as in JSON. */
const record = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(fields).map((value) => Object.fromEntries(Object.entries(value).filter(([, it]) => it !== undefined)))

const unknownFields = fc.dictionary(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((key) => `x${key}`),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 2 },
)

const port = record({
  name: maybe(portName),
  containerPort: portNumber,
  protocol: fc.constantFrom(undefined, undefined, 'TCP', 'TCP', 'UDP', 'SCTP'),
  hostPort: fc.constantFrom(undefined, undefined, undefined, undefined, 8080),
})

const action = fc.oneof(
  record({ httpGet: record({ path: fc.constant('/'), port: fc.oneof(portName, portNumber) }) }),
  record({ tcpSocket: record({ port: fc.oneof(portName, portNumber) }) }),
  record({ grpc: record({ port: portNumber }) }),
  record({ exec: record({ command: fc.array(fc.string(), { maxLength: 2 }) }) }),
)

const mount = record({
  name: fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom('data', 'cache') },
    { weight: 1, arbitrary: fc.constantFrom('sekisho-run', 'sekisho-tmp') },
  ),
  mountPath: fc.constantFrom('/data', '/cache'),
})

const containerName = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('web', 'app', 'api', 'worker', 'oauth', 'ünïcode', '') },
  { weight: 3, arbitrary: fc.constantFrom('sekisho-waf', 'sekisho-rules', 'sekisho-extra') },
  { weight: 1, arbitrary: fc.constantFrom('istio-proxy', 'linkerd-proxy', 'envoy') },
)

const container = (init: boolean) =>
  fc
    .tuple(
      record({
        name: containerName,
        image: fc.string({ unit: 'grapheme', maxLength: 12 }),
        ports: fc.oneof(
          { weight: 5, arbitrary: fc.array(port, { maxLength: 3 }) },
          { weight: 1, arbitrary: fc.constantFrom(undefined, null) },
        ),
        volumeMounts: maybe(fc.array(mount, { maxLength: 2 })),
        restartPolicy: init ? fc.constantFrom(undefined, 'Always') : fc.constant(undefined),
        readinessProbe: maybe(action),
        livenessProbe: maybe(action),
        startupProbe: maybe(action),
        lifecycle: maybe(record({ preStop: maybe(action), postStart: maybe(action) })),
        env: fc.oneof(
          fc.constant(undefined),
          fc.array(record({ name: fc.string(), value: maybe(fc.string({ unit: 'grapheme' })) }), { maxLength: 3 }),
          fc
            .constantFrom('15080:8080:http', '15080:9090:http,15081:8080:grpc', ':::,,', '15080:99999')
            .map((value) => [{ name: 'SEKISHO_PORTS', value }]),
        ),
      }),
      unknownFields,
    )
    .map(([known, unknown]) => ({ ...unknown, ...known }))

const wafLabel = fc.constantFrom('block', 'block', 'detect', 'detect', 'off', undefined, undefined)
const annotations = record({
  'sekisho.dev/status': fc.constantFrom(undefined, undefined, '{"state":"Injected"}', 'x', ''),
  'sekisho.dev/waf-ports': fc.constantFrom(
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    '8080',
    '8080,9090/grpc',
    '8443/tls,8080',
    '8080,',
    ...often(40),
    '70000',
  ),
  'sekisho.dev/waf-upstream': fc.constantFrom(...often(30), 'loopback', 'elsewhere'),
  'kubectl.kubernetes.io/default-container': fc.constantFrom(undefined, undefined, 'api'),
  note: maybe(fc.string({ unit: 'binary', maxLength: 10 })),
})

const volume = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom({ name: 'data', emptyDir: {} }, { name: 'cache', configMap: { name: 'x' } }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Record<string, unknown>>(
      { name: 'sekisho-run', hostPath: { path: '/' } },
      { name: 'sekisho-tmp', emptyDir: {} },
      { name: 'sekisho-own' },
    ),
  },
)

const listOr = <T>(arbitrary: fc.Arbitrary<T>, maxLength: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.array(arbitrary, { maxLength }) },
    { weight: 1, arbitrary: fc.constantFrom(undefined, null) },
  )

export const wildPod: fc.Arbitrary<Pod> = fc
  .record({
    metadata: fc.oneof(
      {
        weight: 9,
        arbitrary: record({
          name: maybe(fc.string({ unit: 'grapheme', maxLength: 8 })),
          labels: wafLabel.chain((waf) =>
            record({ 'sekisho.dev/waf': fc.constant(waf), app: fc.constantFrom('web', 'api') }),
          ),
          annotations: fc.oneof(
            { weight: 4, arbitrary: annotations },
            { weight: 1, arbitrary: fc.constantFrom(undefined, null) },
          ),
        }),
      },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    spec: fc
      .tuple(
        record({
          containers: fc.array(container(false), { minLength: 1, maxLength: 4 }),
          initContainers: listOr(container(true), 3),
          volumes: listOr(volume, 3),
          imagePullSecrets: listOr(record({ name: fc.constantFrom('a', 'pull') }), 2),
          nodeSelector: fc.constantFrom(
            undefined,
            undefined,
            null,
            { pool: 'web' },
            ...often(12),
            { pool: 'other' },
            { 'kubernetes.io/os': 'windows' },
          ),
          hostNetwork: fc.constantFrom(
            ...often(20),
            undefined,
            undefined,
            undefined,
            undefined,
            undefined,
            true,
            false,
          ),
          shareProcessNamespace: fc.constantFrom(
            ...often(20),
            undefined,
            undefined,
            undefined,
            undefined,
            undefined,
            true,
          ),
          runtimeClassName: fc.constantFrom(
            ...often(20),
            undefined,
            undefined,
            undefined,
            undefined,
            undefined,
            'kata-qemu',
            'runc',
          ),
        }),
        unknownFields,
      )
      .map(([known, unknown]) => ({ ...unknown, ...known })),
  })
  .map((pod) => JSON.parse(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod })) as Pod)

/** Labels of a namespace that sends its Pods to us. */
export const namespaceLabels = fc.constantFrom<Record<string, string>>(
  {},
  { 'sekisho.dev/waf': 'block' },
  { 'sekisho.dev/waf': 'detect' },
  { 'sekisho.dev/protected': 'true' },
  { 'sekisho.dev/protected': 'true', 'sekisho.dev/waf': 'block' },
)

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}

const validContainer = (name: string, init: boolean, base: number) =>
  record({
    name: fc.constant(name),
    image: fc.constantFrom('registry.example/app:1', 'registry.example/app'),
    ports: maybe(
      fc
        .uniqueArray(
          record({
            name: maybe(portName),
            containerPort: fc.integer({ min: base, max: base + 999 }),
            protocol: fc.constantFrom(undefined, 'TCP', 'UDP'),
          }),
          {
            maxLength: 3,
            selector: (it) => it['name'] ?? Math.random(),
          },
        )
        .filter((ports) => new Set(ports.map((it) => it['containerPort'])).size === ports.length),
    ),
    restartPolicy: fc.constant(init ? 'Always' : undefined),
    env: maybe(
      fc.array(record({ name: fc.constantFrom('A', 'B_C', 'd.e-f'), value: fc.string({ unit: 'grapheme' }) }), {
        maxLength: 3,
      }),
    ),
    resources: maybe(fc.constantFrom({ requests: { cpu: '0.5', memory: '1024Mi' } }, { limits: { cpu: '1000m' } })),
    readinessProbe: maybe(
      record({ httpGet: record({ port: fc.oneof(portName, portNumber), path: fc.constant('/ready') }) }),
    ),
    lifecycle: maybe(record({ preStop: record({ httpGet: record({ port: portName, path: fc.constant('/stop') }) }) })),
    volumeMounts: maybe(fc.constant([{ name: 'data', mountPath: '/data' }])),
    securityContext: fc.constant(restricted),
  })

/** Accepted by a kube-apiserver in a namespace that enforces `restricted`; asks for the WAF itself or not. */
export const validPod = (name: string): fc.Arbitrary<Pod> =>
  fc
    .record({
      metadata: record({
        name: fc.constant(name),
        labels: wafLabel.chain((waf) => record({ 'sekisho.dev/waf': fc.constant(waf), app: fc.constant('none') })),
        annotations: maybe(
          record({ note: fc.string({ unit: 'grapheme' }), 'sekisho.dev/status': fc.constantFrom(undefined, 'forged') }),
        ),
      }),
      spec: record({
        containers: fc
          .integer({ min: 1, max: 3 })
          .chain((n) =>
            fc.tuple(...Array.from({ length: n }, (_, i) => validContainer(`app-${i}`, false, 2000 + i * 1000))),
          ),
        initContainers: maybe(fc.tuple(validContainer('side', true, 9000))),
        volumes: fc.constant([{ name: 'data', emptyDir: {} }]),
        automountServiceAccountToken: fc.constantFrom(undefined, true, false),
        imagePullSecrets: maybe(fc.constant([{ name: 'own' }])),
        restartPolicy: fc.constantFrom(undefined, 'Always', 'Never'),
        securityContext: maybe(fc.constant({ fsGroup: 2000 })),
      }),
    })
    .map((pod) => JSON.parse(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod })) as Pod)
