/**
 * The IDS DaemonSet: deleting it, or changing it so that it leaves nodes, would blind every protected namespace at once. It is refused
 * while there is one, unless the user may open everywhere.
 */
import { isDeepStrictEqual } from 'node:util'
import type { KubeObject, UserInfo } from '../api/kube.ts'
import { allow, deny, type Verdict } from '../api/verdict.ts'
import type { GuardSettings } from '../config/webhook.ts'
import { cleansUp } from './users.ts'
import { refusal, some } from './wording.ts'

/** The webhook entry that brings us these requests selects by this label. */
const NAME = 'app.kubernetes.io/name'

export interface DaemonSetRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject | null
  readonly oldObject: KubeObject | null
  readonly user: UserInfo
  readonly settings: Pick<GuardSettings, 'idsNamespace' | 'idsDaemonSet'>
}

/** What the request takes from the nodes, each a clause; empty: it passes whoever asks. */
export function daemonSetLosses(request: DaemonSetRequest): readonly string[] {
  const { operation, settings } = request
  if (request.namespace !== settings.idsNamespace || request.name !== settings.idsDaemonSet) return []
  if (cleansUp(request.user)) return []
  if (operation === 'DELETE') return ['deletes it']
  if (operation !== 'UPDATE' || request.oldObject === null || request.object === null) return []
  if (request.object.metadata?.deletionTimestamp) return []
  const before = read(request.oldObject)
  const after = read(request.object)
  const losses: string[] = []
  const narrower = Object.keys(after.nodeSelector).filter((key) => after.nodeSelector[key] !== before.nodeSelector[key])
  if (narrower.length > 0) losses.push(`holds it to nodes with ${narrower.join(', ')}`)
  if (after.nodeName !== undefined && after.nodeName !== before.nodeName) losses.push('holds it to one node')
  if (hasTerms(after.affinity) && !isDeepStrictEqual(after.affinity, before.affinity))
    losses.push('changes its affinity')
  const lost = before.tolerations.filter(
    (one) => !after.tolerations.some((other) => isDeepStrictEqual(one, other) || toleratesAll(other)),
  )
  if (lost.length > 0) losses.push('takes tolerations away')
  if (before.hostNetwork && !after.hostNetwork) losses.push('takes it off hostNetwork')
  if (rises(before.maxUnavailable, after.maxUnavailable)) losses.push('lets more nodes be without it during a rollout')
  if (before.name !== undefined && after.name !== before.name)
    losses.push(`takes its label ${NAME} away, by which the gate knows it`)
  return losses
}

/** Judges the request by the namespaces that rely on the IDS. */
export function judgeDaemonSet(
  request: DaemonSetRequest,
  facts: { readonly protectedNamespaces: readonly string[]; readonly mayOpen: boolean },
): Verdict {
  const losses = daemonSetLosses(request)
  if (losses.length === 0) return allow('NotConcerned', 'it takes no IDS from any node')
  const { protectedNamespaces: relying } = facts
  if (relying.length === 0) return allow('Accepted', 'no namespace relies on the IDS')
  const title = `DaemonSet ${request.namespace}/${request.name}`
  const who = `${relying.length === 1 ? 'namespace' : 'namespaces'} ${some(relying)} ${relying.length === 1 ? 'relies' : 'rely'} on it`
  if (facts.mayOpen)
    return allow('Opened', `${request.user.username}: ${title}: ${losses.join(', ')}`, [
      `${title}: this change ${losses.join(', and ')}, while ${who}`,
    ])
  return deny(
    request.operation === 'DELETE' ? 'IdsNeeded' : 'IdsShrinks',
    refusal({
      what: `${title} is refused: this change ${losses.join(', and ')}`,
      why: `${who}, and ${request.user.username} has no right to open (verb open on wafpolicies.sekisho.dev in all namespaces)`,
      mend: 'unprotect what this lists first: kubectl get namespaces -l sekisho.dev/protected=true',
    }),
  )
}

interface Loose {
  [key: string]: unknown
}
const object = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})

function read(daemonSet: KubeObject) {
  const spec = object(daemonSet['spec'])
  const pod = object(object(spec['template'])['spec'])
  const strategy = object(spec['updateStrategy'])
  return {
    name: daemonSet.metadata?.labels?.[NAME],
    nodeSelector: object(pod['nodeSelector']) as Record<string, string>,
    nodeName: pod['nodeName'],
    affinity: pod['affinity'],
    tolerations: Array.isArray(pod['tolerations']) ? (pod['tolerations'] as Loose[]) : [],
    hostNetwork: pod['hostNetwork'] === true,
    maxUnavailable: object(strategy['rollingUpdate'])['maxUnavailable'] ?? (strategy['type'] === 'OnDelete' ? 0 : 1),
  }
}

/** `{operator: Exists}` without key and effect: whoever has it loses nothing by losing others. */
const toleratesAll = (one: Loose): boolean => one['operator'] === 'Exists' && !one['key'] && !one['effect']

/** An empty affinity holds nobody anywhere. */
const hasTerms = (affinity: unknown): boolean => Object.keys(object(affinity)).length > 0

/** Numbers with numbers, percentages with percentages; from one to the other counts as a rise. */
function rises(before: unknown, after: unknown): boolean {
  if (typeof before !== typeof after) return after !== 0 && after !== 1
  return Number.parseInt(String(after), 10) > Number.parseInt(String(before), 10)
}
