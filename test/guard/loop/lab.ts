/** What a test of the guard changes in a real API server: nodes, IDS Pods, namespaces. */

import { IDS_DAEMONSET, NODE_NAMESPACE } from '../../../src/api/names.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import type { KeptTaint } from '../../../src/guard/keep/views.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { until } from '../../cluster-cache/lab.ts'

/** The guard's taint, as `taints` writes it. */
export const TAINT = 'sekisho.dev/ids-not-ready:NoSchedule'

const MERGE = 'application/merge-patch+json'
const NODES = '/api/v1/nodes'
const PODS = `/api/v1/namespaces/${NODE_NAMESPACE}/pods`

export interface RawNode {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
  readonly spec: { readonly taints?: readonly KeptTaint[] }
}

/** Hands to change a cluster without controllers and kubelets. */
export async function handsOn(cluster: Cluster, client: ApiClient, more: object = {}) {
  await cluster.createNamespace('sekisho-system')
  await cluster.createNamespace(NODE_NAMESPACE)
  const sets = `/apis/apps/v1/namespaces/${NODE_NAMESPACE}/daemonsets`
  const template = {
    metadata: { labels: { app: 'ids' } },
    spec: {
      hostNetwork: true,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'a', image: 'x' }],
      ...more,
    },
  }
  const spec = { selector: { matchLabels: { app: 'ids' } }, template }
  const body = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: IDS_DAEMONSET }, spec }
  // Where the manifests brought one it is that one.
  const { metadata } = await client
    .request<{ metadata: { uid: string } }>('POST', sets, { body })
    .catch(() => client.request<{ metadata: { uid: string } }>('GET', `${sets}/${IDS_DAEMONSET}`))
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: IDS_DAEMONSET, uid: metadata.uid, controller: true }
  const patch = (path: string, value: object) => client.request('PATCH', path, { body: value, contentType: MERGE })

  const addNode = async (name: string, labels: object = {}, taints: readonly KeptTaint[] = []) => {
    await client.request('POST', NODES, {
      body: {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels: { 'kubernetes.io/os': 'linux', ...labels } },
        spec: { taints },
      },
    })
    // The API server's own not-ready taint is taken off by a controller that is not here.
    await patch(`${NODES}/${name}`, { spec: { taints } })
    await patch(`${NODES}/${name}/status`, {
      status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { operatingSystem: 'linux' } },
    })
  }
  const setReady = (name: string, ready: boolean) =>
    patch(`${PODS}/${name}/status`, {
      status: {
        phase: 'Running',
        conditions: [
          {
            type: 'Ready',
            status: ready ? 'True' : 'False',
            lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
          },
        ],
      },
    })
  const addPod = async (node: string, ready: boolean, name = `ids-${node}`) => {
    await client.request('POST', PODS, {
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, ownerReferences: [owner] },
        spec: { nodeName: node, hostNetwork: true, containers: [{ name: 'a', image: 'x' }] },
      },
    })
    await setReady(name, ready)
  }
  const taints = async (name: string) =>
    ((await client.request<RawNode>('GET', `${NODES}/${name}`)).spec.taints ?? []).map(
      ({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`,
    )
  return {
    addNode,
    addPod,
    setReady: (node: string, ready: boolean) => setReady(`ids-${node}`, ready),
    dropPod: (node: string) =>
      client.request('DELETE', `${PODS}/ids-${node}`, {
        body: { gracePeriodSeconds: 0, kind: 'DeleteOptions', apiVersion: 'v1' },
      }),
    node: (name: string) => client.request<RawNode>('GET', `${NODES}/${name}`),
    taints,
    /** Waits until the node bears the guard's taint. */
    tainted: (name: string) =>
      until(
        `${name} is tainted`,
        () => taints(name),
        (is) => is.includes(TAINT),
      ),
    /** Waits until it does not. */
    free: (name: string) =>
      until(
        `${name} is free`,
        () => taints(name),
        (is) => !is.includes(TAINT),
      ),
    patchNode: (name: string, value: object) => patch(`${NODES}/${name}`, value),
    patchNamespace: (name: string, value: object) => patch(`/api/v1/namespaces/${name}`, value),
    condition: async (name: string) => {
      const raw = await client.request<{ metadata: { annotations?: Record<string, string> } }>(
        'GET',
        `/api/v1/namespaces/${name}`,
      )
      const text = raw.metadata.annotations?.['sekisho.dev/coverage']
      return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>)
    },
    events: async (namespace: string) => {
      const { items } = await client.request<{
        items: { reason: string; message: string; involvedObject: { kind: string; name: string } }[]
      }>('GET', `/api/v1/namespaces/${namespace}/events`)
      return items
    },
  }
}
