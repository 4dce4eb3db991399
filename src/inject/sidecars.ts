/**
 * The containers and volumes a protected Pod carries. Everything the API server would fill in is written out, so that what the
 * validating call sees can be compared field by field. No clock, no random value: the same Pod gives the same bytes.
 */
import { ANNOTATION, CONTAINER, CUSTOM_RULES_CONFIGMAP, RUN_AS, VOLUME, WAF_HEALTH_PORT } from '../api/names.ts'
import type { InjectSettings } from '../config/webhook.ts'
import type { Capture } from './captures.ts'
import type { Mode } from './mode.ts'
import { quantityOf } from './quantity.ts'

export interface Sidecars {
  /** In their order at the head of `initContainers`. */
  readonly containers: readonly [Json, Json]
  readonly volumes: readonly Json[]
}
type Json = { readonly name: string; readonly [field: string]: unknown }

/** Where the ServiceAccount plugin mounts the API token unless something is mounted there already. */
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

const securityContext = {
  runAsUser: RUN_AS,
  runAsGroup: RUN_AS,
  runAsNonRoot: true,
  privileged: false,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

const value = (name: string, text: string | number) => ({ name, value: String(text) })
const fromPod = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
})

interface Timing {
  readonly periodSeconds: number
  readonly timeoutSeconds: number
  readonly failureThreshold: number
}
const probe = (action: Record<string, unknown>, timing: Timing) => ({ ...action, successThreshold: 1, ...timing })
const health = (path: string) => ({ httpGet: { path: `/healthz/${path}`, port: WAF_HEALTH_PORT, scheme: 'HTTP' } })

const common = (settings: InjectSettings) => ({
  image: settings.image,
  imagePullPolicy: settings.imagePullPolicy,
  restartPolicy: 'Always',
  securityContext,
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
})

const resourcesOf = ({ requests, limits }: InjectSettings['resources']['waf']) => ({
  requests: { cpu: requests.cpu, memory: requests.memory },
  limits: { cpu: limits.cpu, memory: limits.memory },
})

const run = { name: VOLUME.run, mountPath: '/run/sekisho' }
const noToken = { name: VOLUME.noToken, mountPath: TOKEN_PATH, readOnly: true }

const rules = (mode: Mode, settings: InjectSettings): Json => ({
  name: CONTAINER.rules,
  ...common(settings),
  command: ['/usr/local/bin/sekisho-rules'],
  env: [
    value('SEKISHO_MODE', mode),
    fromPod('SEKISHO_POD_NAME', 'metadata.name'),
    fromPod('SEKISHO_POD_NAMESPACE', 'metadata.namespace'),
  ],
  resources: resourcesOf(settings.resources.rules),
  // Passes once the first bundle is placed or 20 s are over; six times that, for a machine under load.
  startupProbe: probe(
    { exec: { command: ['/usr/local/bin/sekisho-rules', 'started'] } },
    { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
  ),
  volumeMounts: [run, { name: VOLUME.custom, mountPath: '/etc/sekisho/custom', readOnly: true }, noToken],
})

const waf = (mode: Mode, captures: readonly Capture[], loopback: boolean, settings: InjectSettings): Json => ({
  name: CONTAINER.waf,
  ...common(settings),
  command: ['/usr/local/bin/sekisho-waf'],
  env: [
    value('SEKISHO_MODE', mode),
    value('SEKISHO_PORTS', captures.map(({ listener, port, protocol }) => `${listener}:${port}:${protocol}`).join(',')),
    loopback ? value('SEKISHO_UPSTREAM_HOST', '127.0.0.1') : fromPod('SEKISHO_UPSTREAM_HOST', 'status.podIP'),
    fromPod('SEKISHO_POD_NAME', 'metadata.name'),
    fromPod('SEKISHO_POD_NAMESPACE', 'metadata.namespace'),
    fromPod('SEKISHO_POD_UID', 'metadata.uid'),
    value('SEKISHO_WITHOUT_BUNDLE', settings.withoutBundle),
    value('SEKISHO_PARANOIA_LEVEL', settings.paranoiaLevel),
    value('SEKISHO_ALLOWED_METHODS', settings.allowedMethods.join(' ')),
    value('SEKISHO_BODY_LIMIT_BYTES', settings.bodyLimitBytes),
    value('SEKISHO_TRUSTED_PROXIES', settings.trustedProxies.join(',')),
    value('SEKISHO_TMP_BYTES', Math.floor(quantityOf(settings.tmpSize) ?? 0)),
  ].map(withoutEmpty),
  ports: [
    ...captures.map(({ name, listener }) => ({ name, containerPort: listener, protocol: 'TCP' })),
    { name: 'sekisho-health', containerPort: WAF_HEALTH_PORT, protocol: 'TCP' },
  ],
  resources: resourcesOf(settings.resources.waf),
  // An hour: rules that come late delay the app, and never make the WAF restart in a loop.
  startupProbe: probe(health('ready'), { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3600 }),
  readinessProbe: probe(health('ready'), { periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 }),
  livenessProbe: probe(health('live'), { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
  volumeMounts: [run, { name: VOLUME.tmp, mountPath: '/tmp' }, noToken],
})

/** The API server leaves an empty `value` out. */
function withoutEmpty(variable: { name: string; value?: string }): Record<string, unknown> {
  return variable.value === '' ? { name: variable.name } : variable
}

/** Renders them. `upstream` is the annotation `sekisho.dev/waf-upstream`, already checked. */
export function sidecarsOf(
  mode: Mode,
  captures: readonly Capture[],
  annotations: Readonly<Record<string, string>>,
  settings: InjectSettings,
): Sidecars {
  const loopback = annotations[ANNOTATION.wafUpstream] === 'loopback'
  return {
    containers: [rules(mode, settings), waf(mode, captures, loopback, settings)],
    volumes: [
      { name: VOLUME.run, emptyDir: { sizeLimit: settings.runSize } },
      { name: VOLUME.tmp, emptyDir: { medium: 'Memory', sizeLimit: settings.tmpSize } },
      { name: VOLUME.custom, configMap: { name: CUSTOM_RULES_CONFIGMAP, defaultMode: 0o644, optional: true } },
      // Mounted read-only: nothing is ever written to it.
      { name: VOLUME.noToken, emptyDir: { sizeLimit: '1Mi' } },
    ],
  }
}
