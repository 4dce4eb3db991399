/** The configuration file of `sekisho webhook`: one schema with its defaults. docs/reference/configuration.md lists the same; a test compares. */
import { z } from 'zod'
import { idsPermits } from './ids.ts'
import { listener, tlsSettings } from './listen.ts'
import { policySettings } from './rules.ts'

/** As in Kubernetes, `cpu: 1` may be written without quotes. */
const quantity = z.preprocess(
  (value) => (typeof value === 'number' ? String(value) : value),
  z.string().regex(/^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$/, 'must be a Kubernetes quantity such as 100m or 64Mi'),
)
const resourcesOf = (who: string, cpu: string, memory: string, cpuLimit: string, memoryLimit: string) =>
  z.strictObject({
    requests: z
      .strictObject({
        cpu: quantity.default(cpu).describe(`CPU that ${who} asks for`),
        memory: quantity.default(memory).describe(`memory that ${who} asks for`),
      })
      .prefault({}),
    limits: z
      .strictObject({
        cpu: quantity.default(cpuLimit).describe(`most CPU ${who} may use`),
        memory: quantity.default(memoryLimit).describe(`most memory ${who} may use`),
      })
      .prefault({}),
  })
const cidr = z.string().refine((text) => z.cidrv4().safeParse(text).success || z.cidrv6().safeParse(text).success, {
  error: 'must be a CIDR such as 10.0.0.0/8',
})
export const mode = z.enum(['block', 'detect'])
export const floor = z.enum(['off', 'detect', 'block'])

export const injectSettings = z.strictObject({
  capture: z.enum(['port']).describe('how requests reach the WAF; must be said, never chosen silently'),
  image: z.string().min(1).describe('the sekisho-waf image, by tag or digest'),
  imagePullPolicy: z
    .enum(['IfNotPresent', 'Always', 'Never'])
    .default('IfNotPresent')
    .describe('when the kubelet pulls that image'),
  imagePullSecrets: z
    .array(z.string())
    .default([])
    .describe("names of pull Secrets added to protected Pods; they must exist in the Pod's namespace"),
  resources: z
    .strictObject({
      waf: resourcesOf('the WAF', '50m', '128Mi', '1', '384Mi').prefault({}),
      rules: resourcesOf('the rule-updater', '5m', '16Mi', '100m', '64Mi').prefault({}),
    })
    .prefault({}),
  lowestMode: floor.default('off').describe('the lowest mode a tenant may choose'),
  allowOff: z
    .boolean()
    .default(true)
    .describe('whether `sekisho.dev/waf: off` on a Pod is honoured in a namespace that has a default mode'),
  withoutBundle: z
    .enum(['baseline-detect', 'baseline-block', 'wait'])
    .default('baseline-block')
    .describe('what a WAF does until its first bundle is placed'),
  paranoiaLevel: z.int().min(1).max(4).default(1).describe("the CRS's paranoia level"),
  allowedMethods: z
    .array(z.string().regex(/^[A-Z]+$/, 'must be an HTTP method in capitals'))
    .default(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])
    .describe('HTTP methods the WAF lets through'),
  bodyLimitBytes: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(13_107_200)
    .describe('largest request body the WAF takes'),
  trustedProxies: z.array(cidr).default([]).describe('CIDRs whose X-Forwarded-For is believed'),
  tmpSize: quantity.default('64Mi').describe('size of the memory-backed volume for request bodies'),
  runSize: quantity.default('64Mi').describe('size of the volume for rule sets, status and the FIFO'),
  updates: z
    .strictObject({
      url: z
        .string()
        .refine((text) => text === '' || (URL.canParse(text) && new URL(text).protocol === 'https:'), {
          error: 'must be an https address',
        })
        .default('https://sekisho-rules.sekisho-system.svc:443')
        .describe('where rule-updaters ask for bundles; empty: they only use what the image and the namespace hold'),
      connectTo: z
        .string()
        .default('')
        .describe('ADDRESS:PORT to connect to instead of asking DNS for that name, for Pods without the cluster’s DNS'),
      directory: z
        .string()
        .default('/etc/sekisho/rules')
        .describe(
          'where ca.crt and keys are: the CA of that address, and the public keys that sign bundles, a line each',
        ),
    })
    .prefault({}),
})
export type InjectSettings = z.output<typeof injectSettings>

export const guardSettings = z.strictObject({
  idsNamespace: z.string().default('sekisho-node').describe("the IDS DaemonSet's namespace"),
  idsDaemonSet: z.string().default('sekisho-ids').describe("the IDS DaemonSet's name"),
  graceSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(120)
    .describe('how long a node whose IDS was Ready may be without it during a rollout'),
  allowNoNodes: z
    .boolean()
    .default(false)
    .describe('whether a namespace is admitted while the cluster has no node yet (scale from zero)'),
  podNodeSelector: z
    .boolean()
    .default(false)
    .describe('whether the PodNodeSelector admission plugin is on, so that its namespace annotation counts for reach'),
  allowUncoveredHours: z
    .int()
    .min(0)
    .max(8760)
    .default(72)
    .describe('the longest time `sekisho.dev/allow-uncovered` may be set for; 0 forbids it'),
  breakGlassHours: z
    .int()
    .min(0)
    .max(24)
    .default(24)
    .describe('the longest time `sekisho.dev/break-glass` of a Namespace may be set for; 0 forbids it'),
  idsRulesAllow: z
    .array(z.enum(idsPermits))
    .default([])
    .describe(
      'what IDS rules in ConfigMaps may use although it can blind the IDS or write files; give the IDS the same as `rules.allow`',
    ),
})
export type GuardSettings = z.output<typeof guardSettings>

export const webhookConfig = z.strictObject({
  listen: listener(8443, 'the webhook (TLS)'),
  health: listener(8080, 'health and metrics (plain HTTP)'),
  tls: tlsSettings,
  bodyLimitBytes: z
    .int()
    .min(1024)
    .default(7 * 1024 * 1024)
    .describe('largest AdmissionReview taken; an update carries two objects'),
  drainMs: z.int().min(0).max(60_000).default(5_000).describe('how long after SIGTERM connections are still served'),
  inject: injectSettings,
  guard: guardSettings.prefault({}),
  policy: policySettings.prefault({}),
})
export type WebhookConfig = z.output<typeof webhookConfig>
