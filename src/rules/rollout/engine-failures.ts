/**
 * Which codes of waf/lib/reasons.tsv mean that the engine does not take a rule set, so that they speak against the release. The others (a
 * full volume, a set that is not there or was changed on its way) speak of the Pod.
 */
export const ENGINE_FAILURES: readonly string[] = [
  'ConfigRefused',
  'RuleCountDiffers',
  'BenchFailed',
  'GoodRequestRefused',
  'BadRequestPassed',
  'ReloadFailed',
]
export const isEngineFailure = (code: string): boolean => ENGINE_FAILURES.includes(code)
