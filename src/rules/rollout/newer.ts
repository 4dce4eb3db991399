/** Which of two kept releases is the newer one. */
import type { KeptRelease } from './state.ts'

const numbers = (version: string): readonly number[] | undefined =>
  /^\d+(\.\d+)*$/.test(version) ? version.split('.').map(Number) : undefined

/** Negative when `a` comes before `b`; undefined where one is no version in numbers (rules that came unpacked are named by their content). */
export function compareVersions(a: string, b: string): number | undefined {
  const [x, y] = [numbers(a), numbers(b)]
  if (x === undefined || y === undefined) return undefined
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

type Dated = Pick<KeptRelease, 'release' | 'at'>

/** By version; where that does not tell (the same version packed anew, or no versions), by when it was verified. */
export const compareReleases = (a: Dated, b: Dated): number =>
  compareVersions(a.release.version, b.release.version) ||
  a.at - b.at ||
  (a.release.sha256 < b.release.sha256 ? -1 : a.release.sha256 > b.release.sha256 ? 1 : 0)
