/** The metrics of `sekisho guard`: one table, from which they are made. docs/reference/metrics.md lists the same; a test compares. No node and no namespace is a label. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { TAINT_REASONS } from '../keep/decide.ts'
import type { Counts } from '../keep/keeper.ts'
import type { NamespaceCounts } from '../keep/namespace-book.ts'
import { FINDINGS } from '../keep/tables.ts'
import { BLIND_REASONS } from '../reasons.ts'

export const GUARD_METRICS = {
  sekisho_guard_leader: { type: 'gauge', labels: [], help: 'Whether this replica leads (1) or not (0).' },
  sekisho_guard_nodes: {
    type: 'gauge',
    labels: ['state'],
    help: 'Nodes by state: `covered`; `grace` (its IDS is being replaced); `gated` (blind, our taint keeps new Pods off); `blind` (the same without that taint); `exempt` (no IDS sees it and no protected namespace can reach it).',
  },
  sekisho_guard_drift_nodes: {
    type: 'gauge',
    labels: [],
    help: 'Nodes that are blind while a protected namespace can reach them, tainted or not.',
  },
  sekisho_guard_namespaces: {
    type: 'gauge',
    labels: ['protection', 'status'],
    help: 'Namespaces by their label `sekisho.dev/protected` (`true`, `audit`) and the status of their condition `Covered`. `audit` with `False` is what would be refused.',
  },
  sekisho_guard_break_glass: { type: 'gauge', labels: [], help: 'Namespaces on which break-glass is open.' },
  sekisho_guard_uncovered_allowed: {
    type: 'gauge',
    labels: [],
    help: 'Namespaces on which `sekisho.dev/allow-uncovered` holds.',
  },
  sekisho_guard_taints_total: {
    type: 'counter',
    labels: ['form', 'reason'],
    help: 'Taints written, by what they became (`on`, `kept`, `waived`, `none`) and why.',
  },
  sekisho_guard_writes_total: {
    type: 'counter',
    labels: ['kind', 'result'],
    help: 'Requests to the API server by kind (`taint`, `untaint`, `namespace`, `look`, `event`) and result: `done`, `stale` (another writer was quicker, so it was looked at again), `failed`.',
  },
  sekisho_guard_lag_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Time from the moment a change of an IDS was heard of to the taint being written.',
  },
  sekisho_guard_waiting: { type: 'gauge', labels: [], help: 'Writes and reads that wait for their turn.' },
  sekisho_guard_events_dropped_total: {
    type: 'counter',
    labels: [],
    help: 'Events not written since there were too many.',
  },
  sekisho_guard_findings_total: { type: 'counter', labels: ['kind'], help: 'Findings written to the log, by kind.' },
  sekisho_guard_clock_ahead_seconds: {
    type: 'gauge',
    labels: [],
    help: 'How far the time of day of this replica is ahead of the API server’s. It moves nothing; it is told so that somebody mends it.',
  },
  sekisho_ready: { type: 'gauge', labels: ['check'], help: 'Whether a check of readiness passes (1) or not (0).' },
  sekisho_build_info: { type: 'gauge', labels: ['version'], help: 'Always 1; the label says which version runs.' },
} as const satisfies Record<
  string,
  { type: 'counter' | 'gauge' | 'histogram'; labels: readonly string[]; help: string }
>
type Name = keyof typeof GUARD_METRICS

export const WORK = ['taint', 'untaint', 'namespace', 'look', 'event'] as const
export type Work = (typeof WORK)[number]
export type Result = 'done' | 'stale' | 'failed'

/** What is looked up when somebody reads the metrics. */
export interface GuardGauges {
  readonly leads: boolean
  readonly nodes: Counts
  readonly namespaces: NamespaceCounts
  readonly waiting: number
  readonly aheadSeconds: number
}
export interface GuardMetrics {
  tainted(form: string, reason: string): void
  wrote(kind: Work, result: Result): void
  lag(seconds: number): void
  eventDropped(): void
  found(kind: string): void
  ready(check: string, passes: boolean): void
  text(): Promise<string>
  readonly contentType: string
}

const REASONS = new Set([...Object.keys(TAINT_REASONS), ...Object.keys(BLIND_REASONS)])
const BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60]

/** @param look what is so at the moment of reading */
export const createGuardMetrics = (registry: Registry, version: string, look: () => GuardGauges): GuardMetrics => {
  const common = (name: Name) => {
    const { help, labels } = GUARD_METRICS[name]
    return { name, help, labelNames: labels as readonly string[], registers: [registry] }
  }
  const gauge = (name: Name, collect: (gauge: Gauge, now: GuardGauges) => void) =>
    new Gauge({
      ...common(name),
      collect() {
        collect(this as Gauge, look())
      },
    })
  const taints = new Counter(common('sekisho_guard_taints_total'))
  const writes = new Counter(common('sekisho_guard_writes_total'))
  const lag = new Histogram({ ...common('sekisho_guard_lag_seconds'), buckets: BUCKETS_SECONDS })
  const dropped = new Counter(common('sekisho_guard_events_dropped_total'))
  const findings = new Counter(common('sekisho_guard_findings_total'))
  const ready = new Gauge(common('sekisho_ready'))
  new Gauge(common('sekisho_build_info')).set({ version }, 1)
  gauge('sekisho_guard_leader', (one, { leads }) => one.set(leads ? 1 : 0))
  gauge('sekisho_guard_nodes', (one, { nodes }) => {
    for (const [state, count] of Object.entries(nodes.nodes)) one.set({ state }, count)
  })
  gauge('sekisho_guard_drift_nodes', (one, { nodes }) => one.set(nodes.drift))
  gauge('sekisho_guard_namespaces', (one, { namespaces }) => {
    for (const [protection, counts] of Object.entries(namespaces.status))
      for (const [status, count] of Object.entries(counts)) one.set({ protection, status }, count)
  })
  gauge('sekisho_guard_break_glass', (one, { namespaces }) => one.set(namespaces.breakGlass))
  gauge('sekisho_guard_uncovered_allowed', (one, { namespaces }) => one.set(namespaces.uncoveredAllowed))
  gauge('sekisho_guard_waiting', (one, { waiting }) => one.set(waiting))
  gauge('sekisho_guard_clock_ahead_seconds', (one, { aheadSeconds }) => one.set(aheadSeconds))
  // A rate needs a first value.
  for (const kind of WORK) for (const result of ['done', 'stale', 'failed']) writes.inc({ kind, result }, 0)
  for (const kind of Object.keys(FINDINGS)) findings.inc({ kind }, 0)

  return {
    tainted: (form, reason) => taints.inc({ form, reason: REASONS.has(reason) ? reason : 'Other' }),
    wrote: (kind, result) => writes.inc({ kind, result }),
    lag: (seconds) => lag.observe(seconds),
    eventDropped: () => dropped.inc(),
    found: (kind) => findings.inc({ kind }),
    ready: (check, passes) => ready.set({ check }, passes ? 1 : 0),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
