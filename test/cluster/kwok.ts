/**
 * Fake nodes and Pods for scale: kwok plays their kubelets against a real API server. Its nodes carry the annotation
 * `kwok.x-k8s.io/node: fake` and a taint, so that nothing real lands on them; Pods on them become Ready and have addresses that lead
 * nowhere. In a control plane there is no scheduler: give such Pods a `spec.nodeName`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { type EnsureOptions, ensureBinaries } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import { Part, untilReady } from './part.ts'
import { freePorts } from './ports.ts'
import { must } from './run.ts'

const MODULE = 'sigs.k8s.io/kwok'
const STAGES = [
  'node/fast/node-initialize',
  'node/heartbeat-with-lease/node-heartbeat-with-lease',
  'pod/fast/pod-ready',
  'pod/fast/pod-complete',
  'pod/fast/pod-delete',
]
/** Of the Pods' range, and of no real node. */
export const FAKE_ADDRESSES = '10.244.128.0/17'
export const FAKE_TAINT = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' } as const

export interface FakeNodes {
  /** Makes nodes `PREFIX-0` … and waits until all of them are Ready. Returns their names. */
  addNodes(count: number, options?: FakeNodeOptions): Promise<string[]>
  stop(): Promise<void>
}

export interface FakeNodeOptions {
  readonly prefix?: string
  readonly labels?: Readonly<Record<string, string>>
  /** @default FAKE_TAINT: nothing real lands on them. */
  readonly taints?: readonly object[]
}

/** A Pod with this label never becomes Ready, as one whose image cannot be pulled. */
export const NEVER_READY = 'kwok-never-ready'

/** Starts kwok beside a running cluster. It ends with this process at the latest. */
export async function startKwok(cluster: Cluster, options: EnsureOptions = {}): Promise<FakeNodes> {
  const { kwok } = (await ensureBinaries(['kwok'], options)) as { kwok: string }
  const { work } = cluster.state
  const config = join(work, 'kwok-stages.yaml')
  await writeFile(config, await stages())
  const [port] = (await freePorts(1)) as [number]
  const args = [
    `--kubeconfig=${cluster.kubeconfig}`,
    `--config=${config}`,
    '--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake',
    // Without leases the nodes fall back to NotReady, and their Pods to Ready=False, for good.
    '--node-lease-duration-seconds=120',
    `--server-address=127.0.0.1:${port}`,
    `--cidr=${FAKE_ADDRESSES}`,
  ]
  const part = new Part({ name: 'kwok', command: kwok, args }, work)
  const healthy = async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok
  await untilReady(part, [part], healthy, options.signal ?? new AbortController().signal)
  part.child.unref()
  return { addNodes: (count, more) => addNodes(cluster, count, more), stop: () => part.stop() }
}

/** kwok does nothing by itself: what a node or a Pod goes through is configuration, of which its module brings what is usual. */
async function stages(): Promise<string> {
  const source = join(import.meta.dirname, 'modules', 'kwok')
  const list = ['list', '-m', '-f', '{{.Dir}}', MODULE]
  await must('go', ['mod', 'download', MODULE], { cwd: source })
  const folder = (await must('go', list, { cwd: source })).trim()
  const read = (stage: string) => readFile(join(folder, 'kustomize', 'stage', `${stage}.yaml`), 'utf8')
  const texts = await Promise.all(STAGES.map(read))
  return texts.map((text, i) => (STAGES[i] === 'pod/fast/pod-ready' ? butNever(text) : text)).join('\n---\n')
}

/** The stage, passing by Pods that are never to be Ready. */
function butNever(text: string): string {
  const stage = parse(text) as { spec: { selector: { matchExpressions: object[] } } }
  stage.spec.selector.matchExpressions.push({ key: `.metadata.labels["${NEVER_READY}"]`, operator: 'DoesNotExist' })
  return stringify(stage)
}

async function addNodes(
  { api }: Cluster,
  count: number,
  { prefix = 'fake', labels = {}, taints = [FAKE_TAINT] }: FakeNodeOptions = {},
) {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
  const waiting = [...names]
  const make = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const { status, body } = await api('POST', '/api/v1/nodes', fakeNode(name, labels, taints))
      if (status !== 201) throw new Error(`Cannot make the node ${name}: ${status} ${body}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, make))
  for (const end = Date.now() + 120_000 + count * 200; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
    const ready = await readyNodes(api)
    if (names.every((name) => ready.has(name))) return names
    if (Date.now() > end) throw new Error(`Cannot get ${count} fake nodes Ready: only ${ready.size} are`)
  }
}

async function readyNodes(api: Cluster['api']): Promise<Set<string>> {
  const { items } = JSON.parse((await api('GET', '/api/v1/nodes?resourceVersion=0')).body) as { items: NodeObject[] }
  const ready = items.filter(({ status }) =>
    status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  )
  return new Set(ready.map(({ metadata }) => metadata.name))
}

interface NodeObject {
  readonly metadata: { readonly name: string }
  readonly status: { readonly conditions?: readonly { type: string; status: string }[] }
}

/** A node that kwok takes for its own. */
export const fakeNode = (
  name: string,
  labels: Readonly<Record<string, string>>,
  taints: readonly object[] = [FAKE_TAINT],
) => ({
  metadata: {
    name,
    annotations: { 'kwok.x-k8s.io/node': 'fake' },
    labels: {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      type: 'kwok',
      ...labels,
    },
  },
  spec: { taints },
  status: {
    allocatable: { cpu: '32', memory: '256Gi', pods: '110' },
    capacity: { cpu: '32', memory: '256Gi', pods: '110' },
  },
})
