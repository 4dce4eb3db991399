/** Parts of a cluster as the guard sees them, for tables of cases. */
import type { IdsDaemonSetView, IdsPodView, NodeView } from '../../src/api/views.ts'
import { guardSettings } from '../../src/config/webhook.ts'
import { type CoverageInput, coverage } from '../../src/guard/coverage.ts'

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
  const nodes = found.nodes.map((one) => `${one.name}:${one.state === 'blind' ? one.reason : one.state}`)
  return [found.reason, ...nodes].join(' ')
}
