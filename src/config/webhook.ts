/** The configuration file of `sekisho webhook`: one schema with its defaults. docs/reference/configuration.md lists the same; a test compares. */
import { z } from 'zod'

const quantity = z
  .string()
  .regex(/^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$/, 'must be a Kubernetes quantity such as 100m or 64Mi')
const resourcesOf = (cpu: string, memory: string, cpuLimit: string, memoryLimit: string) =>
  z.strictObject({
    requests: z.strictObject({ cpu: quantity.default(cpu), memory: quantity.default(memory) }).prefault({}),
    limits: z.strictObject({ cpu: quantity.default(cpuLimit), memory: quantity.default(memoryLimit) }).prefault({}),
  })

export const mode = z.enum(['block', 'detect'])
export const floor = z.enum(['off', 'detect', 'block'])

export const injectSettings = z.strictObject({
  /** How requests reach the WAF. Must be said: never chosen silently. */
  capture: z.enum(['port']),
  /** The sekisho-waf image, tag or digest. */
  image: z.string().min(1),
  imagePullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).default('IfNotPresent'),
  /** Names of pull Secrets added to protected Pods; they must exist in the Pod's namespace. */
  imagePullSecrets: z.array(z.string()).default([]),
  resources: z
    .strictObject({
      waf: resourcesOf('50m', '128Mi', '1', '384Mi').prefault({}),
      rules: resourcesOf('5m', '16Mi', '100m', '64Mi').prefault({}),
    })
    .prefault({}),
  /** The lowest mode a tenant may choose. */
  lowestMode: floor.default('off'),
  /** Whether `sekisho.dev/waf: off` on a Pod is honoured in a namespace that has a default mode. */
  allowOff: z.boolean().default(true),
  /** What a WAF does until its first bundle is placed. */
  withoutBundle: z.enum(['baseline-detect', 'baseline-block', 'wait']).default('baseline-block'),
  paranoiaLevel: z.int().min(1).max(4).default(1),
  allowedMethods: z
    .array(z.string().regex(/^[A-Z]+$/))
    .default(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']),
  bodyLimitBytes: z
    .int()
    .min(1024)
    .max(1 << 30)
    .default(13_107_200),
  /** CIDRs whose X-Forwarded-For is believed. */
  trustedProxies: z.array(z.string()).default([]),
  /** Size of the memory-backed volume for request bodies. */
  tmpSize: quantity.default('64Mi'),
  /** Size of the volume for rule sets, status and the FIFO. */
  runSize: quantity.default('64Mi'),
})
export type InjectSettings = z.output<typeof injectSettings>

export const guardSettings = z.strictObject({
  idsNamespace: z.string().default('sekisho-node'),
  idsDaemonSet: z.string().default('sekisho-ids'),
  /** How long a node whose IDS was Ready may be without it during a rollout. */
  graceSeconds: z.int().min(0).max(3600).default(120),
  /** Whether a namespace is admitted while the cluster has no node yet (scale from zero). */
  allowNoNodes: z.boolean().default(false),
  /** Whether the PodNodeSelector admission plugin is on, so that its namespace annotation counts for reach. */
  podNodeSelector: z.boolean().default(false),
})
export type GuardSettings = z.output<typeof guardSettings>

export const webhookConfig = z.strictObject({
  listen: z
    .strictObject({ address: z.string().default('0.0.0.0'), port: z.int().min(0).max(65535).default(8443) })
    .prefault({}),
  /** Health and metrics, plain HTTP. */
  health: z
    .strictObject({ address: z.string().default('0.0.0.0'), port: z.int().min(0).max(65535).default(8080) })
    .prefault({}),
  tls: z.strictObject({ directory: z.string().default('/etc/sekisho/tls') }).prefault({}),
  /** Largest request body, bytes. */
  bodyLimitBytes: z
    .int()
    .min(1024)
    .default(7 * 1024 * 1024),
  /** How long after SIGTERM connections are still served, ms. */
  drainMs: z.int().min(0).max(60_000).default(5_000),
  inject: injectSettings,
  guard: guardSettings.prefault({}),
})
export type WebhookConfig = z.output<typeof webhookConfig>
