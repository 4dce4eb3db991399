/** Which Pods of protected namespaces run on a node that became blind: one list of metadata, when it happens. */
import type { ApiClient } from '../../cluster/api-client.ts'
import { listAll } from '../../cluster/pages.ts'

interface Metadata {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly annotations?: Readonly<Record<string, string>>
  }
}
export interface PodsThere {
  readonly names: readonly string[]
  /** Those that the kubelet runs from a file: no admission ever saw them. */
  readonly statics: readonly string[]
}

const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'
const MIRROR = 'kubernetes.io/config.mirror'

/** The Pods that have not ended on the node, by namespace, of namespaces that are wanted. */
export async function podsOn(
  client: ApiClient,
  node: string,
  wanted: (namespace: string) => boolean,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PodsThere>> {
  const fieldSelector = `spec.nodeName=${node},status.phase!=Succeeded,status.phase!=Failed`
  const found = new Map<string, { names: string[]; statics: string[] }>()
  for await (const { metadata } of listAll<Metadata>(client, '/api/v1/pods', {
    query: { fieldSelector },
    accept: METADATA_LIST,
    signal,
  })) {
    const { name, namespace, annotations } = metadata
    if (!wanted(namespace)) continue
    const there = found.get(namespace) ?? { names: [], statics: [] }
    found.set(namespace, there)
    there.names.push(name)
    if (annotations?.[MIRROR] !== undefined) there.statics.push(name)
  }
  return found
}
