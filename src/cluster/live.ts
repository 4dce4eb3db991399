/** Reads that ask the API server at once: for what a watch does not hold, and for a second look before a refusal. */

import type { IdsLeaseView } from '../api/ids.ts'
import type { UserInfo } from '../api/kube.ts'
import { ANNOTATION } from '../api/names.ts'
import type { IdsDaemonSetView, IdsPodView, LabelSelector, NodeView } from '../api/views.ts'
import type { GuardSettings } from '../config/webhook.ts'
import type { Look } from '../guard/reader.ts'
import type { InjectReader, ProtectedPodView } from '../inject/reader.ts'
import { type ApiClient, ApiError } from './api-client.ts'
import { OPEN, projectDaemonSet, projectIdsLease, projectIdsPod, projectNamespace, projectNode } from './project.ts'

type Settings = Pick<GuardSettings, 'idsNamespace' | 'idsDaemonSet'>
interface List {
  readonly items: readonly never[]
  readonly metadata?: { readonly continue?: string }
}

export interface Live extends Pick<InjectReader, 'liveNamespace' | 'protectedPods' | 'protectedPod'> {
  readonly look: (nodes: readonly string[], signal: AbortSignal) => Promise<Look>
  readonly hostNetworkPods: (namespace: string, signal: AbortSignal) => Promise<readonly string[]>
  readonly mayOpen: (user: UserInfo, namespace: string, signal: AbortSignal) => Promise<boolean>
}

interface MetadataList {
  /** The API server writes an empty list of metadata as `null`. */
  readonly items: readonly MetadataOnly[] | null
  readonly metadata?: { readonly continue?: string }
}
interface MetadataOnly {
  readonly metadata: {
    readonly name: string
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
  }
}

/** A message says one name and a count, so more than so many need not be read. */
const MAX_NAMES = 500
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'

/** Live reads through a client. */
export function createLive(client: ApiClient, settings: Settings): Live {
  const orNull = async <T>(path: string, signal: AbortSignal, accept?: string): Promise<T | null> => {
    try {
      return await client.request<T>('GET', path, { signal, ...(accept && { accept }) })
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null
      throw error
    }
  }
  const daemonSet = async (signal: AbortSignal): Promise<IdsDaemonSetView | null> => {
    const { idsNamespace, idsDaemonSet } = settings
    const raw = await orNull<never>(`/apis/apps/v1/namespaces/${idsNamespace}/daemonsets/${idsDaemonSet}`, signal)
    return raw === null ? null : projectDaemonSet(raw)
  }
  const podsOn = async (node: string, signal: AbortSignal): Promise<IdsPodView[]> => {
    const path = `/api/v1/namespaces/${settings.idsNamespace}/pods`
    const list = await client.request<List>('GET', path, { signal, query: { fieldSelector: `spec.nodeName=${node}` } })
    return list.items.map(projectIdsPod).filter((pod) => pod !== null)
  }
  const leaseOf = async (node: string, signal: AbortSignal): Promise<IdsLeaseView | null> => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${settings.idsNamespace}/leases/${encodeURIComponent(node)}`
    const raw = await orNull<never>(path, signal)
    return raw === null ? null : projectIdsLease(raw)
  }
  const nodesNamed = async (names: readonly string[], signal: AbortSignal): Promise<NodeView[]> => {
    if (names.length === 0) {
      const list = await client.request<List>('GET', '/api/v1/nodes', { signal, query: { limit: MAX_NAMES } })
      return list.items.map(projectNode)
    }
    const raws = await Promise.all(
      names.map((name) => orNull<never>(`/api/v1/nodes/${encodeURIComponent(name)}`, signal)),
    )
    return raws.filter((raw) => raw !== null).map(projectNode)
  }

  return {
    look: async (names, signal) => {
      const [nodes, pods, leases, set] = await Promise.all([
        nodesNamed(names, signal),
        Promise.all(names.map((name) => podsOn(name, signal))),
        Promise.all(names.map((name) => leaseOf(name, signal))),
        daemonSet(signal),
      ])
      const said = leases.filter((lease) => lease !== null).map((lease) => [lease.node, lease] as const)
      return { nodes, idsPods: pods.flat(), daemonSet: set, leases: new Map(said) }
    },
    hostNetworkPods: async (namespace, signal) => {
      const list = await client.request<MetadataList>(
        'GET',
        `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
        {
          signal,
          accept: METADATA_LIST,
          query: {
            fieldSelector: 'spec.hostNetwork=true,status.phase!=Succeeded,status.phase!=Failed',
            limit: MAX_NAMES,
          },
        },
      )
      return (list.items ?? []).map(({ metadata }) => metadata.name)
    },
    mayOpen: async (user, namespace, signal) => {
      const { username, uid, groups, extra } = user
      const review = await client.request<{ status?: { allowed?: boolean } }>(
        'POST',
        '/apis/authorization.k8s.io/v1/subjectaccessreviews',
        {
          signal,
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SubjectAccessReview',
            spec: {
              user: username,
              uid,
              groups,
              extra,
              resourceAttributes: { ...OPEN, ...(namespace !== '' && { namespace }) },
            },
          },
        },
      )
      return review.status?.allowed === true
    },
    protectedPods: async (namespace, selector, signal) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`
      const found: ProtectedPodView[] = []
      let next: string | undefined
      do {
        const query = { labelSelector: selectorText(selector), limit: MAX_NAMES, continue: next }
        const page = await client.request<MetadataList>('GET', path, { signal, accept: METADATA_LIST, query })
        for (const { metadata } of page.items ?? []) {
          const status = metadata.annotations?.[ANNOTATION.status]
          if (status !== undefined) found.push({ name: metadata.name, labels: metadata.labels ?? {}, status })
        }
        next = page.metadata?.continue || undefined
      } while (next !== undefined)
      return found
    },
    protectedPod: async (namespace, name, signal) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`
      // A list of one: to read any Pod by its name would be one right more.
      const query = { fieldSelector: `metadata.name=${name}` }
      const { items } = await client.request<MetadataList>('GET', path, { signal, accept: METADATA_LIST, query })
      const [found] = items ?? []
      const status = found?.metadata.annotations?.[ANNOTATION.status]
      return found === undefined || status === undefined
        ? null
        : { name: found.metadata.name, labels: found.metadata.labels ?? {}, status }
    },
    liveNamespace: async (name, signal) => {
      const raw = await orNull<never>(`/api/v1/namespaces/${encodeURIComponent(name)}`, signal, METADATA)
      return raw === null ? null : projectNamespace(raw)
    },
  }
}

const OPERATORS: Readonly<Record<string, (key: string, values: string) => string>> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
}

/** A selector as the query parameter takes it. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const terms = matchExpressions.map(({ key, operator, values = [] }) => {
    const write = OPERATORS[operator]
    if (write === undefined)
      throw new Error(
        `Cannot select by the operator ${JSON.stringify(operator)}: ${Object.keys(OPERATORS).join(', ')} are known`,
      )
    return write(key, values.join(','))
  })
  return [...equal, ...terms].join(',')
}
