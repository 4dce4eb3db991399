/**
 * What is unusual of an amount that is never negative and has a long tail: the logarithm's distance from its median, in median absolute
 * deviations. A mean would follow the one day that was strange.
 */

export const LEAST_SAMPLES = 20
/** Five deviations, as wide as a busy week; a spread of nothing (a job that reads the same each day) is taken for a quarter of e. */
const DEVIATIONS = 5
const LEAST_SPREAD = 0.25
/** 1.4826 makes the median absolute deviation a standard deviation where the logarithms are normal. */
const NORMAL = 1.4826

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** How much is still usual after these samples; undefined while they are too few. */
export function usualLimit(samples: readonly number[], floor: number): number | undefined {
  if (samples.length < LEAST_SAMPLES) return undefined
  const logs = samples.map((amount) => Math.log1p(amount))
  const middle = median(logs)
  const spread = Math.max(LEAST_SPREAD, NORMAL * median(logs.map((log) => Math.abs(log - middle))))
  // Half as much again as the largest, so that the sentence "usually at most …" never argues against itself.
  return Math.max(floor, Math.expm1(middle + DEVIATIONS * spread), 1.5 * Math.max(...samples))
}
