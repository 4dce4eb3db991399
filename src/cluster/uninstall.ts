/**
 * Takes Sekisho out of a cluster, in the order in which nothing can hang or be locked:
 *
 *   1 webhook configurations  from here on nobody asks us, so nothing of ours can refuse what follows
 *   2 workloads               nothing of ours writes any more
 *                             (and the guard's Pods are waited for, or they would taint nodes anew)
 *   3 nodes, namespaces       taints, labels and annotations of ours; what teams set on their namespaces stays theirs
 *   4 cluster-wide rights, the admission policy that narrows them, priority classes
 *   5 namespaces              with everything in them, the state of `sekisho rules` too
 *   6 CRDs and their objects  last: what teams wrote is kept as long as anything of ours is left
 *
 * Each step lists what is there and deletes that, so a second run does what is left, and after a whole one nothing.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { ANNOTATION, GROUP, KEY_PREFIX, NODE_NAMESPACE, SYSTEM_NAMESPACE } from '../api/names.ts'
import { WAF_POLICY } from '../api/waf-policy.ts'
import { type ApiClient, ApiError } from './api-client.ts'
import { listAll } from './pages.ts'

export interface Removal {
  readonly step: string
  /** `daemonset sekisho-node/sekisho-ids`. */
  readonly what: string
  readonly run: (signal: AbortSignal) => Promise<void>
}

interface Named {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly resourceVersion: string
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
  }
  readonly spec?: { readonly taints?: readonly { readonly key: string }[]; readonly group?: string }
}

const OURS = 'app.kubernetes.io/part-of=sekisho'
const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const NAMESPACES = [SYSTEM_NAMESPACE, NODE_NAMESPACE]
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** What there is to remove, in order. Reads only. */
export async function findRemovals(client: ApiClient, signal: AbortSignal): Promise<Removal[]> {
  const labelled = (step: string, kind: string, path: string) =>
    deletions(client, { step, kind, path, query: { labelSelector: OURS } }, signal)
  const workloads = NAMESPACES.flatMap((namespace) =>
    [
      ['cronjob', 'batch', 'cronjobs'],
      ['job', 'batch', 'jobs'],
      ['deployment', 'apps', 'deployments'],
      ['statefulset', 'apps', 'statefulsets'],
      ['daemonset', 'apps', 'daemonsets'],
    ].map(([kind, group, plural]) =>
      labelled('workloads', kind!, `/apis/${group}/v1/namespaces/${namespace}/${plural}`),
    ),
  )
  const found = await Promise.all([
    labelled('webhook configurations', 'mutatingwebhookconfiguration', `${WEBHOOKS}/mutatingwebhookconfigurations`),
    labelled('webhook configurations', 'validatingwebhookconfiguration', `${WEBHOOKS}/validatingwebhookconfigurations`),
    ...workloads,
    guardPods(client, signal),
    nodes(client, signal),
    namespaces(client, signal),
    labelled('rights', 'validatingadmissionpolicybinding', `${WEBHOOKS}/validatingadmissionpolicybindings`),
    labelled('rights', 'validatingadmissionpolicy', `${WEBHOOKS}/validatingadmissionpolicies`),
    labelled('rights', 'clusterrolebinding', `${RBAC}/clusterrolebindings`),
    labelled('rights', 'clusterrole', `${RBAC}/clusterroles`),
    labelled('rights', 'priorityclass', '/apis/scheduling.k8s.io/v1/priorityclasses'),
    deletions(
      client,
      {
        step: 'namespaces',
        kind: 'namespace',
        path: '/api/v1/namespaces',
        query: { labelSelector: OURS },
        wanted: ({ metadata }) => NAMESPACES.includes(metadata.name),
      },
      signal,
    ),
    deletions(
      client,
      {
        step: 'definitions',
        kind: 'customresourcedefinition',
        path: CRDS,
        wanted: ({ spec }) => spec?.group === GROUP,
      },
      signal,
    ),
  ])
  return found.flat()
}

/** The WafPolicies that go with their definition, as `NAMESPACE/NAME`. */
export async function findPolicies(client: ApiClient, signal: AbortSignal): Promise<string[]> {
  const { group, version, plural } = WAF_POLICY
  const found: string[] = []
  try {
    for await (const { metadata } of listAll<Named>(client, `/apis/${group}/${version}/${plural}`, { signal }))
      found.push(`${metadata.namespace}/${metadata.name}`)
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error
  }
  return found
}

interface Kind {
  readonly step: string
  readonly kind: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly wanted?: (object: Named) => boolean
}

async function deletions(
  client: ApiClient,
  { step, kind, path, query = {}, wanted = () => true }: Kind,
  signal: AbortSignal,
): Promise<Removal[]> {
  const removals: Removal[] = []
  for await (const object of listAll<Named>(client, path, { query, signal })) {
    if (!wanted(object)) continue
    const { name, namespace } = object.metadata
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' }
    removals.push({
      step,
      what: `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`,
      run: (abort) => ignoreMissing(client.request('DELETE', `${path}/${name}`, { body, signal: abort })),
    })
  }
  return removals
}

const GUARD_PODS = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/pods`
const GUARD = { labelSelector: 'app.kubernetes.io/name=sekisho-guard', limit: 1 }
const POLL_MS = 250

/** Its Deployment goes at once, its Pods a moment later: until then they would go on to write to nodes. */
async function guardPods(client: ApiClient, signal: AbortSignal): Promise<Removal[]> {
  const there = async (abort: AbortSignal) => {
    const { items } = await client.request<{ items: unknown[] }>('GET', GUARD_PODS, { query: GUARD, signal: abort })
    return items.length > 0
  }
  if (!(await there(signal))) return []
  const run = async (abort: AbortSignal) => {
    while (await there(abort)) await wait(POLL_MS, undefined, { signal: abort })
  }
  return [{ step: 'workloads', what: 'the Pods of sekisho-guard', run }]
}

/** The condition that the guard wrote. */
async function namespaces(client: ApiClient, signal: AbortSignal): Promise<Removal[]> {
  const removals: Removal[] = []
  for await (const { metadata } of listAll<Named>(client, '/api/v1/namespaces', { signal })) {
    if (metadata.annotations?.[ANNOTATION.coverage] === undefined) continue
    const body = { metadata: { annotations: { [ANNOTATION.coverage]: null } } }
    const contentType = 'application/merge-patch+json'
    const path = `/api/v1/namespaces/${metadata.name}`
    removals.push({
      step: 'namespaces of teams',
      what: `namespace ${metadata.name}: ${ANNOTATION.coverage}`,
      run: (abort) => ignoreMissing(client.request('PATCH', path, { body, contentType, signal: abort })),
    })
  }
  return removals
}

/** Nodes keep what others put on them. */
async function nodes(client: ApiClient, signal: AbortSignal): Promise<Removal[]> {
  const removals: Removal[] = []
  for await (const { metadata, spec } of listAll<Named>(client, '/api/v1/nodes', { signal })) {
    const ours = (keys: Record<string, string> | undefined) =>
      Object.keys(keys ?? {}).filter((key) => key.startsWith(KEY_PREFIX))
    const labels = ours(metadata.labels)
    const annotations = ours(metadata.annotations)
    const taints = (spec?.taints ?? []).filter(({ key }) => key.startsWith(KEY_PREFIX)).map(({ key }) => key)
    const all = [...taints, ...labels, ...annotations]
    if (all.length === 0) continue
    const gone = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, null]))
    removals.push({
      step: 'nodes',
      what: `node ${metadata.name}: ${all.join(', ')}`,
      run: (abort) =>
        ignoreMissing(
          cleanNode(client, metadata.name, { labels: gone(labels), annotations: gone(annotations) }, abort),
        ),
    })
  }
  return removals
}

/** Taints are a list, so they are written whole, and only onto the version they were read from. */
async function cleanNode(client: ApiClient, name: string, metadata: object, signal: AbortSignal): Promise<void> {
  const path = `/api/v1/nodes/${name}`
  for (let attempt = 1; ; attempt++) {
    const node = await client.request<Named>('GET', path, { signal })
    const taints = (node.spec?.taints ?? []).filter(({ key }) => !key.startsWith(KEY_PREFIX))
    const body = { metadata: { ...metadata, resourceVersion: node.metadata.resourceVersion }, spec: { taints } }
    try {
      await client.request('PATCH', path, { body, contentType: 'application/merge-patch+json', signal })
      return
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409) || attempt === 5) throw error
    }
  }
}

async function ignoreMissing(done: Promise<unknown>): Promise<void> {
  try {
    await done
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error
  }
}
