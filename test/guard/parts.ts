/** Parts of a cluster as the guard sees them, for tables of cases. */
import type { IdsDaemonSetView, IdsPodView, NodeView } from '../../src/api/views.ts'
import { guardSettings } from '../../src/config/webhook.ts'
import { type CoverageInput, coverage } from '../../src/guard/coverage.ts'
import { namespaceSelectors, selects } from '../../src/guard/node-selector.ts'

export const NOW = Date.parse('2026-05-01T12:00:00Z')
export const settings = guardSettings.parse({})

export const node = (name: string, more: Partial<NodeView> = {}): NodeView => ({
  name,
  labels: { 'kubernetes.io/hostname': name },
  taints: [],
  ready: true,
  unschedulable: false,
  operatingSystem: 'linux',
  ...more,
})

export const idsPod = (nodeName: string, more: Partial<IdsPodView> = {}): IdsPodView => ({
  name: `sekisho-ids-${nodeName}`,
  nodeName,
  ownerUid: 'ds-1',
  hostNetwork: true,
  terminating: false,
  ready: true,
  readyChanged: NOW - 3_600_000,
  notReadyReason: '',
  ...more,
})

export const daemonSet = (more: Partial<IdsDaemonSetView> = {}): IdsDaemonSetView => ({
  uid: 'ds-1',
  name: 'sekisho-ids',
  terminating: false,
  nodeSelector: {},
  tolerations: [],
  maxUnavailable: 1,
  ...more,
})

export const input = (more: Partial<CoverageInput> = {}): CoverageInput => ({
  nodes: [node('a')],
  idsPods: [idsPod('a')],
  daemonSet: daemonSet(),
  namespace: { annotations: {} },
  replaced: new Map(),
  settings,
  now: NOW,
  ...more,
})

/** A coverage in a word for each node: `a:covered b:IdsNoPod`. */
export const inWords = (given: CoverageInput): string => {
  const found = coverage(given)
  const state = (name: string) => {
    const blind = found.blind.find((one) => one.name === name)
    if (blind !== undefined) return blind.reason
    return found.gated.includes(name) ? 'gated' : found.grace.includes(name) ? 'grace' : 'covered'
  }
  const selectors = namespaceSelectors(given.namespace.annotations, given.settings)
  const reach = given.nodes.filter((one) => selectors.every((selector) => selects(selector, one.labels)))
  if (reach.length !== found.reach) throw new Error(`${reach.length} nodes are in reach, not ${found.reach}`)
  return [found.reason, ...reach.map(({ name }) => `${name}:${state(name)}`)].join(' ')
}
