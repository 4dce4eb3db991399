/**
 * A ConfigMap with rules or filters of the IDS, before it is stored. Only by what stands in it: an id that another ConfigMap has as well, or what
 * the engine alone refuses, is told of in an Event when the agents read it.
 */
import { allow, deny, type Verdict } from '../../api/verdict.ts'
import type { IdsPermit } from '../../config/ids.ts'
import type { PolicyReason } from '../../rules/policy/reasons.ts'
import { lineOf, linesOf } from '../../rules/policy/wording.ts'
import { isIdsFile, judgeIdsRules } from './judge.ts'
import { asLine } from './problem.ts'

const refused: PolicyReason = 'RulesRefused'
const accepted: PolicyReason = 'RulesAccepted'
const MOST_WARNINGS = 5

export interface IdsConfigMap {
  readonly name: string
  readonly data: Readonly<Record<string, string>>
  /** Keys whose value is not text. */
  readonly binaryKeys: readonly string[]
}

/** @param permits what the platform allows */
export function judgeIdsConfigMap({ name, data, binaryKeys }: IdsConfigMap, permits: readonly IdsPermit[]): Verdict {
  const [binary] = binaryKeys.filter(isIdsFile)
  if (binary !== undefined) return deny(refused, linesOf([`${binary}:1: the file is not text: write it in UTF-8`]))
  const files = Object.keys(data)
    .toSorted()
    .map((key) => ({ name: key, text: data[key]! }))
  const { problems, warnings } = judgeIdsRules({ files, allow: permits })
  const told = warnings.slice(0, MOST_WARNINGS).map((one) => lineOf(asLine(one)))
  if (problems.length > 0) return deny(refused, linesOf(problems.map(asLine)), told)
  if (!files.some((file) => isIdsFile(file.name)))
    told.push(`ConfigMap ${name} holds no rules: no key of it ends in .rules or is a filter such as disable.conf`)
  return allow(accepted, 'its rules can be read and are allowed', told)
}
