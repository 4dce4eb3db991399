/**
 * The metrics of `sekisho webhook`: one table, from which they are made. docs/reference/metrics.md lists the same; a test compares.
 * No label is unbounded: paths and resources are ours, reasons come from the rooms' tables, anything else is counted as `Other`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { ADMISSION_ERRORS, type AdmissionErrorCode } from './errors.ts'

/** Of whatever serves with a certificate that is read again when it changes. */
export const TLS_METRICS = {
  sekisho_tls_certificate_not_after_timestamp_seconds: {
    type: 'gauge',
    labels: [],
    help: 'When the served certificate expires, seconds since the epoch; 0 without one.',
  },
  sekisho_tls_certificate_reloads_total: {
    type: 'counter',
    labels: ['result'],
    help: 'Certificate changes on disk, by result: `loaded`, or `refused` when the files are unusable and the old pair stays.',
  },
  sekisho_tls_handshake_errors_total: {
    type: 'counter',
    labels: [],
    help: 'TLS handshakes that failed, mostly of clients that do not trust the certificate.',
  },
} as const

export const ADMISSION_METRICS = {
  sekisho_admission_reviews_total: {
    type: 'counter',
    labels: ['path', 'resource', 'verdict', 'reason'],
    help: 'Decisions, by path, resource, verdict and reason.',
  },
  sekisho_admission_would_refuse_total: {
    type: 'counter',
    labels: ['resource', 'reason'],
    help: 'What was let through because its namespace is in `audit`, by resource and by the reason for which it would be refused.',
  },
  sekisho_admission_errors_total: {
    type: 'counter',
    labels: ['code'],
    help: 'Requests that ended without a decision, by the code of their error.',
  },
  sekisho_admission_duration_seconds: {
    type: 'histogram',
    labels: ['path', 'resource'],
    help: 'Time from the whole request body to the answer.',
  },
  sekisho_admission_in_flight: { type: 'gauge', labels: [], help: 'Reviews that are being judged now.' },
  sekisho_admission_warnings_cut_total: {
    type: 'counter',
    labels: [],
    help: 'Warnings that were shortened or left out because the API server would not have shown them.',
  },
  sekisho_ready: { type: 'gauge', labels: ['check'], help: 'Whether a check of readiness passes (1) or not (0).' },
  ...TLS_METRICS,
  sekisho_admission_rules_keys: {
    type: 'gauge',
    labels: [],
    help: 'Signing keys that new Pods are told of sekisho rules; 0: none are known, and new Pods keep to their baseline.',
  },
  sekisho_build_info: { type: 'gauge', labels: ['version'], help: 'Always 1; the label says which version runs.' },
} as const satisfies Record<
  string,
  { type: 'counter' | 'gauge' | 'histogram'; labels: readonly string[]; help: string }
>

/** 0.5 ms … 10 s: a review takes about one millisecond, and the API server waits ten seconds. */
export const BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

type Name = keyof typeof ADMISSION_METRICS

export interface AdmissionMetrics {
  decided(path: string, resource: string, verdict: string, reason: string, seconds: number): void
  wouldRefuse(resource: string, reason: string): void
  failed(code: AdmissionErrorCode): void
  began(): void
  ended(): void
  warningsCut(count: number): void
  ready(check: string, passes: boolean): void
  certificateLoaded(notAfter: number): void
  certificateRefused(): void
  handshakeFailed(): void
  rulesKeys(count: number): void
  /** The exposition format, and its content type. */
  text(): Promise<string>
  readonly contentType: string
}

/** @param reasons every code that the rooms' tables hold */
export const createMetrics = (version: string, reasons: ReadonlySet<string>): AdmissionMetrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'sekisho_' })
  const common = (name: Name) => {
    const { help, labels } = ADMISSION_METRICS[name]
    return { name, help, labelNames: labels as readonly string[], registers: [registry] }
  }
  const counter = (name: Name) => new Counter(common(name))
  const gauge = (name: Name) => new Gauge(common(name))

  const reviews = counter('sekisho_admission_reviews_total')
  const would = counter('sekisho_admission_would_refuse_total')
  const errors = counter('sekisho_admission_errors_total')
  const duration = new Histogram({ ...common('sekisho_admission_duration_seconds'), buckets: BUCKETS_SECONDS })
  const inFlight = gauge('sekisho_admission_in_flight')
  const cut = counter('sekisho_admission_warnings_cut_total')
  const ready = gauge('sekisho_ready')
  const notAfter = gauge('sekisho_tls_certificate_not_after_timestamp_seconds')
  const reloads = counter('sekisho_tls_certificate_reloads_total')
  const handshakes = counter('sekisho_tls_handshake_errors_total')
  const rulesKeys = gauge('sekisho_admission_rules_keys')
  rulesKeys.set(0)
  gauge('sekisho_build_info').set({ version }, 1)
  // A rate needs a first value: counters whose labels are known start at 0.
  for (const code of Object.keys(ADMISSION_ERRORS)) errors.inc({ code }, 0)
  for (const result of ['loaded', 'refused']) reloads.inc({ result }, 0)

  // Children with their labels bound: prom-client hashes labels at each call, which is most of what a count costs.
  const children = <T>(make: (...labels: string[]) => T) => {
    const kept = new Map<string, T>()
    return (...labels: string[]): T => {
      const key = labels.join(' ')
      const child = kept.get(key) ?? make(...labels)
      kept.set(key, child)
      return child
    }
  }
  const reviewsOf = children((path, resource, verdict, reason) => reviews.labels(path!, resource!, verdict!, reason!))
  const durationOf = children((path, resource) => duration.labels(path!, resource!))

  return {
    decided: (path, resource, verdict, reason, seconds) => {
      reviewsOf(path, resource, verdict, reasons.has(reason) ? reason : 'Other').inc()
      durationOf(path, resource).observe(seconds)
    },
    wouldRefuse: (resource, reason) => would.inc({ resource, reason: reasons.has(reason) ? reason : 'Other' }),
    failed: (code) => errors.inc({ code }),
    began: () => inFlight.inc(),
    ended: () => inFlight.dec(),
    warningsCut: (count) => cut.inc(count),
    ready: (check, passes) => ready.set({ check }, passes ? 1 : 0),
    certificateLoaded: (seconds) => {
      notAfter.set(seconds)
      reloads.inc({ result: 'loaded' })
    },
    certificateRefused: () => reloads.inc({ result: 'refused' }),
    handshakeFailed: () => handshakes.inc(),
    rulesKeys: (count) => rulesKeys.set(count),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
