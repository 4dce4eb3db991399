/** The workloads whose Pods still carry our sidecars, as `kubectl rollout restart` names them. */
import { CONTAINER } from '../api/names.ts'
import type { ApiClient } from './api-client.ts'
import { listAll } from './pages.ts'

interface Owner {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly controller?: boolean
}
interface Owned {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly ownerReferences?: readonly Owner[] }
  readonly spec?: { readonly initContainers?: readonly { readonly name: string }[] }
  readonly status?: { readonly phase?: string }
}

export interface Carrier {
  readonly namespace: string
  /** `deployment/web`. */
  readonly workload: string
  readonly pods: readonly string[]
  /** The command that makes its Pods anew without sidecars. */
  readonly command: string
}

const RESTARTABLE = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])

/** Finds them, sorted. */
export async function sidecarCarriers(client: ApiClient, signal: AbortSignal): Promise<Carrier[]> {
  const found = new Map<string, { namespace: string; kind: string; name: string; pods: string[] }>()
  const replicaSets = new Map<string, Owner>()
  for await (const pod of listAll<Owned>(client, '/api/v1/pods', { signal })) {
    if (!pod.spec?.initContainers?.some(({ name }) => name === CONTAINER.waf)) continue
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue
    const { namespace } = pod.metadata
    const owner = await topOf(client, pod, replicaSets, signal)
    const key = `${namespace}/${owner.kind}/${owner.name}`
    const there = found.get(key) ?? { namespace, ...owner, pods: [] }
    there.pods.push(pod.metadata.name)
    found.set(key, there)
  }
  return [...found.values()]
    .map(({ namespace, kind, name, pods }) => ({
      namespace,
      pods,
      workload: `${kind.toLowerCase()}/${name}`,
      command: commandFor(namespace, kind, name, pods),
    }))
    .sort((a, b) => (a.command < b.command ? -1 : 1))
}

async function topOf(client: ApiClient, pod: Owned, replicaSets: Map<string, Owner>, signal: AbortSignal) {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return { kind: 'Pod', name: pod.metadata.name }
  if (owner.kind !== 'ReplicaSet') return { kind: owner.kind, name: owner.name }
  const path = `/apis/apps/v1/namespaces/${pod.metadata.namespace}/replicasets/${owner.name}`
  const known = replicaSets.get(path)
  const set = known ?? (await deploymentOf(client, path, signal)) ?? owner
  replicaSets.set(path, set)
  return { kind: set.kind, name: set.name }
}

async function deploymentOf(client: ApiClient, path: string, signal: AbortSignal): Promise<Owner | undefined> {
  // A ReplicaSet that is gone, or that we may not read, still has a name.
  const set = await client.request<Owned>('GET', path, { signal }).catch(() => undefined)
  return set?.metadata.ownerReferences?.find(({ controller }) => controller === true)
}

function commandFor(namespace: string, kind: string, name: string, pods: readonly string[]): string {
  const kubectl = `kubectl -n ${namespace}`
  if (RESTARTABLE.has(kind)) return `${kubectl} rollout restart ${kind.toLowerCase()}/${name}`
  if (kind === 'Pod') return `${kubectl} delete pod ${name}   # nobody makes it anew`
  if (kind === 'Job') return `${kubectl} delete job ${name}   # or wait until it ends`
  return `${kubectl} delete pod ${pods.join(' ')}   # ${kind} ${name} makes them anew`
}
