/**
 * `sekisho webhook`: the wiring.
 *
 *   configuration ─▶ watches of the cluster ─▶ reviewers ─▶ server ─▶ until a signal: drain, exit 0
 */
import type { WebhookEntry } from '../admission/ca-bundle.ts'
import { drainWhenAsked } from '../admission/drain.ts'
import { type AdmissionMetrics, createMetrics } from '../admission/metrics.ts'
import { createReviewers } from '../admission/reviewers/index.ts'
import { parseRulesTrust, type RulesTrustFiles, watchRulesTrust } from '../admission/rules-trust.ts'
import { createServer } from '../admission/server.ts'
import { type Configuration, watchTrust } from '../admission/trust.ts'
import { RULES_PUBLIC_CONFIGMAP, SYSTEM_NAMESPACE } from '../api/names.ts'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, ApiError, createApiClient } from '../cluster/api-client.ts'
import { startClusterCache } from '../cluster/cache.ts'
import { type WebhookConfig, webhookConfig } from '../config/webhook.ts'
import { BLIND_REASONS, REASONS as GUARD_REASONS } from '../guard/reasons.ts'
import { REASONS as INJECT_REASONS } from '../inject/reasons.ts'
import { createLogger, LOG_LEVELS, type Logger, type LogLevel } from '../log.ts'
import { PROBLEMS } from '../rules/compile/problem.ts'
import { POLICY_REASONS } from '../rules/policy/reasons.ts'
import { VERSION } from '../version.ts'
import { EXIT, examples, type Io, type Register } from './command.ts'
import { readConfig } from './read-config.ts'
import { endOnFault, logLevel, signals } from './serving.ts'
import { wafImageGiven } from './waf-image.ts'

interface Options {
  readonly config: string
  readonly wafImage?: string
  readonly logLevel: LogLevel
  readonly kubeconfig?: string
  readonly context?: string
}

/** What a metric's `reason` can be. */
const KNOWN_REASONS = new Set(
  [INJECT_REASONS, GUARD_REASONS, BLIND_REASONS, POLICY_REASONS, PROBLEMS].flatMap((table) => Object.keys(table)),
)

/** A floor of block holds for a policy, whichever of the two settings says it. */
const policySettingsOf = ({ inject, policy }: WebhookConfig): WebhookConfig['policy'] =>
  inject.lowestMode === 'block' ? { ...policy, lowestMode: 'block' } : policy

const CONFIGURATIONS = [
  ['MutatingWebhookConfiguration', 'mutatingwebhookconfigurations'],
  ['ValidatingWebhookConfiguration', 'validatingwebhookconfigurations'],
] as const

/** Reads our two webhook configurations, by name: nothing else of that kind concerns us. */
const readConfigurations = (client: ApiClient) => (signal: AbortSignal) =>
  Promise.all(
    CONFIGURATIONS.map(async ([kind, resource]): Promise<Configuration> => {
      const title = `${kind} sekisho`
      try {
        const path = `/apis/admissionregistration.k8s.io/v1/${resource}/sekisho`
        const { webhooks = [] } = await client.request<{ webhooks?: WebhookEntry[] }>('GET', path, { signal })
        return { title, entries: webhooks }
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return { title, entries: undefined }
        throw error
      }
    }),
  )

/** What new Pods are told of `sekisho rules`; its changes go to the log and the metrics. Undefined where Pods are to ask nobody. */
const watchTold = (
  { updates }: WebhookConfig['inject'],
  client: ApiClient,
  metrics: AdmissionMetrics,
  log: Logger,
): RulesTrustFiles | undefined => {
  if (updates.url === '') return undefined
  const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/configmaps/${RULES_PUBLIC_CONFIGMAP}`
  return watchRulesTrust({
    directory: updates.directory,
    now: Date.now,
    onLoaded: ({ keys }) => {
      metrics.rulesKeys(keys.length)
      log.info({ 'sekisho.rules_keys': keys }, 'what new Pods are told of sekisho rules was loaded')
    },
    onRefused: (problem) =>
      log.warn({ 'sekisho.problem': problem }, 'new Pods go on being told of sekisho rules what they were, or nothing'),
    live: async (signal) => {
      const { data = {} } = await client.request<{ data?: Record<string, string> }>('GET', path, { signal })
      return parseRulesTrust(data['ca.crt'] ?? '', data['keys'] ?? '')
    },
  })
}

const run = async (options: Options, io: Io): Promise<void> => {
  const config = readConfig(webhookConfig, options.config, wafImageGiven(options.wafImage))
  const log = createLogger({ level: options.logLevel, service: 'sekisho-webhook' })
  endOnFault(log)
  const { asked, insisted } = signals()
  const stopping = new AbortController()
  const { kubeconfig, context } = options
  const access = await findAccess({ env: io.env, ...(kubeconfig && { kubeconfig }), ...(context && { context }) })
  const client = createApiClient(access, `sekisho-webhook/${VERSION}`)
  const cache = startClusterCache({ client, settings: config.guard, signal: stopping.signal, log })
  const metrics = createMetrics(VERSION, KNOWN_REASONS)
  const told = watchTold(config.inject, client, metrics, log)
  const server = createServer({
    ...config,
    reviewers: createReviewers({
      inject: { reader: cache.reader, settings: config.inject, version: VERSION, ...(told && { rulesTrust: told }) },
      guard: { reader: cache.reader, settings: config.guard, now: Date.now },
      policy: { reader: cache.reader, settings: policySettingsOf(config), now: Date.now },
    }),
    metrics,
    log,
    checks: {
      caches: () => cache.doubts().join('; ') || undefined,
      trust: watchTrust({
        read: readConfigurations(client),
        certificate: () => server.certificate,
        signal: stopping.signal,
      }),
    },
  })
  const ports = await server.listen()
  log.info({ 'server.port': ports.port, 'sekisho.health_port': ports.healthPort }, 'listening')
  const how = await drainWhenAsked({ server, drainMs: config.drainMs, log, asked, insisted })
  stopping.abort()
  told?.close()
  client.close()
  if (how === 'cut off') log.flush(() => process.exit(EXIT.failed))
  // Whatever else might hold the process: what it had to answer is answered.
  setTimeout(() => process.exit(EXIT.ok), 1000).unref()
}

export const register: Register = (program, io) => {
  program
    .command('webhook')
    .description('answer the API server: inject Pods, guard namespaces')
    .requiredOption('-c, --config <file>', 'configuration file (docs/reference/configuration.md)')
    .option('--waf-image <image>', 'the sekisho-waf image, where the configuration file names none')
    .option('--log-level <level>', LOG_LEVELS.join(', '), logLevel, 'info' as const)
    .option('--kubeconfig <file>', 'kubeconfig; without it the Pod’s ServiceAccount, KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')
    .addHelpText(
      'after',
      examples(
        'sekisho webhook --config /etc/sekisho/webhook.yaml',
        'sekisho webhook --config webhook.yaml --kubeconfig ~/.kube/config --log-level debug',
      ),
    )
    .action((options: Options) => run(options, io))
}
