/**
 * The wiring of `sekisho rules serve`, the Deployment sekisho-rules.
 *
 *   configuration ─▶ watches, state ─▶ shelf ─▶ update server ─▶ until a signal: let the Lease go, drain, exit 0
 *                       bench, sources ─▶ the leader's loop
 */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { drainWhenAsked } from '../admission/drain.ts'
import { createHealthServer } from '../admission/health-server.ts'
import { RULES_SERVICE, TOKEN_DIRECTORY } from '../api/names.ts'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, ApiError, createApiClient } from '../cluster/api-client.ts'
import { rulesConfig } from '../config/rules.ts'
import { createLogger, type LogLevel } from '../log.ts'
import { REFUSAL_CODES } from '../rules/publish/codes.ts'
import { sha256 } from '../rules/publish/hash.ts'
import { createPublishMetrics, type PublishMetrics } from '../rules/publish/metrics.ts'
import { createPublishService } from '../rules/publish/service.ts'
import { readClusterKeys } from '../rules/serve/cluster-keys.ts'
import { createUpdateServer } from '../rules/serve/server.ts'
import type { ConfigMapReader, ConfigMapView } from '../rules/sources/configmap.ts'
import { createSources, httpFor } from '../rules/sources/from-config.ts'
import { systemClock } from '../rules/sources/source.ts'
import { startBench } from '../rules/trial/bench.ts'
import { loadCorpus } from '../rules/trial/corpus-files.ts'
import { VERSION } from '../version.ts'
import { EXIT, type Io } from './command.ts'
import { readConfig } from './read-config.ts'
import { endOnFault, signals } from './serving.ts'

export interface ServeOptions {
  readonly config: string
  readonly wafImage: string
  readonly logLevel: LogLevel
  readonly kubeconfig?: string
  readonly context?: string
}

/** For a source that is a ConfigMap. */
const configMapsOf = (client: ApiClient): ConfigMapReader => ({
  read: async (namespace, name, signal) => {
    try {
      const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`
      const { metadata, data, binaryData } = await client.request<
        { metadata: { resourceVersion: string } } & Omit<ConfigMapView, 'resourceVersion'>
      >('GET', path, { signal })
      const { resourceVersion } = metadata
      return { resourceVersion, ...(data && { data }), ...(binaryData && { binaryData }) }
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  },
})

const DRAIN_MS = 5_000
const text = (path: string) => readFile(path, 'utf8')

export const serveRules = async (options: ServeOptions, io: Io): Promise<void> => {
  const config = readConfig(rulesConfig, options.config)
  const log = createLogger({ level: options.logLevel, service: 'sekisho-rules' })
  endOnFault(log)
  const { asked, insisted } = signals()
  const stopping = new AbortController()
  const { signal } = stopping
  const { kubeconfig, context } = options
  const access = await findAccess({ env: io.env, ...(kubeconfig && { kubeconfig }), ...(context && { context }) })
  const client = createApiClient(access, `sekisho-rules/${VERSION}`)
  const { sources, namespace } = config
  const ca = sources.http.caFile === '' ? {} : { ca: await text(sources.http.caFile) }
  const around = { readFile: text, configMaps: configMapsOf(client) }
  let metrics: PublishMetrics | undefined
  const { ids } = createSources(sources, around)
  const service = await createPublishService({
    client,
    config,
    wafImage: options.wafImage,
    // Another one for each start: a Pod that was killed must not take its old self for itself.
    identity: `${io.env['SEKISHO_POD_NAME'] || hostname()}-${process.pid}-${Date.now().toString(36)}`,
    bench: (signing) =>
      startBench(
        {
          settings: config.bench,
          corpus: loadCorpus(),
          hash: sha256,
          signer: () => {
            if (signing.current === undefined) throw new Error(signing.problem ?? 'there is no signing key yet')
            return signing.current
          },
        },
        signal,
      ),
    source: (line) => createSources({ ...sources, crs: { ...sources.crs, line } }, around).crs,
    ...(ids && { idsSource: ids }),
    http: httpFor(sources, { env: { ...io.env }, userAgent: `sekisho-rules/${VERSION}`, ...ca }),
    clock: systemClock,
    readFile: text,
    metrics: () => metrics!,
    log,
    signal,
  })
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'sekisho_' })
  metrics = createPublishMetrics(registry, VERSION, REFUSAL_CODES, service.gauges)
  const { watches, signing } = service
  const unfilled = () => watches.unfilled().join('; ') || undefined
  const token = join(TOKEN_DIRECTORY, 'token')
  const server = createUpdateServer({
    shelf: service.shelf,
    known: unfilled,
    listen: config.listen,
    tls: config.tls,
    poll: config.poll,
    keys: readClusterKeys(client),
    service: { namespace, serviceAccount: RULES_SERVICE },
    peers: {
      addresses: watches.replicas,
      token: () => text(token),
      ca: () => text(join(config.tls.directory, 'ca.crt')),
      serverName: `${RULES_SERVICE}.${namespace}.svc`,
    },
    policyOf: service.policyOf,
    ids: service.ids,
    registry,
    log,
  })
  const checks = { ...server.checks, signing: () => (signing.current === undefined ? signing.problem : undefined) }
  const health = createHealthServer(checks, {
    ready: metrics.ready,
    text: () => registry.metrics(),
    contentType: registry.contentType,
  })
  await new Promise<void>((listening, failed) => {
    health.once('error', failed)
    health.listen(config.health.port, config.health.address, listening)
  })
  const { port } = await server.listen()
  service.start(server.heard, () => server.pace.interval)
  const healthPort = (health.address() as { port: number }).port
  log.info({ 'server.port': port, 'sekisho.health_port': healthPort }, 'listening')
  // Who waits for us to lead need not wait for us to drain.
  void asked.then(() => service.stop())
  const how = await drainWhenAsked({ server, drainMs: DRAIN_MS, log, asked, insisted })
  stopping.abort()
  health.close()
  client.close()
  if (how === 'cut off') log.flush(() => process.exit(EXIT.failed))
  setTimeout(() => process.exit(EXIT.ok), 1000).unref()
}
