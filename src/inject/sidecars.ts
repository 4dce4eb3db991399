/**
 * The containers and volumes a protected Pod carries. Everything the API server would fill in is written out, so that what the
 * validating call sees can be compared field by field. No clock, no random value: the same Pod gives the same bytes.
 */
import {
  ANNOTATION,
  CONTAINER,
  CUSTOM_RULES_CONFIGMAP,
  RUN_AS,
  TOKEN_AUDIENCE,
  TOKEN_DIRECTORY,
  VOLUME,
  WAF_HEALTH_PORT,
} from '../api/names.ts'
import type { InjectSettings } from '../config/webhook.ts'
import type { Capture } from './captures.ts'
import type { RulesTrust } from './input.ts'
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

/** An hour: the kubelet renews it when four fifths are over. */
const TOKEN_SECONDS = 3600
const token = { name: VOLUME.token, mountPath: TOKEN_DIRECTORY, readOnly: true }

/** Where and how the rule-updater asks `sekisho rules`. */
const askEnv = ({ updates, image }: InjectSettings, { ca, keys }: RulesTrust) => [
  value('SEKISHO_RULES_URL', updates.url),
  ...(updates.connectTo === '' ? [] : [value('SEKISHO_RULES_CONNECT_TO', updates.connectTo)]),
  value('SEKISHO_RULES_CA', ca),
  value('SEKISHO_RULES_KEYS', keys.join(' ')),
  value('SEKISHO_IMAGE', image),
]

const rules = (mode: Mode, settings: InjectSettings, trust: RulesTrust | undefined): Json => ({
  name: CONTAINER.rules,
  ...common(settings),
  command: ['/usr/local/bin/sekisho-rules'],
  env: [
    value('SEKISHO_MODE', mode),
    fromPod('SEKISHO_POD_NAME', 'metadata.name'),
    fromPod('SEKISHO_POD_NAMESPACE', 'metadata.namespace'),
    ...(trust === undefined ? [] : askEnv(settings, trust)),
  ],
  resources: resourcesOf(settings.resources.rules),
  // Passes once the first bundle is placed or 20 s are over; six times that, for a machine under load.
  startupProbe: probe(
    { exec: { command: ['/usr/local/bin/sekisho-rules', 'started'] } },
    { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 },
  ),
  volumeMounts: [
    run,
    { name: VOLUME.custom, mountPath: '/etc/sekisho/custom', readOnly: true },
    noToken,
    ...(trust === undefined ? [] : [token]),
  ],
})

interface WafParts {
  readonly mode: Mode
  readonly captures: readonly Capture[]
  readonly loopback: boolean
  readonly settings: InjectSettings
  readonly trust: RulesTrust | undefined
}
const waf = ({ mode, captures, loopback, settings, trust }: WafParts): Json => ({
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
    ...(trust === undefined ? [] : [value('SEKISHO_RULES_KEYS', trust.keys.join(' '))]),
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

/** Good for `sekisho rules` alone, bound to the Pod, and there whatever `automountServiceAccountToken` says. */
const tokenVolume = {
  name: VOLUME.token,
  projected: {
    defaultMode: 0o644,
    sources: [{ serviceAccountToken: { audience: TOKEN_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: 'token' } }],
  },
}

/** Renders them. The annotation `sekisho.dev/waf-upstream` is already checked. */
export function sidecarsOf(
  mode: Mode,
  captures: readonly Capture[],
  annotations: Readonly<Record<string, string>>,
  settings: InjectSettings,
  known: RulesTrust | undefined,
): Sidecars {
  const trust = settings.updates.url === '' ? undefined : known
  const loopback = annotations[ANNOTATION.wafUpstream] === 'loopback'
  return {
    containers: [rules(mode, settings, trust), waf({ mode, captures, loopback, settings, trust })],
    volumes: [
      { name: VOLUME.run, emptyDir: { sizeLimit: settings.runSize } },
      { name: VOLUME.tmp, emptyDir: { medium: 'Memory', sizeLimit: settings.tmpSize } },
      { name: VOLUME.custom, configMap: { name: CUSTOM_RULES_CONFIGMAP, defaultMode: 0o644, optional: true } },
      // Mounted read-only: nothing is ever written to it.
      { name: VOLUME.noToken, emptyDir: { sizeLimit: '1Mi' } },
      ...(trust === undefined ? [] : [tokenVolume]),
    ],
  }
}
