/**
 * The API server says with `?timeout=10s` how long it waits, and counts from before it connected. We stop a little
 * earlier, so that it reads our reason and not a broken connection.
 */
import { AdmissionError, shown } from './errors.ts'

/** The API server's own default, for callers that do not say. */
const DEFAULT_MS = 10_000
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
}
const DURATION = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/
const PART = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g

/** A Go duration in ms. @throws AdmissionError */
export const parseTimeout = (text: unknown): number => {
  if (text === undefined) return DEFAULT_MS
  if (typeof text !== 'string' || text.length > 32 || !DURATION.test(text)) {
    throw new AdmissionError(
      'BadTimeout',
      `Cannot keep the deadline as 'timeout' must be a duration: current value is ${shown(text)}.`,
    )
  }
  let ms = 0
  for (const [, number, unit] of text.matchAll(PART)) ms += Number(number) * UNITS[unit!]!
  return ms
}

/** What is ours of it: a tenth, at least 50 ms and at most 500 ms, stays for the way back; 30 s is the longest Kubernetes allows. */
export const budgetMs = (timeoutMs: number): number =>
  Math.max(1, Math.min(timeoutMs, 30_000) - Math.min(500, Math.max(50, timeoutMs / 10)))

/** Runs `work` until the budget is over: then its signal aborts, and the caller has an error whether or not `work` listens. */
export const withDeadline = async <T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new AdmissionError('DeadlineOver', `Cannot answer in time: ${Math.round(ms)} ms were over.`)
      controller.abort(error)
      reject(error)
    }, ms)
  })
  try {
    return await Promise.race([work(controller.signal), over])
  } finally {
    clearTimeout(timer)
  }
}
