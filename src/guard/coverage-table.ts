/**
 * The coverage of the whole cluster, to be looked at: each node with what its IDS says of itself, and each namespace that is protected or in
 * audit with the nodes its Pods can land on. The verdicts are those of the gate; nothing here decides.
 *
 *   covered | gated | grace | blind   as in coverage.ts
 *   not meant                         the IDS is not made for this node (selector, Windows, virtual), and no such namespace can reach it
 */
import type { IdsCheck, IdsLeaseView } from '../api/ids.ts'
import { LABEL } from '../api/names.ts'
import type { IdsPodView, NamespaceView, NodeView } from '../api/views.ts'
import { uncovered } from './blind-nodes.ts'
import { type Coverage, type CoverageInput, coverage } from './coverage.ts'
import { namespaceSelectors, selects } from './node-selector.ts'
import { type Override, type OverrideSettings, overridesOf } from './overrides.ts'
import type { BlindReason } from './reasons.ts'
import { some } from './wording.ts'

export interface TableInput extends Omit<CoverageInput, 'namespace' | 'settings'> {
  readonly settings: CoverageInput['settings'] & OverrideSettings
  readonly leases: ReadonlyMap<string, IdsLeaseView>
  /** Those with `sekisho.dev/protected: true` or `audit`. */
  readonly namespaces: readonly NamespaceView[]
}

export type NodeState = 'covered' | 'gated' | 'grace' | 'blind' | 'not meant'
export interface NodeRow {
  readonly node: string
  readonly state: NodeState
  /** The IDS Pod there; '' where there is none. */
  readonly pod: string
  /** Why it is blind or not meant. */
  readonly reason: BlindReason | ''
  /** What the agent says fails, with its number. */
  readonly check: IdsCheck | ''
  readonly detail: string
  /** What the agent of that very Pod reported; undefined: nothing that can be read. */
  readonly report?: {
    readonly rules: number
    readonly set: string
    readonly ageHours: number
    readonly packets: number
    readonly drops: number
    readonly version: string
  }
  readonly cordoned: boolean
  readonly ready: boolean
}

export interface NamespaceRow {
  readonly namespace: string
  readonly protection: 'true' | 'audit'
  /** As in the condition `Covered` that the guard writes: also a node that is only gated is not, since what runs there is not watched. */
  readonly isCovered: boolean
  readonly reason: Coverage['reason']
  readonly reach: number
  readonly covered: number
  readonly gated: number
  readonly grace: number
  readonly blind: number
  /** '' where it is covered. */
  readonly why: string
  readonly mend: string
  /** The widest that holds now. */
  readonly override?: Override
}

export interface CoverageTable {
  readonly nodes: readonly NodeRow[]
  readonly namespaces: readonly NamespaceRow[]
  /** What no IDS of these nodes can see: each sentence with how many nodes say it. */
  readonly blindSpots: readonly { readonly sentence: string; readonly nodes: number }[]
}

/** Judges everything once; namespaces held to the same nodes share one verdict, so that thousands of them cost what a few do. */
export function coverageTable(input: TableInput): CoverageTable {
  const verdicts = new Map<string, Coverage>()
  const reached = new Set<string>()
  const verdictOf = ({ annotations }: NamespaceView): Coverage => {
    const selectors = namespaceSelectors(annotations, input.settings)
    const key = JSON.stringify(selectors)
    const known = verdicts.get(key)
    if (known !== undefined) return known
    for (const node of input.nodes) if (selectors.every((one) => selects(one, node.labels))) reached.add(node.name)
    const found = coverage({ ...input, namespace: { annotations } })
    verdicts.set(key, found)
    return found
  }
  const namespaces = input.namespaces
    .map((namespace) => namespaceRow(namespace, verdictOf(namespace), input))
    .toSorted((a, b) => (a.namespace < b.namespace ? -1 : 1))
  const nodes = nodeRows(input, reached)
  return { nodes, namespaces, blindSpots: blindSpots(input, nodes) }
}

/** What speaks of its node: the DaemonSet's own Pod there, one that stays before one that goes. */
function sensors(input: TableInput): ReadonlyMap<string, IdsPodView> {
  const found = new Map<string, IdsPodView>()
  for (const pod of input.idsPods) {
    if (input.daemonSet === null || pod.ownerUid !== input.daemonSet.uid) continue
    const other = found.get(pod.nodeName)
    if (other === undefined || (other.terminating && !pod.terminating)) found.set(pod.nodeName, pod)
  }
  return found
}

const NOT_MEANT: ReadonlySet<BlindReason> = new Set(['NodeUnsupported', 'IdsNotSelected'])

function nodeRows(input: TableInput, reached: ReadonlySet<string>): NodeRow[] {
  const all = coverage({ ...input, namespace: { annotations: {} } })
  const gated = new Set(all.gated)
  const grace = new Set(all.grace)
  const blind = new Map(all.blind.map((one) => [one.name, one]))
  const pods = sensors(input)
  const row = (node: NodeView): NodeRow => {
    const why = blind.get(node.name)
    const state = (): NodeState => {
      if (why !== undefined) return NOT_MEANT.has(why.reason) && !reached.has(node.name) ? 'not meant' : 'blind'
      if (gated.has(node.name)) return 'gated'
      return grace.has(node.name) ? 'grace' : 'covered'
    }
    const pod = pods.get(node.name)
    const report = reportOf(input.leases.get(node.name), pod)
    const fails = report !== undefined && !report.ready && report.check !== ''
    return {
      node: node.name,
      state: state(),
      pod: pod?.name ?? '',
      reason: why?.reason ?? '',
      check: fails ? report.check : '',
      detail: fails ? report.detail : (why?.why ?? ''),
      ...(report !== undefined && {
        report: {
          rules: report.rules.loaded,
          set: report.rules.set,
          ageHours: report.rules.ageHours,
          packets: sum(report.interfaces.map(({ packets }) => packets)),
          drops: sum(report.interfaces.map(({ drops }) => drops)),
          version: report.version,
        },
      }),
      cordoned: node.unschedulable,
      ready: node.ready,
    }
  }
  return input.nodes.map(row).toSorted((a, b) => (a.node < b.node ? -1 : 1))
}

/** Of an older Pod of the node it says nothing. */
const reportOf = (lease: IdsLeaseView | undefined, pod: IdsPodView | undefined) =>
  lease !== undefined && pod !== undefined && lease.pod === pod.name ? lease.report : undefined

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

function namespaceRow(namespace: NamespaceView, found: Coverage, input: TableInput): NamespaceRow {
  const { gated, grace, blind, reach } = found
  const [override] = overridesOf(namespace, input.settings, input.now)
  return {
    namespace: namespace.name,
    protection: namespace.labels[LABEL.protected] === 'audit' ? 'audit' : 'true',
    isCovered: found.covered && gated.length === 0,
    reason: found.reason,
    reach,
    covered: reach - gated.length - grace.length - blind.length,
    gated: gated.length,
    grace: grace.length,
    blind: blind.length,
    ...wordsOf(found, namespace.name),
    ...(override !== undefined && { override }),
  }
}

function wordsOf(found: Coverage, namespace: string): { readonly why: string; readonly mend: string } {
  if (!found.covered) return uncovered(found, namespace)
  if (found.gated.length === 0) return { why: '', mend: '' }
  const why = `new Pods are kept off ${some(found.gated)}, whose IDS is not Ready or that is not Ready itself: what runs there is not watched`
  return { why, mend: `kubectl describe node ${found.gated[0]}; kubectl -n sekisho-node get pods -o wide` }
}

function blindSpots(input: TableInput, nodes: readonly NodeRow[]): CoverageTable['blindSpots'] {
  const counts = new Map<string, number>()
  for (const { node, report } of nodes)
    if (report !== undefined)
      for (const sentence of new Set(input.leases.get(node)?.report?.blindSpots ?? []))
        counts.set(sentence, (counts.get(sentence) ?? 0) + 1)
  return [...counts]
    .map(([sentence, many]) => ({ sentence, nodes: many }))
    .toSorted((a, b) => b.nodes - a.nodes || (a.sentence < b.sentence ? -1 : 1))
}
