/**
 * `validate configmaps`: rules of a namespace's own, or of the IDS, judged before they are stored. Knows nothing of the cluster, and asks nothing.
 *
 *   the IDS namespace, sekisho.dev/rules: ids     rules and filters of Suricata
 *   any other, by name or label                   ModSecurity rules; with the value `ids` they have no effect on the IDS, which is said
 */
import { IDS_RULES_LABEL_VALUE, LABEL } from '../../api/names.ts'
import { allow, type Verdict } from '../../api/verdict.ts'
import type { GuardSettings } from '../../config/webhook.ts'
import { judgeIdsConfigMap } from '../../ids/language/judge-config-map.ts'
import { judgeRules } from '../../rules/policy/judge-rules.ts'
import { holdsRules } from '../../rules/policy/rule-files.ts'
import type { Review, Reviewer } from '../review.ts'
import { objectOf } from './inject-context.ts'

export type ConfigMapSettings = Pick<GuardSettings, 'idsNamespace' | 'idsRulesAllow'>

const texts = (value: unknown): Readonly<Record<string, string>> => (value ?? {}) as Record<string, string>
const labelsOf = (object: Review['object']): Readonly<Record<string, string>> => object?.metadata?.labels ?? {}
const holds = (object: Review['object']): boolean =>
  object !== null && holdsRules({ name: object.metadata?.name ?? '', labels: labelsOf(object) })
const isOfIds = (object: Review['object']): boolean => labelsOf(object)[LABEL.rules] === IDS_RULES_LABEL_VALUE

const partsOf = (object: NonNullable<Review['object']>) => ({
  name: object.metadata?.name ?? '',
  data: texts(object['data']),
  binaryKeys: Object.keys(texts(object['binaryData'])),
})
const alsoSaying = (verdict: Verdict, warning: string): Verdict => ({
  ...verdict,
  warnings: [...verdict.warnings, warning],
})

/** Makes the reviewer of ConfigMaps. */
export const configMapReviewer =
  ({ idsNamespace, idsRulesAllow }: ConfigMapSettings): Reviewer =>
  async (review) => {
    const object = objectOf(review)
    if (review.namespace === idsNamespace) {
      if (isOfIds(object)) return judgeIdsConfigMap(partsOf(object), idsRulesAllow)
      const was = isOfIds(review.oldObject)
      const name = review.name || object.metadata?.name
      // Whatever it holds then: it is judged as soon as the label comes back.
      return allow(
        'NotConcerned',
        'it holds no rules',
        was ? [`ConfigMap ${name} no longer has ${LABEL.rules}: ids: the IDS stops using it`] : [],
      )
    }
    // Also where its label is taken away by this very change.
    if (!holds(object) && !holds(review.oldObject)) return allow('NotConcerned', 'it holds no rules')
    const verdict = judgeRules(partsOf(object))
    return isOfIds(object)
      ? alsoSaying(
          verdict,
          `${LABEL.rules}: ids has no effect in namespace ${review.namespace}: the IDS reads ConfigMaps of ${idsNamespace} alone`,
        )
      : verdict
  }
