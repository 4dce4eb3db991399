/**
 * The metrics of the publishing part of `sekisho rules`: one table, from which they are made. docs/reference/metrics.md lists the same; a test
 * compares. No label is unbounded: codes come from tables, anything else is counted as `Other`; namespaces and policies are never labels.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export const PUBLISH_METRICS = {
  sekisho_rules_leader: { type: 'gauge', labels: [], help: 'Whether this replica leads (1) or not (0).' },
  sekisho_rules_fetches_total: {
    type: 'counter',
    labels: ['status', 'reason'],
    help: 'Questions to the source of the CRS, by outcome (`new`, `unchanged`, `refused`) and its code.',
  },
  sekisho_rules_refusals_total: {
    type: 'counter',
    labels: ['reason'],
    help: 'Times that something of a policy or its rules was refused or held back, by code.',
  },
  sekisho_rules_trials_total: {
    type: 'counter',
    labels: ['kind', 'verdict'],
    help: 'Trials on the bench, by kind and verdict.',
  },
  sekisho_rules_trial_duration_seconds: { type: 'histogram', labels: ['kind'], help: 'Time on the bench, by kind.' },
  sekisho_rules_publications_total: { type: 'counter', labels: [], help: 'Times that a target got another bundle.' },
  sekisho_rules_targets: {
    type: 'gauge',
    labels: ['state'],
    help: 'Targets (a namespace and one of its policies, or none) by what became of their newest inputs: `published`, `trying`, `refused`, `held`, `none`.',
  },
  sekisho_rules_rollout_share: {
    type: 'gauge',
    labels: [],
    help: 'Per cent of the Pods that get the release being rolled out; 100 where none is.',
  },
  sekisho_rules_rollout_stage: {
    type: 'gauge',
    labels: [],
    help: 'The stage of the rollout, from 1; 0 where there is none.',
  },
  sekisho_rules_rollout_halted: { type: 'gauge', labels: [], help: 'Whether the rollout waits for an operator (1).' },
  sekisho_rules_release_info: {
    type: 'gauge',
    labels: ['slot', 'version'],
    help: 'Always 1; the labels say which release is `current`, and which is `next`.',
  },
  sekisho_rules_source_last_good_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the source last answered well, seconds since the epoch; 0 for never.',
  },
  sekisho_rules_ids_fetches_total: {
    type: 'counter',
    labels: ['status', 'reason'],
    help: 'Questions to the source of IDS rules, by outcome (`new`, `unchanged`, `refused`) and its code.',
  },
  sekisho_rules_ids_info: {
    type: 'gauge',
    labels: ['version'],
    help: 'Always 1; the label says which IDS rules this replica serves.',
  },
  sekisho_rules_ids_source_last_good_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the source of IDS rules last answered well, seconds since the epoch; 0 for never.',
  },
  sekisho_rules_state_problems: { type: 'gauge', labels: [], help: 'Kept state that cannot be read.' },
  sekisho_rules_busy_namespaces: {
    type: 'gauge',
    labels: [],
    help: 'Namespaces that the leader works on, or will soon.',
  },
  sekisho_rules_faults_total: {
    type: 'counter',
    labels: ['what'],
    help: 'Faults while publishing (`namespace`, `rollout`, `status`, `collect`, `ids`); they are tried again.',
  },
  sekisho_rules_events_dropped_total: {
    type: 'counter',
    labels: [],
    help: 'Events not written since there were too many.',
  },
  sekisho_ready: { type: 'gauge', labels: ['check'], help: 'Whether a check of readiness passes (1) or not (0).' },
  sekisho_build_info: { type: 'gauge', labels: ['version'], help: 'Always 1; the label says which version runs.' },
} as const satisfies Record<
  string,
  { type: 'counter' | 'gauge' | 'histogram'; labels: readonly string[]; help: string }
>
type Name = keyof typeof PUBLISH_METRICS

export const TARGET_STATES = ['published', 'trying', 'refused', 'held', 'none'] as const
export const FAULTS = ['namespace', 'rollout', 'status', 'collect', 'ids'] as const
export type FaultKind = (typeof FAULTS)[number]

/** What is looked up when somebody reads the metrics. */
export interface PublishGauges {
  readonly leads: boolean
  readonly targets: Readonly<Record<(typeof TARGET_STATES)[number], number>>
  readonly share: number
  readonly stage: number
  readonly halted: boolean
  readonly releases: Readonly<Record<'current' | 'next', string | undefined>>
  readonly lastGoodSeconds: number
  /** Of IDS rules. */
  readonly ids: { readonly version: string | undefined; readonly lastGoodSeconds: number }
  readonly problems: number
  readonly busy: number
}
export interface PublishMetrics {
  fetched(status: string, reason: string): void
  idsFetched(status: string, reason: string): void
  refused(reason: string): void
  tried(kind: string, verdict: string, seconds: number): void
  published(): void
  fault(what: FaultKind): void
  eventDropped(): void
  ready(check: string, passes: boolean): void
}

/** @param reasons every code that the tables of our rooms hold */
export const createPublishMetrics = (
  registry: Registry,
  version: string,
  reasons: ReadonlySet<string>,
  look: () => PublishGauges,
): PublishMetrics => {
  const common = (name: Name) => {
    const { help, labels } = PUBLISH_METRICS[name]
    return { name, help, labelNames: labels as readonly string[], registers: [registry] }
  }
  const known = (reason: string) => (reasons.has(reason) ? reason : 'Other')
  const gauge = (name: Name, collect: (gauge: Gauge, now: PublishGauges) => void) =>
    new Gauge({
      ...common(name),
      collect() {
        collect(this as Gauge, look())
      },
    })
  const fetches = new Counter(common('sekisho_rules_fetches_total'))
  const idsFetches = new Counter(common('sekisho_rules_ids_fetches_total'))
  const refusals = new Counter(common('sekisho_rules_refusals_total'))
  const trials = new Counter(common('sekisho_rules_trials_total'))
  const duration = new Histogram({
    ...common('sekisho_rules_trial_duration_seconds'),
    buckets: [0.5, 1, 2, 5, 10, 20, 60, 120, 300],
  })
  const publications = new Counter(common('sekisho_rules_publications_total'))
  const faults = new Counter(common('sekisho_rules_faults_total'))
  const dropped = new Counter(common('sekisho_rules_events_dropped_total'))
  const ready = new Gauge(common('sekisho_ready'))
  new Gauge(common('sekisho_build_info')).set({ version }, 1)
  gauge('sekisho_rules_leader', (one, { leads }) => one.set(leads ? 1 : 0))
  gauge('sekisho_rules_targets', (one, { targets }) => {
    for (const state of TARGET_STATES) one.set({ state }, targets[state])
  })
  gauge('sekisho_rules_rollout_share', (one, { share }) => one.set(share))
  gauge('sekisho_rules_rollout_stage', (one, { stage }) => one.set(stage))
  gauge('sekisho_rules_rollout_halted', (one, { halted }) => one.set(halted ? 1 : 0))
  gauge('sekisho_rules_release_info', (one, { releases }) => {
    // A version that is gone must not stay beside the one that is.
    one.reset()
    for (const [slot, version] of Object.entries(releases)) if (version !== undefined) one.set({ slot, version }, 1)
  })
  gauge('sekisho_rules_source_last_good_timestamp_seconds', (one, { lastGoodSeconds }) => one.set(lastGoodSeconds))
  gauge('sekisho_rules_ids_info', (one, { ids }) => {
    one.reset()
    if (ids.version !== undefined) one.set({ version: ids.version }, 1)
  })
  gauge('sekisho_rules_ids_source_last_good_timestamp_seconds', (one, { ids }) => one.set(ids.lastGoodSeconds))
  gauge('sekisho_rules_state_problems', (one, { problems }) => one.set(problems))
  gauge('sekisho_rules_busy_namespaces', (one, { busy }) => one.set(busy))
  // A rate needs a first value.
  for (const what of FAULTS) faults.inc({ what }, 0)
  for (const kind of ['release', 'delta'])
    for (const verdict of ['passed', 'held', 'refused']) trials.inc({ kind, verdict }, 0)

  return {
    fetched: (status, reason) => fetches.inc({ status, reason: known(reason) }),
    idsFetched: (status, reason) => idsFetches.inc({ status, reason: known(reason) }),
    refused: (reason) => refusals.inc({ reason: known(reason) }),
    tried: (kind, verdict, seconds) => {
      trials.inc({ kind, verdict })
      duration.observe({ kind }, seconds)
    },
    published: () => publications.inc(),
    fault: (what) => faults.inc({ what }),
    eventDropped: () => dropped.inc(),
    ready: (check, passes) => ready.set({ check }, passes ? 1 : 0),
  }
}
