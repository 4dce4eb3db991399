/** What the guard needs of Sekisho in a control plane: namespaces, its rights and what holds them, the IDS DaemonSet, a protected namespace. */
import type { Cluster } from '../../test/cluster/cluster.ts'
import { INSTALLED } from '../../test/guard/walk/lab.ts'
import { BASE, objectsOf, render } from '../../test/manifests/render.ts'

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
