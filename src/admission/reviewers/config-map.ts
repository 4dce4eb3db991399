/** `validate configmaps`: rules of a namespace's own, judged before they are stored. Knows nothing of the cluster, and asks nothing. */
import { allow } from '../../api/verdict.ts'
import { judgeRules } from '../../rules/policy/judge-rules.ts'
import { holdsRules } from '../../rules/policy/rule-files.ts'
import type { Review, Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'

const texts = (value: unknown): Readonly<Record<string, string>> => (value ?? {}) as Record<string, string>
const holds = (object: Review['object']): boolean =>
  object !== null && holdsRules({ name: object.metadata?.name ?? '', labels: object.metadata?.labels ?? {} })

/** The reviewer of ConfigMaps. */
export const configMapReviewer: Reviewer = async (review) => {
  const object = objectOf(review)
  // Also where its label is taken away by this very change.
  if (!holds(object) && !holds(review.oldObject)) return allow('NotConcerned', 'it holds no rules')
  return judgeRules({
    name: object.metadata?.name ?? '',
    data: texts(object['data']),
    binaryKeys: Object.keys(texts(object['binaryData'])),
  })
}
