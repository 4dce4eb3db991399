/**
 * The metrics of the update server: one table, from which they are made. docs/reference/metrics.md lists the same; a test compares.
 * No label is unbounded: answers and codes are ours; Pods and namespaces are never labels.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { TLS_METRICS } from '../../admission/metrics.ts'
import { SERVE_ERRORS, type ServeErrorCode } from './errors.ts'

export const SERVE_METRICS = {
  sekisho_rules_polls_total: {
    type: 'counter',
    labels: ['answer'],
    help: 'Polls of Pods: `changed` (200), `unchanged` (304), `nothing` (304: nothing is published for the Pod), `refused` (4xx), `unable` (5xx).',
  },
  sekisho_rules_poll_duration_seconds: {
    type: 'histogram',
    labels: [],
    help: 'Time from the head of a poll to its answer, without the TLS handshake.',
  },
  sekisho_rules_poll_interval_seconds: { type: 'gauge', labels: [], help: 'The interval that Pods are told.' },
  sekisho_rules_bundle_downloads_total: { type: 'counter', labels: [], help: 'Bundles sent to Pods.' },
  sekisho_rules_bundle_bytes_total: { type: 'counter', labels: [], help: 'Bytes of bundles sent to Pods.' },
  sekisho_rules_ids_polls_total: {
    type: 'counter',
    labels: ['answer'],
    help: 'Polls of the IDS agents: `changed` (200), `unchanged` (304), `none` (404: no IDS rules are followed), `refused` (4xx), `unable` (5xx).',
  },
  sekisho_rules_ids_downloads_total: { type: 'counter', labels: [], help: 'Archives of IDS rules sent to agents.' },
  sekisho_rules_serve_errors_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Requests that were refused or could not be answered, by the code of [update-protocol](update-protocol.md).',
  },
  sekisho_rules_connections_refused_total: {
    type: 'counter',
    labels: [],
    help: 'Connections ended at once because there were too many, in all or of one address.',
  },
  sekisho_rules_pods: { type: 'gauge', labels: [], help: 'Protected Pods in the cluster.' },
  sekisho_rules_pods_heard: {
    type: 'gauge',
    labels: ['state'],
    help: 'Pods heard lately, by what became of the rules asked of them last: `active`, `failed`, `waiting`.',
  },
  sekisho_rules_replicas: {
    type: 'gauge',
    labels: [],
    help: 'Replicas of the service that answer, this one included.',
  },
  ...TLS_METRICS,
} as const satisfies Record<
  string,
  { type: 'counter' | 'gauge' | 'histogram'; labels: readonly string[]; help: string }
>

/** 0.2 ms … 5 s: an answer comes from memory. */
export const POLL_BUCKETS_SECONDS = [0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5]
export const POLL_ANSWERS = ['changed', 'unchanged', 'nothing', 'refused', 'unable'] as const
export type PollAnswer = (typeof POLL_ANSWERS)[number]
export const IDS_POLL_ANSWERS = ['changed', 'unchanged', 'none', 'refused', 'unable'] as const
export type IdsPollAnswer = (typeof IDS_POLL_ANSWERS)[number]
const STATES = ['active', 'failed', 'waiting'] as const

type Name = keyof typeof SERVE_METRICS

export interface ServeMetrics {
  polled(answer: PollAnswer, seconds: number): void
  failed(code: ServeErrorCode): void
  sent(bytes: number): void
  idsPolled(answer: IdsPollAnswer): void
  idsSent(): void
  connectionRefused(): void
  certificateLoaded(notAfterSeconds: number): void
  certificateRefused(): void
  handshakeFailed(): void
}
/** What is looked up when somebody reads the metrics. */
export interface Gauges {
  readonly pods: number
  readonly replicas: number
  readonly intervalSeconds: number
  readonly heard: Readonly<Record<(typeof STATES)[number], number>>
}

export const createServeMetrics = (registry: Registry, look: () => Gauges): ServeMetrics => {
  const common = (name: Name) => {
    const { help, labels } = SERVE_METRICS[name]
    return { name, help, labelNames: labels as readonly string[], registers: [registry] }
  }
  const polls = new Counter(common('sekisho_rules_polls_total'))
  const duration = new Histogram({ ...common('sekisho_rules_poll_duration_seconds'), buckets: POLL_BUCKETS_SECONDS })
  const downloads = new Counter(common('sekisho_rules_bundle_downloads_total'))
  const bytesSent = new Counter(common('sekisho_rules_bundle_bytes_total'))
  const idsPolls = new Counter(common('sekisho_rules_ids_polls_total'))
  const idsDownloads = new Counter(common('sekisho_rules_ids_downloads_total'))
  const errors = new Counter(common('sekisho_rules_serve_errors_total'))
  const refused = new Counter(common('sekisho_rules_connections_refused_total'))
  const notAfter = new Gauge(common('sekisho_tls_certificate_not_after_timestamp_seconds'))
  const reloads = new Counter(common('sekisho_tls_certificate_reloads_total'))
  const handshakes = new Counter(common('sekisho_tls_handshake_errors_total'))
  const gauge = (name: Name, read: (gauges: Gauges) => number) =>
    new Gauge({
      ...common(name),
      collect() {
        this.set(read(look()))
      },
    })
  gauge('sekisho_rules_poll_interval_seconds', ({ intervalSeconds }) => intervalSeconds)
  gauge('sekisho_rules_pods', ({ pods }) => pods)
  gauge('sekisho_rules_replicas', ({ replicas }) => replicas)
  new Gauge({
    ...common('sekisho_rules_pods_heard'),
    collect() {
      const { heard } = look()
      for (const state of STATES) this.set({ state }, heard[state])
    },
  })
  // A rate needs a first value: counters whose labels are known start at 0.
  for (const answer of POLL_ANSWERS) polls.inc({ answer }, 0)
  for (const answer of IDS_POLL_ANSWERS) idsPolls.inc({ answer }, 0)
  for (const code of Object.keys(SERVE_ERRORS)) errors.inc({ code }, 0)
  for (const result of ['loaded', 'refused']) reloads.inc({ result }, 0)

  return {
    polled: (answer, seconds) => {
      polls.inc({ answer })
      duration.observe(seconds)
    },
    failed: (code) => errors.inc({ code }),
    sent: (bytes) => {
      downloads.inc()
      bytesSent.inc(bytes)
    },
    idsPolled: (answer) => idsPolls.inc({ answer }),
    idsSent: () => idsDownloads.inc(),
    connectionRefused: () => refused.inc(),
    certificateLoaded: (seconds) => {
      notAfter.set(seconds)
      reloads.inc({ result: 'loaded' })
    },
    certificateRefused: () => reloads.inc({ result: 'refused' }),
    handshakeFailed: () => handshakes.inc(),
  }
}
