/**
 * The wiring of `sekisho ids run`, the container `agent` of the DaemonSet sekisho-ids.
 *
 *   configuration ─▶ command socket ─▶ the agent ─▶ the probe's file    until a signal: not ready, exit 0
 *                          │               ├──────▶ the Lease, by the API server, where there is one
 *                          └─▶ the rules ──┘  ────▶ Events
 *
 * The agent comes first and waits for none of the others.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, createApiClient } from '../cluster/api-client.ts'
import { type IdsConfig, idsConfig } from '../config/ids.ts'
import { commandSocket, startAgent } from '../ids/agent.ts'
import { createFlows } from '../ids/flows.ts'
import { type NodeLease, type PodIdentity, startNodeLease } from '../ids/node-lease.ts'
import type { RulesState } from '../ids/readiness/facts.ts'
import type { AgentRules } from '../ids/rules/agent-rules.ts'
import { createPodEvents, type TellEvent } from '../ids/rules/events.ts'
import { rulesFacts } from '../ids/rules/facts.ts'
import { createSuricataSocket, type SuricataSocket } from '../ids/suricata-socket.ts'
import { createLogger, type Logger, type LogLevel } from '../log.ts'
import { VERSION } from '../version.ts'
import { EXIT, type Io } from './command.ts'
import { readConfig } from './read-config.ts'
import { endOnFault, signals } from './serving.ts'

export interface RunOptions {
  readonly config: string
  readonly logLevel: LogLevel
  readonly kubeconfig?: string
}

const USER_AGENT = `sekisho-ids/${VERSION}`
/** For rules that are being placed at the end: whatever is cut off then is put right at the next start. */
const REST_MS = 500

/** Who we are to the cluster; undefined: nobody said, and then no Lease and no Event is written. */
const identityOf = (env: Io['env'], namespace: string): PodIdentity | undefined => {
  const [name, uid, node] = [env['SEKISHO_POD_NAME'], env['SEKISHO_POD_UID'], env['NODE_NAME']]
  return name && uid && node ? { namespace, name, uid, node } : undefined
}

/** The way to the API server; undefined: there is none, and the node can be proven without it. */
const clientOf = async (
  kubeconfig: string | undefined,
  env: Io['env'],
  log: Logger,
): Promise<ApiClient | undefined> => {
  try {
    // Never a kubeconfig that happens to lie about, and what reads it costs memory.
    const inPod = env['KUBERNETES_SERVICE_HOST'] && existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token')
    if (kubeconfig === undefined && !inPod) throw new Error('this is no Pod with a token of its ServiceAccount')
    return createApiClient(await findAccess({ env, ...(kubeconfig && { kubeconfig }) }), USER_AGENT)
  } catch (error) {
    log.warn({ reason: String(error) }, 'no API server: neither a Lease nor Events are written')
    return undefined
  }
}

/** Loaded late: what the rules need is much, and the first canary does not wait for it. */
const startRules = async (
  config: IdsConfig,
  engine: SuricataSocket,
  client: ApiClient | undefined,
  tell: TellEvent,
  log: Logger,
  signal: AbortSignal,
): Promise<AgentRules> => {
  const [{ startAgentRules }, { judgeIdsRules }] = await Promise.all([
    import('../ids/rules/agent-rules.ts'),
    import('../ids/language/judge.ts'),
  ])
  const { allow } = config.rules
  return startAgentRules({
    config,
    engine,
    judge: (files) => judgeIdsRules({ files, allow }).problems,
    client,
    tell,
    log,
    signal,
    userAgent: USER_AGENT,
  })
}

export const runIds = async (options: RunOptions, io: Io): Promise<void> => {
  const config = readConfig(idsConfig, options.config)
  const log = createLogger({ level: options.logLevel, service: 'sekisho-ids' })
  endOnFault(log)
  const { asked } = signals()
  const stopping = new AbortController()
  const { signal } = stopping
  const monotonic = () => performance.now()
  const seconds = () => monotonic() / 1000
  const socket = createSuricataSocket({ path: commandSocket(config.runDirectory), monotonic })
  const flows = createFlows(seconds)
  let lease: NodeLease | undefined
  let rules: AgentRules | undefined
  let rulesProblem = 'no set of rules was seen to run since the agent began'

  const rulesState = (): RulesState =>
    rules === undefined
      ? {
          set: 'baseline',
          expected: undefined,
          minimum: 0,
          reload: { state: 'unverified', why: rulesProblem },
          confirmedAt: undefined,
        }
      : rulesFacts(rules.state(), config.rules)

  const agent = await startAgent({
    config,
    socket,
    rules: rulesState,
    report: (report, changed) => lease?.report(report, changed),
    flow: flows.add,
    nonce: () => randomBytes(16).toString('hex'),
    monotonic,
    version: VERSION,
    log,
  })
  const client = await clientOf(options.kubeconfig, io.env, log)
  const pod = identityOf(io.env, config.namespace)
  let tell: TellEvent = () => {}
  if (client && pod) {
    tell = createPodEvents({ client, pod, signal, now: Date.now, log })
    lease = startNodeLease({
      client,
      pod,
      renewMs: config.lease.renewSeconds * 1000,
      flows: flows.read,
      log,
      signal,
      monotonic,
      now: Date.now,
      sleep: (ms, stop) => wait(ms, undefined, { signal: stop }),
      random: Math.random,
    })
  } else if (client)
    log.warn(
      { reason: 'NODE_NAME, SEKISHO_POD_NAME and SEKISHO_POD_UID must be set' },
      'neither a Lease nor Events are written',
    )
  startRules(config, socket, client, tell, log, signal).then(
    (started) => {
      rules = started
    },
    (error: unknown) => {
      rulesProblem = `they could not be looked after: ${(error as Error).message}`
      log.error({ err: error }, 'the rules could not be looked after')
    },
  )

  const name = await asked
  agent.stop()
  stopping.abort()
  await Promise.race([Promise.all([rules?.done, lease?.done]), wait(REST_MS)])
  client?.close()
  log.info({ 'sekisho.signal': name }, 'ended')
  log.flush(() => process.exit(EXIT.ok))
}
