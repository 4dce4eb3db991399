/** Every code that a metric's `reason` can be: those of the rooms' tables. */
import { NOTES, PROBLEMS } from '../compile/problem.ts'
import { ALLOWANCE, MEANING, READING } from '../language/problem.ts'
import { REFUSALS } from '../sources/refusals.ts'
import { OUTCOMES } from '../trial/outcomes.ts'

/** Of recipeInput: what a policy names is not there or too much. */
const INPUTS = ['ConfigMapMissing', 'ConfigMapUnlabelled', 'ConfigMapEmpty', 'RulesUnreadable', 'TooManyExclusions']

export const REFUSAL_CODES: ReadonlySet<string> = new Set([
  ...[NOTES, PROBLEMS, READING, MEANING, ALLOWANCE, REFUSALS, OUTCOMES].flatMap((table) => Object.keys(table)),
  ...INPUTS,
  'NewRelease',
  'SameRelease',
  'NotModified',
])
