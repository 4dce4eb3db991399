/**
 * A real API server and scheduler with the real `sekisho webhook` behind the entries as they are installed, on nodes that are objects
 * alone: what a kubelet, a DaemonSet controller and an agent would write of them is written here.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { makeCa, makeLeaf, temporaryDirectory } from '../admission/support.ts'
import { configurations, startWebhook, type WebhookProcess } from '../admission/webhook-process.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { startCluster } from '../cluster/start.ts'
import { node, until } from '../cluster-cache/lab.ts'

const IDS = { 'app.kubernetes.io/name': 'sekisho-ids' }
const PSA = 'pod-security.kubernetes.io/enforce'
const GENERATION = 'admissionregistration.k8s.io/v1'

export interface BindingLab {
  readonly cluster: Cluster
  webhook: WebhookProcess
  readonly must: (method: string, path: string, body?: object) => Promise<unknown>
  /** A node that is Ready, with an IDS Pod on it. */
  readonly addNode: (name: string, labels?: Record<string, string>) => Promise<void>
  /** What the kubelet says of the IDS Pod of a node. */
  readonly ids: (node: string, ready: boolean) => Promise<void>
  /** What the agent of a node says; of another Pod where one is named. */
  readonly lease: (node: string, report: object, pod?: string) => Promise<void>
  readonly namespace: (name: string, labels: object, annotations?: object) => Promise<void>
  readonly pod: (namespace: string, name: string, spec?: object) => Promise<{ status: number; body: string }>
  /** The node of a Pod; empty while it waits. */
  readonly nodeOf: (namespace: string, name: string) => Promise<string>
  readonly bound: (namespace: string, name: string) => Promise<string>
  /** What the scheduler says of a Pod, once it says something that holds the text. */
  readonly told: (namespace: string, name: string, text: string) => Promise<string>
  readonly stopWebhook: () => Promise<void>
}

export const REPORT = {
  v: 1,
  ready: true,
  check: '',
  detail: '',
  rules: { loaded: 30_000, failed: 0, set: 'baseline', ageHours: 1 },
  interfaces: [],
  blindSpots: [],
  version: '1',
}

export async function bindingLab(t: Test): Promise<BindingLab> {
  const cluster = await startCluster({ size: 'control-plane', scheduler: true })
  t.teardown(() => cluster.stop())
  const must = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await cluster.api(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    return JSON.parse(answer.body)
  }
  await cluster.createNamespace('sekisho-node', { [PSA]: 'privileged' })
  const template = {
    metadata: { labels: IDS },
    spec: {
      hostNetwork: true,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'suricata', image: 'registry.local/sekisho-ids:1' }],
    },
  }
  const set = (await must('POST', '/apis/apps/v1/namespaces/sekisho-node/daemonsets', {
    metadata: { name: 'sekisho-ids', labels: IDS },
    spec: { selector: { matchLabels: IDS }, template },
  })) as { metadata: { uid: string } }
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'sekisho-ids', uid: set.metadata.uid }
  const pods = '/api/v1/namespaces/sekisho-node/pods'
  const leases = '/apis/coordination.k8s.io/v1/namespaces/sekisho-node/leases'

  const ids: BindingLab['ids'] = async (name, ready) => {
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString() }
    const patch = JSON.stringify({ status: { phase: 'Running', conditions: [condition] } })
    const args = ['-n', 'sekisho-node', 'patch', 'pod', `ids-${name}`, '--subresource=status', '--type=strategic']
    await cluster.kubectlOk([...args, '-p', patch])
  }
  const ca = await makeCa()
  const webhook = await startWebhook({
    kubeconfig: cluster.kubeconfig,
    work: temporaryDirectory(t),
    pair: await makeLeaf(ca),
  })
  let running = true
  const stopWebhook = async () => {
    if (running) await webhook.stop('SIGKILL')
    running = false
  }
  t.teardown(stopWebhook)
  for (const configuration of configurations(webhook.port, ca.certPem)) {
    const { kind } = configuration as { kind: string }
    await must('POST', `/apis/${GENERATION}/${kind.toLowerCase()}s`, configuration)
  }
  await webhook.untilReady()

  const nodeOf: BindingLab['nodeOf'] = async (namespace, name) => {
    const found = (await must('GET', `/api/v1/namespaces/${namespace}/pods/${name}`)) as { spec: { nodeName?: string } }
    return found.spec.nodeName ?? ''
  }
  const events = async (namespace: string, name: string): Promise<string> => {
    const args = ['-n', namespace, 'get', 'events', '--field-selector', `involvedObject.name=${name}`]
    return cluster.kubectlOk([...args, '-o', 'jsonpath={range .items[*]}{.message}{.note}{"\\n"}{end}'])
  }
  return {
    cluster,
    webhook,
    must,
    addNode: async (name, labels = {}) => {
      const base = node(name)
      await must('POST', '/api/v1/nodes', {
        ...base,
        metadata: { name, labels: { ...base.metadata.labels, ...labels } },
      })
      await cluster.kubectlOk(['taint', 'node', name, 'node.kubernetes.io/not-ready-'])
      const status = {
        capacity: { cpu: '4', memory: '8Gi', pods: '110' },
        allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      }
      await cluster.kubectlOk(['patch', 'node', name, '--subresource=status', '-p', JSON.stringify({ status })])
      await must('POST', pods, {
        metadata: { name: `ids-${name}`, ownerReferences: [{ ...owner, controller: true }] },
        spec: { ...template.spec, nodeName: name },
      })
    },
    ids,
    lease: async (name, report, pod = `ids-${name}`) => {
      const annotations = { 'sekisho.dev/ids-report': JSON.stringify(report) }
      const body = { metadata: { name, labels: IDS, annotations }, spec: { holderIdentity: pod } }
      await cluster.api('DELETE', `${leases}/${name}`)
      await must('POST', leases, body)
    },
    namespace: async (name, labels, annotations = {}) => {
      await must('POST', '/api/v1/namespaces', {
        metadata: { name, labels: { [PSA]: 'baseline', ...labels }, annotations },
      })
      await cluster.createNamespace(name)
    },
    pod: (namespace, name, spec = {}) =>
      cluster.api('POST', `/api/v1/namespaces/${namespace}/pods`, {
        metadata: { name },
        spec: { containers: [{ name: 'app', image: 'registry.local/app:1' }], ...spec },
      }),
    nodeOf,
    bound: (namespace, name) =>
      until(
        `Pod ${namespace}/${name} is bound`,
        () => nodeOf(namespace, name),
        (found) => found !== '',
        60_000,
      ),
    told: (namespace, name, text) =>
      until(
        `an Event of Pod ${namespace}/${name} says ${text}`,
        () => events(namespace, name),
        (all) => all.includes(text),
        60_000,
      ),
    stopWebhook,
  }
}

/** Long enough for a scheduler to bind, if it may. */
export const aWhile = (): Promise<void> => sleep(3000)
