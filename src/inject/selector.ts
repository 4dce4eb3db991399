/** Label selectors as Kubernetes matches them. An operator nobody knows selects nothing. */
import type { LabelSelector } from '../api/views.ts'

type Labels = Readonly<Record<string, string>>

/** A Service without a selector selects no Pod; its addresses are somebody else's. */
export const selectsPod = (selector: Labels, labels: Labels): boolean => {
  const pairs = Object.entries(selector)
  return pairs.length > 0 && pairs.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value)
}

/** An empty label selector selects everything. */
export function matches(selector: LabelSelector, labels: Labels): boolean {
  const has = (key: string) => Object.hasOwn(labels, key)
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has(key) && labels[key] === value)
  return (
    equal &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      switch (operator) {
        case 'In':
          return has(key) && values.includes(labels[key] as string)
        case 'NotIn':
          return !has(key) || !values.includes(labels[key] as string)
        case 'Exists':
          return has(key)
        case 'DoesNotExist':
          return !has(key)
        default:
          return false
      }
    })
  )
}
