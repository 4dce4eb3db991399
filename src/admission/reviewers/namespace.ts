/**
 * `validate namespaces`: looks up what the guard asks for, and only that.
 * A watch can be a moment behind, so a namespace is refused only after one live look at the blind nodes. They are looked at a few at a
 * time: as soon as one of them is blind in truth, the refusal stands whatever the others are.
 */
import type { NamespaceView } from '../../api/views.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import { type Coverage, coverage } from '../../guard/coverage.ts'
import { judgeNamespace, namespaceNeeds } from '../../guard/namespace.ts'
import { namespaceChange } from '../../guard/namespace-change.ts'
import type { GuardReader } from '../../guard/reader.ts'
import type { Reviewer } from '../review.ts'

export interface GuardContext {
  readonly reader: GuardReader
  readonly settings: GuardSettings
  /** ms since the epoch. */
  readonly now: () => number
}

const AT_ONCE = 4
const ROUNDS = 4

/** Makes the reviewer of namespaces. */
export const namespaceReviewer =
  ({ reader, settings, now }: GuardContext): Reviewer =>
  async (review, signal) => {
    const request = {
      operation: review.operation,
      object: review.object,
      oldObject: review.oldObject,
      user: review.userInfo,
      settings,
      now: now(),
    }
    const change = namespaceChange(request)
    const needs = namespaceNeeds(change)
    const name = review.name || review.namespace
    const [found, hostNetworkPods, mayOpen] = await Promise.all([
      needs.coverage && change.kind === 'judge'
        ? surely(change, { reader, settings, now: () => request.now }, signal)
        : undefined,
      needs.hostNetworkPods ? reader.hostNetworkPods(name, signal) : undefined,
      needs.mayOpen ? reader.mayOpen(review.userInfo, name, signal) : undefined,
    ])
    return judgeNamespace(request, {
      ...(found !== undefined && { coverage: found }),
      ...(hostNetworkPods !== undefined && { hostNetworkPods }),
      ...(mayOpen !== undefined && { mayOpen }),
    })
  }

/** Coverage from the watches, and with live eyes before it says no. */
export async function surely(
  namespace: Pick<NamespaceView, 'annotations'>,
  { reader, settings, now }: GuardContext,
  signal: AbortSignal,
): Promise<Coverage> {
  let nodes = reader.nodes()
  let idsPods = reader.idsPods()
  let daemonSet = reader.idsDaemonSet()
  let leases = reader.idsLeases()
  const judge = () =>
    coverage({ nodes, idsPods, daemonSet, leases, namespace, replaced: reader.replaced(), settings, now: now() })
  const looked = new Set<string>()
  for (let round = 0; ; round++) {
    const found = judge()
    if (found.covered || round === ROUNDS || found.blind.some((node) => looked.has(node.name))) return found
    // Without a node in reach there is none to look at by name: no names means a look at which nodes there are.
    if (found.blind.length === 0 && round > 0) return found
    const names = found.blind.slice(0, AT_ONCE).map((node) => node.name)
    const seen = await reader.look(names, signal)
    for (const name of names) looked.add(name)
    const asked = new Set(names)
    const fresh = new Set([...names, ...seen.nodes.map((node) => node.name)])
    nodes = [...nodes.filter((node) => !fresh.has(node.name)), ...seen.nodes]
    idsPods = [...idsPods.filter((pod) => !asked.has(pod.nodeName)), ...seen.idsPods]
    daemonSet = seen.daemonSet
    leases = new Map([...[...leases].filter(([name]) => !asked.has(name)), ...seen.leases])
  }
}
