/**
 * `sekisho rules status`: which release runs, how far the next one is, who is behind and why, what is held back, what upstream said last.
 * All of it from what the service wrote, so it works while the service is down. Exit code 1 when something needs a person.
 */
import { type Command, Option } from 'commander'
import { WAF_POLICY, type WafPolicyStatus } from '../api/waf-policy.ts'
import { ApiError } from '../cluster/api-client.ts'
import { listAll } from '../cluster/pages.ts'
import { IDS_ARCHIVE, IDS_KEYS, parseFetch, parseManifest } from '../rules/publish/ids-manifest.ts'
import { ORDERS_CONFIGMAP, parseOrders } from '../rules/rollout/operator-orders.ts'
import { ROLLOUT_REASONS } from '../rules/rollout/reasons.ts'
import { EMPTY_ROLLOUT } from '../rules/rollout/state.ts'
import { summary } from '../rules/rollout/summary.ts'
import {
  parseNamespace,
  parseShard,
  STATE_SHARDS,
  shardName,
  shardOf,
  type TargetState,
} from '../rules/rollout/target-state.ts'
import { REFUSALS } from '../rules/sources/refusals.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'
import {
  type ClusterOptions,
  clusterOptions,
  inCluster,
  type RulesCluster,
  readConfigMap,
  readRollout,
} from './rules-cluster.ts'
import { type IdsLine, inLines, type PolicyLine, type Status } from './rules-status-lines.ts'

interface Options extends ClusterOptions {
  readonly namespace?: string
  readonly output: 'text' | 'json'
}

const isPassing = (reason: string): boolean =>
  Object.entries(REFUSALS).some(([code, { passing }]) => code === reason && passing)

async function look(cluster: RulesCluster, namespace: string | undefined): Promise<Status> {
  const [rollout, orders, policies, targets, ids] = await Promise.all([
    readRollout(cluster),
    readConfigMap(cluster, ORDERS_CONFIGMAP),
    readPolicies(cluster, namespace),
    readTargets(cluster, namespace),
    readIds(cluster),
  ])
  const state = 'state' in rollout ? rollout.state : EMPTY_ROLLOUT
  const told = summary(state, parseOrders(orders?.data), Date.now(), isPassing)
  const refused = targets.flatMap(([where, { policy, newest }]) =>
    newest === undefined || (newest.outcome !== 'refused' && newest.outcome !== 'held')
      ? []
      : [{ namespace: where, policy, reason: newest.reason, detail: newest.detail, problems: newest.problems }],
  )
  const unreadable =
    'state' in rollout
      ? []
      : [
          {
            reason: 'StateUnreadable',
            detail: `${rollout.detail}. Lost: ${rollout.lost}.`,
            remedy: ROLLOUT_REASONS.StateUnreadable.remedy,
          },
        ]
  const of = (one: { namespace: string }) => namespace === undefined || one.namespace === namespace
  return {
    ...told,
    behind: told.behind.filter(of),
    setAside: told.setAside.filter(of),
    attention: [
      ...unreadable,
      ...told.attention.filter(({ reason }) => unreadable.length === 0 || reason !== 'ServiceSilent'),
    ],
    policies,
    ...(ids && { ids }),
    refused: refused.toSorted((a, b) => (`${a.namespace}/${a.policy}` < `${b.namespace}/${b.policy}` ? -1 : 1)),
  }
}

interface PolicyObject {
  readonly metadata: { readonly namespace: string; readonly name: string }
  readonly status?: WafPolicyStatus
}

/** None where the CRD is not there, or may not be read: the rest is worth showing. */
async function readPolicies({ client, signal }: RulesCluster, namespace: string | undefined): Promise<PolicyLine[]> {
  const { group, version, plural } = WAF_POLICY
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  const lines: PolicyLine[] = []
  try {
    for await (const { metadata, status = {} } of listAll<PolicyObject>(
      client,
      `/apis/${group}/${version}${within}/${plural}`,
      { signal },
    )) {
      const accepted = status.conditions?.find(({ type }) => type === 'Accepted')
      const { mode, rules, enforced } = status
      lines.push({
        namespace: metadata.namespace,
        name: metadata.name,
        ...(mode !== undefined && { mode }),
        ...(rules !== undefined && { rules }),
        ...(enforced !== undefined && { enforced }),
        accepted: accepted?.status ?? 'Unknown',
        message: accepted?.message ?? '',
      })
    }
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 403)) throw error
  }
  return lines
}

/** Undefined where no IDS rules are followed, or the operator's role is an older one. */
async function readIds(cluster: RulesCluster): Promise<IdsLine | undefined> {
  const found = await readConfigMap(cluster, IDS_ARCHIVE).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  })
  if (found === undefined) return undefined
  const parsed = parseManifest(found.data?.[IDS_KEYS.archive])
  const manifest = 'state' in parsed ? parsed.state : undefined
  const fetch = parseFetch(found.data?.[IDS_KEYS.fetch])
  return {
    ...(manifest && {
      current: {
        version: manifest.version,
        sha256: manifest.sha256,
        rules: manifest.rules,
        fetchedAt: manifest.fetchedAt,
      },
    }),
    ...(!('state' in parsed) && { problem: parsed.detail }),
    ...(fetch && { fetch }),
  }
}

async function readTargets(
  cluster: RulesCluster,
  namespace: string | undefined,
): Promise<(readonly [string, TargetState])[]> {
  const shards = namespace === undefined ? Array.from({ length: STATE_SHARDS }, (_, i) => i) : [shardOf(namespace)]
  const read = await Promise.all(shards.map((shard) => readConfigMap(cluster, shardName(shard))))
  if (namespace !== undefined) {
    const one = parseNamespace(namespace, read[0]?.data?.[namespace])
    return 'state' in one ? one.state.targets.map((target) => [namespace, target] as const) : []
  }
  return read.flatMap((shard) =>
    [...parseShard(shard?.data).namespaces].flatMap(([where, { targets }]) =>
      targets.map((target) => [where, target] as const),
    ),
  )
}

async function status(options: Options, io: Io): Promise<void> {
  const told = await inCluster(options, (cluster) => look(cluster, options.namespace))
  io.stdout.write(options.output === 'json' ? `${JSON.stringify(told)}\n` : inLines(told, Date.now()))
  // What a tenant wrote is the tenant's to mend: it counts where one namespace was asked about.
  const needed = told.attention.length > 0 || (options.namespace !== undefined && told.refused.length > 0)
  if (needed) throw new Exit(EXIT.refused)
}

export const registerStatus = (rules: Command, io: Io): void => {
  clusterOptions(
    rules
      .command('status')
      .description('say which release runs where, what is held back and what needs a person')
      .option('-n, --namespace <name>', 'only Pods and policies of this namespace')
      .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text')),
  )
    .addHelpText(
      'after',
      `${examples('sekisho rules status', 'sekisho rules status --namespace shop', 'sekisho rules status -o json | jq .attention')}
Exit codes: 0 nobody is needed, 1 somebody is, 2 not tried, 3 the cluster could not be read.\n`,
    )
    .action((options: Options) => status(options, io))
}
