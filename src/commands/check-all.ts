/**
 * `sekisho check --all-namespaces`: what would be refused today, counted. Namespaces are judged as if each were labelled protected now;
 * of those that are protected or in audit their Pods too, as if they were made now.
 */
import type { Pod } from '../api/kube.ts'
import { LABEL } from '../api/names.ts'
import type { NamespaceView } from '../api/views.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import { readNamespaces } from '../cluster/coverage-facts.ts'
import { listAll } from '../cluster/pages.ts'
import { snapshot } from '../cluster/snapshot.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { today } from '../guard/today.ts'
import { printable } from './printable.ts'
import { table } from './table.ts'

export interface NamespaceToday {
  readonly namespace: string
  readonly protection: 'true' | 'audit' | 'none'
  readonly verdict: 'allow' | 'deny'
  readonly reason: string
  readonly detail: string
}
export interface PodsToday {
  readonly total: number
  readonly refused: number
  /** How many for each reason (a Pod may have several), and one of them. */
  readonly reasons: Readonly<Record<string, { readonly pods: number; readonly first: string }>>
}
export interface AllToday {
  readonly namespaces: readonly NamespaceToday[]
  readonly pods: PodsToday
}

/** Where nothing is ever judged: the webhook's entries leave these out. */
const LEFT_OUT = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'sekisho-system', 'sekisho-node'])
const TIMEOUT_MS = 300_000

const protectionOf = ({ labels }: NamespaceView): NamespaceToday['protection'] => {
  const value = labels[LABEL.protected]
  return value === 'true' || value === 'audit' ? value : 'none'
}

/** Looks at everything once, Pods a page at a time. */
export async function judgeAll(client: ApiClient, settings: GuardSettings): Promise<AllToday> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [reader, all, onHost] = await Promise.all([
    snapshot(client, settings, signal),
    readNamespaces(client, 'all', signal),
    hostNetworkPods(client, signal),
  ])
  const judge = today({
    nodes: reader.nodes(),
    idsPods: reader.idsPods(),
    daemonSet: reader.idsDaemonSet(),
    leases: reader.idsLeases(),
    replaced: reader.replaced(),
    settings,
    now: Date.now(),
  })
  const judged = all.filter(({ name }) => !LEFT_OUT.has(name))
  const namespaces = judged.map((one): NamespaceToday => {
    const { verdict, reason, detail } = judge.namespace(one, onHost.get(one.name) ?? [])
    return { namespace: one.name, protection: protectionOf(one), verdict, reason, detail }
  })
  const concerned = new Map(judged.filter((one) => protectionOf(one) !== 'none').map((one) => [one.name, one]))
  return { namespaces, pods: await judgePods(client, concerned, judge.pod, signal) }
}

const RUNNING = 'status.phase!=Succeeded,status.phase!=Failed'
interface Named {
  readonly metadata: { readonly name: string; readonly namespace: string }
}

async function hostNetworkPods(client: ApiClient, signal: AbortSignal): Promise<ReadonlyMap<string, string[]>> {
  const found = new Map<string, string[]>()
  const query = { fieldSelector: `spec.hostNetwork=true,${RUNNING}` }
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'
  for await (const { metadata } of listAll<Named>(client, '/api/v1/pods', { query, accept, signal })) {
    const names = found.get(metadata.namespace)
    if (names === undefined) found.set(metadata.namespace, [metadata.name])
    else names.push(metadata.name)
  }
  return found
}

async function judgePods(
  client: ApiClient,
  namespaces: ReadonlyMap<string, NamespaceView>,
  judge: (pod: Pod, namespace: NamespaceView) => readonly string[],
  signal: AbortSignal,
): Promise<PodsToday> {
  let [total, refused] = [0, 0]
  const reasons: Record<string, { pods: number; first: string }> = {}
  if (namespaces.size === 0) return { total, refused, reasons }
  for await (const pod of listAll<Pod & Named>(client, '/api/v1/pods', { query: { fieldSelector: RUNNING }, signal })) {
    const namespace = namespaces.get(pod.metadata.namespace)
    if (namespace === undefined) continue
    total++
    const found = new Set(judge(pod, namespace))
    if (found.size > 0) refused++
    for (const reason of found) {
      reasons[reason] ??= { pods: 0, first: `${pod.metadata.namespace}/${pod.metadata.name}` }
      reasons[reason].pods++
    }
  }
  return { total, refused, reasons }
}

/** Whether something that opted in, if only to be told, would be refused. */
export const someRefused = ({ namespaces, pods }: AllToday): boolean =>
  pods.refused > 0 || namespaces.some(({ protection, verdict }) => protection !== 'none' && verdict === 'deny')

const KINDS = { true: 'protected', audit: 'in audit', none: 'all others' } as const
const MOST_TOLD = 20

/** For people. */
export function inLines({ namespaces, pods }: AllToday): string {
  const rows = (['true', 'audit', 'none'] as const).map((protection) => {
    const of = namespaces.filter((one) => one.protection === protection)
    const no = of.filter(({ verdict }) => verdict === 'deny')
    const why = [...Map.groupBy(no, ({ reason }) => reason)].map(([reason, { length }]) => `${reason} ${length}`)
    return [KINDS[protection], String(of.length), String(no.length), why.join(', ')]
  })
  const told = namespaces
    .filter(({ protection, verdict }) => protection !== 'none' && verdict === 'deny')
    .toSorted((a, b) => b.protection.localeCompare(a.protection))
  const byReason = Object.entries(pods.reasons).map(([reason, one]) => [reason, String(one.pods), one.first])
  return [
    'As if each namespace were labelled sekisho.dev/protected: "true" today\n',
    ...table([['NAMESPACES', 'COUNT', 'REFUSED', 'WHY'], ...rows], '  '),
    `\nPods of protected namespaces and of those in audit: ${pods.total}, ${pods.refused} would be refused today\n`,
    ...(byReason.length === 0 ? [] : table([['REASON', 'PODS', 'FOR INSTANCE'], ...byReason], '  ')),
    ...told
      .slice(0, MOST_TOLD)
      .map(({ namespace, protection, reason, detail }) =>
        [
          `\n${namespace} (${KINDS[protection]}): ${reason}`,
          ...detail.split('\n').map((line) => `  ${printable(line)}`),
          '',
        ].join('\n'),
      ),
    ...(told.length > MOST_TOLD ? [`\nand ${told.length - MOST_TOLD} more namespaces: --output json lists all\n`] : []),
  ].join('')
}
