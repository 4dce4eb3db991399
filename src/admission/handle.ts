/** One review from parsed body to answer: check, find the reviewer, judge within the deadline, count, log. Knows no HTTP. */
import type { Verdict } from '../api/verdict.ts'
import type { Logger } from '../log.ts'
import { budgetMs, parseTimeout, withDeadline } from './deadline.ts'
import { decisionFields } from './decision-log.ts'
import { AdmissionError } from './errors.ts'
import type { AdmissionMetrics } from './metrics.ts'
import { formatReview, parseReview } from './protocol.ts'
import type { Review, Reviewers } from './review.ts'
import { depthOver } from './shape.ts'
import { fitWarnings } from './warnings.ts'

export type Path = 'mutate' | 'validate'

/** Deeper than any schema of Kubernetes, and far from where a recursive walk runs over the stack. */
const MAX_DEPTH = 256

export interface Handling {
  readonly reviewers: Reviewers
  readonly metrics: AdmissionMetrics
  readonly log: Logger
}

/** A reviewer that does not know enough yet throws an error with this name (see `NotKnownYet` in errors.ts). */
const isNotKnownYet = (error: unknown) => error instanceof Error && error.name === 'NotSyncedError'

const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)

const asAdmissionError = (error: unknown, review: Review | undefined, body: unknown): AdmissionError => {
  if (error instanceof AdmissionError) return error
  const cause = { cause: error }
  if (isNotKnownYet(error)) {
    return new AdmissionError('NotKnownYet', sentence((error as Error).message), cause)
  }
  if (error instanceof RangeError && depthOver(body, MAX_DEPTH)) {
    return new AdmissionError('TooDeep', `Cannot judge what is nested more than ${MAX_DEPTH} deep.`, cause)
  }
  return new AdmissionError(
    'ReviewFailed',
    `Cannot judge: the review ${review?.uid ?? ''} ended in a fault of ours.`,
    cause,
  )
}

/** The key of the reviewer, as in `Reviewers`. */
const keyOf = (path: Path, { resource, subResource }: Review) =>
  subResource === '' ? `${path} ${resource.resource}` : `${path} ${resource.resource}/${subResource}`

/**
 * @param timeout the query parameter as it came
 * @returns the body of the answer. @throws AdmissionError and nothing else
 */
export const handle = async (handling: Handling, path: Path, body: unknown, timeout: unknown): Promise<string> => {
  const { reviewers, metrics, log } = handling
  const start = performance.now()
  let review: Review | undefined
  metrics.began()
  try {
    const budget = budgetMs(parseTimeout(timeout))
    review = parseReview(body)
    const key = keyOf(path, review)
    const reviewer = reviewers.get(key)
    if (reviewer === undefined) {
      const known = [...reviewers.keys()].filter((one) => one.startsWith(path)).map((one) => one.slice(path.length + 1))
      const asked = JSON.stringify(key.slice(path.length + 1, path.length + 81))
      throw new AdmissionError('NoReviewer', `Cannot judge ${asked} on /${path}: known are ${known.join(', ')}.`)
    }
    const checked = review
    const verdict = await withDeadline(budget, (signal) => reviewer(checked, signal))
    return answer(handling, path, key, review, verdict, start)
  } catch (error) {
    const failure = asAdmissionError(error, review, body)
    metrics.failed(failure.code)
    const fields = { 'sekisho.review.uid': review?.uid, 'sekisho.review.path': path, 'error.type': failure.code }
    if (failure.status >= 500) log.error({ ...fields, err: failure }, 'review failed')
    else log.warn({ ...fields, 'error.message': failure.message }, 'review refused as malformed')
    throw failure
  } finally {
    metrics.ended()
  }
}

const answer = (
  handling: Handling,
  path: Path,
  key: string,
  review: Review,
  verdict: Verdict,
  start: number,
): string => {
  const { metrics, log } = handling
  if (path === 'validate' && verdict.verdict === 'allow' && verdict.patch !== undefined && verdict.patch.length > 0) {
    // The API server would refuse the request with words that nobody understands.
    throw new Error(`the reviewer '${key}' answered a validating review with a patch`)
  }
  const { warnings, cut } = fitWarnings(verdict.warnings)
  const text = formatReview(review.uid, verdict, warnings)
  const seconds = (performance.now() - start) / 1000
  metrics.decided(path, key.slice(path.length + 1), verdict.verdict, verdict.reason, seconds)
  if (verdict.verdict === 'allow')
    for (const reason of verdict.wouldRefuse ?? []) metrics.wouldRefuse(key.slice(path.length + 1), reason)
  if (cut > 0) metrics.warningsCut(cut)
  if (log.isLevelEnabled('info')) {
    const fields = decisionFields(path, review, verdict, seconds)
    if (cut > 0) fields['sekisho.warnings'] = verdict.warnings
    log.info(fields, 'reviewed')
  }
  return text
}
