/**
 * What `sekisho rules status | pin | unpin | rollback | freeze | resume` share: the way to the cluster, the ConfigMaps of the service, and
 * errors that say what would mend them.
 */
import { randomUUID } from 'node:crypto'
import { type Command, Option } from 'commander'
import { SYSTEM_NAMESPACE } from '../api/names.ts'
import { findAccess } from '../cluster/access.ts'
import { type ApiClient, ApiError, createApiClient } from '../cluster/api-client.ts'
import {
  ORDERS_CONFIGMAP,
  type Order,
  type OrderKind,
  type ParsedOrders,
  parseOrders,
  printOrder,
} from '../rules/rollout/operator-orders.ts'
import { parseRollout, ROLLOUT_CONFIGMAP, ROLLOUT_KEY, type RolloutState } from '../rules/rollout/state.ts'
import type { Parsed } from '../rules/rollout/stored.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'

export interface ClusterOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly systemNamespace: string
}

export const clusterOptions = (command: Command): Command =>
  command
    .option('--system-namespace <name>', 'where Sekisho is installed', SYSTEM_NAMESPACE)
    .option('--kubeconfig <file>', 'kubeconfig; without it KUBECONFIG or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig')

export interface OrderOptions extends ClusterOptions {
  readonly why?: string
  readonly dryRun?: boolean
  readonly output: 'text' | 'json'
}

/** What every command that gives an order takes and says, with its examples. */
export const orderOptions = (command: Command, ...lines: string[]): Command =>
  clusterOptions(
    command.addOption(
      new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'),
    ),
  ).addHelpText(
    'after',
    `${examples(...lines)}
Exit codes: 0 written, 1 refused, 2 not tried, 3 the cluster could not be asked.\n`,
  )

/** Says what was ordered. `order` is what stands in the ConfigMap now, or would; null where it was taken away. */
export const tellOrder = (
  io: Io,
  { output, dryRun = false }: OrderOptions,
  kind: OrderKind,
  order: Order<OrderKind> | null,
  text: string,
): void =>
  void io.stdout.write(output === 'json' ? `${JSON.stringify({ kind, dryRun, order, message: text })}\n` : `${text}\n`)

const TIMEOUT_MS = 30_000

export interface RulesCluster {
  readonly client: ApiClient
  readonly namespace: string
  readonly signal: AbortSignal
}

/** Runs against the cluster, and makes what the API server refuses an error of ours. */
export async function inCluster<T>(options: ClusterOptions, run: (cluster: RulesCluster) => Promise<T>): Promise<T> {
  const client = createApiClient(await findAccess(options), `sekisho-rules-cli/${VERSION}`)
  try {
    return await run({ client, namespace: options.systemNamespace, signal: AbortSignal.timeout(TIMEOUT_MS) })
  } finally {
    client.close()
  }
}

const pathOf = (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`

interface ConfigMap {
  readonly metadata: { readonly resourceVersion: string }
  readonly data?: Readonly<Record<string, string>>
}

/** undefined where there is none. */
export async function readConfigMap(
  { client, namespace, signal }: RulesCluster,
  name: string,
): Promise<ConfigMap | undefined> {
  try {
    return await client.request<ConfigMap>('GET', `${pathOf(namespace)}/${name}`, { signal })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw refused(error, `read ConfigMap ${namespace}/${name}`, namespace)
  }
}

export const readRollout = async (cluster: RulesCluster): Promise<Parsed<RolloutState>> =>
  parseRollout((await readConfigMap(cluster, ROLLOUT_CONFIGMAP))?.data?.[ROLLOUT_KEY])
export const readOrders = async (cluster: RulesCluster): Promise<ParsedOrders> =>
  parseOrders((await readConfigMap(cluster, ORDERS_CONFIGMAP))?.data)

/** What is the same in each order. `by` is who the API server says we are; whoever may write the ConfigMap could write another. */
export async function orderGiven(
  { client, signal }: RulesCluster,
  why: string | undefined,
): Promise<Pick<Order<'pin'>, 'id' | 'at' | 'by' | 'why'>> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const by = await client
    .request<{ status?: { userInfo?: { username?: string } } }>(
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      {
        body: review,
        signal,
      },
    )
    .then(({ status }) => status?.userInfo?.username)
    .catch((error: unknown) => {
      // A cluster may withhold it; an order without a name is still an order.
      if (error instanceof ApiError) return undefined
      throw error
    })
  return { id: randomUUID(), at: Date.now(), by: by ?? 'unknown', why: why ?? 'no reason given' }
}

const ATTEMPTS = 5

/**
 * Writes one order, or takes it away; others in the ConfigMap stay as they are, and a change by somebody else in between is not lost.
 * @param look may refuse, knowing what stands there
 */
export async function writeOrder<K extends OrderKind>(
  cluster: RulesCluster,
  kind: K,
  order: Order<K> | undefined,
  options: { readonly dryRun?: boolean | undefined; readonly look?: (there: ParsedOrders) => void } = {},
): Promise<void> {
  const { client, namespace, signal } = cluster
  const query = options.dryRun ? { dryRun: 'All' } : {}
  const text = order === undefined ? null : printOrder(order)
  for (let attempt = 1; ; attempt++) {
    const there = await readConfigMap(cluster, ORDERS_CONFIGMAP)
    options.look?.(parseOrders(there?.data))
    if (there === undefined && text === null) return
    try {
      if (there === undefined)
        await client.request('POST', pathOf(namespace), { body: fresh(kind, text!), query, signal })
      else
        await client.request('PATCH', `${pathOf(namespace)}/${ORDERS_CONFIGMAP}`, {
          body: { metadata: { resourceVersion: there.metadata.resourceVersion }, data: { [kind]: text } },
          contentType: 'application/merge-patch+json',
          query,
          signal,
        })
      return
    } catch (error) {
      const changed =
        error instanceof ApiError && (error.status === 409 || (error.status === 404 && there !== undefined))
      if (!changed || attempt === ATTEMPTS)
        throw refused(error, `write ConfigMap ${namespace}/${ORDERS_CONFIGMAP}`, namespace)
    }
  }
}

const fresh = (kind: OrderKind, text: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: ORDERS_CONFIGMAP,
    labels: { 'app.kubernetes.io/name': 'sekisho-rules', 'app.kubernetes.io/part-of': 'sekisho' },
  },
  data: { [kind]: text },
})

function refused(error: unknown, what: string, namespace: string): unknown {
  if (!(error instanceof ApiError)) return error
  const say = (mend: string) =>
    new Exit(EXIT.failed, `Cannot ${what}: ${error.message}\n  to mend: ${mend}`, { cause: error })
  if (error.status === 403)
    return say(
      `kubectl -n ${namespace} create rolebinding NAME --role=sekisho-rules-operator --user=USER   (or --role=sekisho-rules-viewer, to look only)`,
    )
  if (error.status === 404)
    return say(
      `install Sekisho (kubectl apply -k …), or say where it is with --system-namespace; '${namespace}' has none`,
    )
  return error
}
