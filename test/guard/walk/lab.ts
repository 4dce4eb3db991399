/**
 * The cluster of a walk: real kube-apiserver, controller-manager and scheduler; nodes that kwok plays; the IDS DaemonSet as it is installed,
 * whose Pods its controller makes; the real webhook and two real guards.
 *
 *   pool web    namespace shop (protected)       pool db   namespace till (protected)      namespace trial: audit
 *   pool spare  no protected namespace reaches it          namespace other: not protected
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../../../src/api/kube.ts'
import { ANNOTATION, LABEL } from '../../../src/api/names.ts'
import { findAccess } from '../../../src/cluster/access.ts'
import { type ApiClient, createApiClient } from '../../../src/cluster/api-client.ts'
import { makeCa, makeLeaf } from '../../admission/support.ts'
import { configurations, startWebhook, type WebhookProcess } from '../../admission/webhook-process.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { type FakeNodes, startKwok } from '../../cluster/kwok.ts'
import { startCluster } from '../../cluster/start.ts'
import { until } from '../../cluster-cache/lab.ts'
import { kubeconfigOf } from '../../manifests/account.ts'
import { BASE, objectsOf, render } from '../../manifests/render.ts'
import { type GuardProcess, startGuard } from './guard-process.ts'
import type { ProtectedNamespace } from './world.ts'

export const POOLS = ['web', 'db', 'spare'] as const
export const NAMESPACES: readonly ProtectedNamespace[] = [
  { name: 'shop', selector: { pool: 'web' } },
  { name: 'till', selector: { pool: 'db' } },
]
export const FREE = 'other'
const TRIAL = 'trial'
/** What the API server writes down: how long each placement took, by its own clock. */
export const AUDIT = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'Metadata', verbs: ['create'], resources: [{ group: '', resources: ['pods', 'pods/binding'] }] },
    { level: 'None' },
  ],
}
export const SETTLE = { settleSeconds: 2, flaps: 3, flapMinutes: 1, settleLimitSeconds: 8 } as const
/** Nothing of a walk lasts so long: what happens then is tested apart. */
const NO_LOSS = { notReadyMinutes: 1440, notScheduledMinutes: 1440, policy: 'keep' }
/** No grace: a node is covered or it is not. */
const GUARD = { graceSeconds: 0 }

export interface Lab {
  readonly cluster: Cluster
  readonly client: ApiClient
  readonly kwok: FakeNodes
  readonly webhook: WebhookProcess
  readonly guards: GuardProcess[]
  /** Starts one more guard, with other settings of loss if told. */
  addGuard(other?: { readonly loss: object }): GuardProcess
  stop(): Promise<void>
}

export interface LabOptions {
  readonly nodes: number
  readonly log: (line: string) => void
  readonly work: string
  readonly taint?: object
  readonly loss?: object
  readonly guard?: object
}

/** What is installed of Sekisho here: everything but what runs in Pods of a real node. */
export const INSTALLED = new Set([
  'Namespace',
  'ServiceAccount',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
])

export async function startLab({ nodes, log, work, taint, loss, guard }: LabOptions): Promise<Lab> {
  const cluster = await startCluster({
    size: 'control-plane',
    name: 'walk',
    controllers: ['*'],
    scheduler: true,
    audit: AUDIT,
  })
  const undo: (() => Promise<unknown> | unknown)[] = [() => cluster.stop()]
  const stop = async () => {
    for (const one of undo.toReversed()) await one()
  }
  try {
    const client = createApiClient(await findAccess({ kubeconfig: cluster.kubeconfig }), 'sekisho-walk')
    undo.push(() => client.close())
    const kwok = await startKwok(cluster)
    undo.push(() => kwok.stop())
    const manifests = objectsOf(await render(BASE))
    const ids = manifests.find(({ kind }) => kind === 'DaemonSet') as KubeObject
    const installed = manifests.filter(({ kind = '' }) => INSTALLED.has(kind))
    const apply = (...objects: object[]) =>
      cluster.kubectlOk(['apply', '--server-side', '-f', '-'], {
        input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      })
    await apply(...installed.filter(({ kind }) => kind === 'Namespace'))
    await apply(...installed.filter(({ kind }) => kind !== 'Namespace'), ids)
    log('adding nodes')
    for (const [i, pool] of POOLS.entries())
      await kwok.addNodes(Math.floor((nodes + i) / POOLS.length), { prefix: pool, labels: { pool }, taints: [] })
    await cluster.kubectlOk(['-n', 'sekisho-node', 'rollout', 'status', 'daemonset/sekisho-ids', '--timeout=180s'])
    log('the IDS is Ready everywhere')

    const ca = await makeCa()
    // With the rights of their ServiceAccounts alone, and held by what holds these.
    mkdirSync(work, { recursive: true })
    const [asWebhook, asGuard] = await Promise.all(
      ['sekisho-webhook', 'sekisho-guard'].map((account) => kubeconfigOf(cluster, work, account)),
    )
    const webhook = await startWebhook({
      kubeconfig: asWebhook!,
      work: join(work, 'webhook'),
      pair: await makeLeaf(ca),
      config: `  updates: {url: ""}\nguard: ${JSON.stringify({ ...GUARD, ...guard })}\n`,
    })
    undo.push(() => webhook.stop('SIGKILL'))
    await apply(...configurations(webhook.port, ca.certPem))
    await webhook.untilReady()
    const guards: GuardProcess[] = []
    const addGuard = (other?: { readonly loss: object }) => {
      const config = {
        health: { address: '127.0.0.1', port: 0 },
        guard: { ...GUARD, ...guard },
        taint: { ...SETTLE, ...taint },
        loss: { ...NO_LOSS, ...loss, ...other?.loss },
      }
      const started = startGuard({
        name: `guard-${guards.length}`,
        kubeconfig: asGuard!,
        work,
        config: JSON.stringify(config),
      })
      guards.push(started)
      return started
    }
    undo.push(() => Promise.all(guards.map((one) => one.kill())))
    addGuard()
    addGuard()
    await untilLed(guards)
    for (const { name, selector } of NAMESPACES) await protect(cluster, name, 'true', selector)
    await protect(cluster, TRIAL, 'audit', {})
    await cluster.createNamespace(FREE)
    return { cluster, client, kwok, webhook, guards, addGuard, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Waits until one of them leads. */
export const untilLed = (guards: readonly GuardProcess[]) =>
  until(
    'a guard leads',
    () => guards.map((one) => (one.leads() ? 'leads' : one.lines.slice(-3))),
    (all) => all.includes('leads'),
    60_000,
  )

/** Makes a namespace that is protected, or in audit, held to some nodes. */
export async function protect(
  cluster: Cluster,
  name: string,
  value: 'true' | 'audit',
  selector: Readonly<Record<string, string>>,
): Promise<void> {
  const pairs = Object.entries(selector).map(([key, of]) => `${key}=${of}`)
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { [LABEL.protected]: value, 'pod-security.kubernetes.io/enforce': 'baseline' },
      ...(pairs.length > 0 && { annotations: { [ANNOTATION.nodeSelector]: pairs.join(',') } }),
    },
  }
  await cluster.kubectlOk(['create', '-f', '-'], { input: JSON.stringify(namespace) })
}

export const POD_SPEC = {
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 0,
  containers: [{ name: 'app', image: 'registry.local/app:1' }],
}

/** A Deployment; one whose Pods do not ask for the nodes of its namespace tries all of them. */
export const deployment = (namespace: string, name: string, replicas: number, nodeSelector: object | undefined) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { ...POD_SPEC, ...(nodeSelector && { nodeSelector }) } },
  },
})
