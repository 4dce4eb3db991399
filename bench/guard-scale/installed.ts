/** What the guard needs of Sekisho in a control plane: namespaces, its rights and what holds them, the IDS DaemonSet, a protected namespace. */
import type { KubeObject } from '../../src/api/kube.ts'
import type { Cluster } from '../../test/cluster/cluster.ts'
import { INSTALLED } from '../../test/guard/walk/lab.ts'
import { BASE, find, objectsOf, render } from '../../test/manifests/render.ts'

/** Returns the uid of the DaemonSet. */
export async function installed(cluster: Cluster): Promise<string> {
  const wanted = objectsOf(await render(BASE)).filter(({ kind = '' }) => INSTALLED.has(kind) || kind === 'DaemonSet')
  const apply = (items: readonly object[]) =>
    cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    })
  await apply(wanted.filter(({ kind }) => kind === 'Namespace'))
  await apply(wanted.filter(({ kind }) => kind !== 'Namespace'))
  await cluster.createNamespace('shop', { 'sekisho.dev/protected': 'true' })
  return cluster.kubectlOk([
    ...['-n', 'sekisho-node', 'get', 'daemonset', 'sekisho-ids', '-o', 'jsonpath={.metadata.uid}'],
  ])
}

/** Node's options in the Deployment of the guard. */
export async function nodeOptions(): Promise<string> {
  const deployment = find(objectsOf(await render(BASE)), 'Deployment', 'sekisho-guard') as KubeObject & {
    readonly spec: { template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } } }
  }
  return deployment.spec.template.spec.containers[0]?.env?.find(({ name }) => name === 'NODE_OPTIONS')?.value ?? ''
}
