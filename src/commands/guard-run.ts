/**
 * The wiring of `sekisho guard`.
 *
 *   configuration ─▶ watches ─▶ keeper ─▶ loop, while it leads ─▶ until a signal: let the Lease go, exit 0
 */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { createHealthServer } from '../admission/health-server.ts'
import { findAccess } from '../cluster/access.ts'
import { createApiClient } from '../cluster/api-client.ts'
import { startLease } from '../cluster/lease.ts'
import { guardConfig } from '../config/guard.ts'
import { createKeeper, type Keeper } from '../guard/keep/keeper.ts'
import { createClusterTime } from '../guard/loop/cluster-time.ts'
import { createLoop } from '../guard/loop/loop.ts'
import { createGuardMetrics, type GuardMetrics } from '../guard/loop/metrics.ts'
import { startLoopWatches } from '../guard/loop/watches.ts'
import { createLogger, type LogLevel } from '../log.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, type Io } from './command.ts'
import { readConfig } from './read-config.ts'
import { endOnFault, signals } from './serving.ts'

export interface GuardOptions {
  readonly config: string
  readonly dryRun?: boolean
  readonly output: string
  readonly logLevel: LogLevel
  readonly kubeconfig?: string
  readonly context?: string
}

const TIME_MS = 60_000
const TIME_RETRY_MS = 2_000
const DRY_RUN_MS = 60_000

const monotonic = () => performance.now()

export const runGuard = async (options: GuardOptions, io: Io): Promise<void> => {
  const config = readConfig(guardConfig, options.config)
  const { kubeconfig, context } = options
  const access = await findAccess({ env: io.env, ...(kubeconfig && { kubeconfig }), ...(context && { context }) })
  const client = createApiClient(access, `sekisho-guard/${VERSION}`)
  const time = createClusterTime(client, monotonic, Date.now)
  const keeper = createKeeper(config)
  if (options.dryRun === true) {
    const stop = new AbortController()
    const quiet = { info: () => {}, warn: () => {} }
    const common = { client, keeper, signal: stop.signal, log: quiet, monotonic }
    const watches = startLoopWatches({ ...common, settings: config.guard, changed: () => {} })
    try {
      await time.ask(stop.signal)
      const end = monotonic() + DRY_RUN_MS
      while (watches.doubts().length > 0) {
        if (monotonic() > end) throw new Exit(EXIT.failed, `Cannot read the cluster: ${watches.doubts().join('; ')}`)
        await wait(25)
      }
      printPlan(keeper, { monotonic: monotonic(), cluster: time.now() ?? 0 }, options.output, io)
    } finally {
      stop.abort()
      client.close()
    }
    return
  }
  const log = createLogger({ level: options.logLevel, service: 'sekisho-guard' })
  endOnFault(log)
  const { asked, insisted } = signals()
  const stopping = new AbortController()
  const { signal } = stopping
  // Another one for each start: a Pod that was killed must not take its old self for itself.
  const identity = `${io.env['SEKISHO_POD_NAME'] || hostname()}-${process.pid}-${Date.now().toString(36)}`
  let metrics: GuardMetrics | undefined
  const loop = createLoop({
    client,
    keeper,
    time,
    instance: identity,
    leads: () => lease.leads(),
    metrics: () => metrics!,
    found: (finding) => log.warn({ finding }, 'finding'),
    log,
    signal,
    monotonic,
  })
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'sekisho_' })
  metrics = createGuardMetrics(registry, VERSION, () => ({
    leads: lease.leads(),
    nodes: keeper.nodeCounts(),
    namespaces: keeper.counts(),
    waiting: loop.waiting(),
    aheadSeconds: time.aheadSeconds(),
  }))
  const lease = startLease({
    client,
    namespace: config.lease.namespace,
    name: config.lease.name,
    identity,
    signal,
    log,
    monotonic,
    now: Date.now,
    sleep: (ms, abort) => wait(ms, undefined, { signal: abort }),
    changed: (leading) => loop.leading(leading),
  })
  const settings = config.guard
  const watches = startLoopWatches({ client, settings, keeper, changed: loop.changed, signal, log, monotonic })
  loop.start(watches)
  void askTheTime()
  async function askTheTime(): Promise<void> {
    while (!signal.aborted) {
      const failed = await time.ask(signal).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (failed !== undefined && !signal.aborted)
        log.warn({ reason: String(failed) }, 'the API server could not be asked for the time')
      const ms = failed === undefined ? TIME_MS : TIME_RETRY_MS
      await wait(ms, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  const health = createHealthServer({ watches: () => loop.doubt() }, metrics)
  await new Promise<void>((listening, failed) => {
    health.once('error', failed)
    health.listen(config.health.port, config.health.address, listening)
  })
  log.info({ 'sekisho.health_port': (health.address() as { port: number }).port }, 'listening')
  log.info({ 'sekisho.signal': await asked }, 'stopping: another may lead')
  await Promise.race([lease.release(), insisted])
  stopping.abort()
  health.close()
  client.close()
  log.flush(() => process.exit(EXIT.ok))
}

const printPlan = (
  keeper: Keeper,
  times: { readonly monotonic: number; readonly cluster: number },
  output: string,
  io: Io,
): void => {
  const { taint, untaint, namespaces } = keeper.step(times, new Map())
  const nodes = [...taint, ...untaint].sort().flatMap((name) => {
    const write = keeper.nodeWrite(name, times)
    const sight = keeper.entry(name)?.sight
    const why = sight?.kind === 'blind' ? sight.why : ''
    return write === undefined ? [] : [{ node: name, taint: write.form, reason: write.reason, why }]
  })
  const conditions = [...namespaces].sort().map((namespace) => ({
    namespace,
    condition: keeper.condition(namespace) ?? null,
  }))
  if (output === 'json') {
    io.stdout.write(`${JSON.stringify({ nodes, namespaces: conditions, counts: keeper.nodeCounts() })}\n`)
    return
  }
  const lines = [
    ...nodes.map(
      ({ node, taint: form, reason, why }) => `node ${node}: ${WORDS[form]} (${reason})${why && `: ${why}`}`,
    ),
    ...conditions.map(({ namespace, condition: is }) =>
      is === null
        ? `namespace ${namespace}: its condition would be taken away`
        : `namespace ${namespace}: Covered ${is.status} (${is.reason}): ${is.message}`,
    ),
  ]
  io.stdout.write(lines.length === 0 ? 'nothing to write\n' : `${lines.join('\n')}\n`)
}
const WORDS = {
  on: 'would be tainted',
  kept: 'would stay tainted, as lost',
  waived: 'would keep nobody off any more',
  none: 'its taint would go',
} as const
