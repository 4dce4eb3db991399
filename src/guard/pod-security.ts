/**
 * The Pod Security level a namespace enforces, as far as hostNetwork goes: `baseline` and `restricted` forbid it in every version.
 * An absent or unknown level counts as the weakest: the API server's defaults and exemptions cannot be read from outside.
 */
import { POD_SECURITY_ENFORCE } from '../api/names.ts'

const RANK: Readonly<Record<string, number>> = Object.freeze({ baseline: 1, restricted: 2 })

type Labels = Readonly<Record<string, string>>
/** The level as written, or undefined. */
export const enforced = (labels: Labels): string | undefined =>
  Object.hasOwn(labels, POD_SECURITY_ENFORCE) ? labels[POD_SECURITY_ENFORCE] : undefined

const rank = (labels: Labels): number => {
  const level = enforced(labels)
  return level !== undefined && Object.hasOwn(RANK, level) ? (RANK[level] ?? 0) : 0
}

/** True where Pods cannot use hostNetwork. */
export const forbidsHostNetwork = (labels: Labels): boolean => rank(labels) > 0

/** True where the new labels enforce less than the old ones did. */
export const weakens = (before: Labels, after: Labels): boolean => rank(after) < rank(before)
