/**
 * A ConfigMap that holds rules, before it is stored: each rule file is read and judged by the allow-list, `rules.conf:14: what, and what would do`.
 * Nothing else need be known for that, since rules of a namespace's own name no others; only what several ConfigMaps hold together (an id taken
 * twice, too many rules) is found later, when they are compiled.
 */
import { allow, deny, type Verdict } from '../../api/verdict.ts'
import { lint } from '../language/lint.ts'
import { asLine } from '../language/problem.ts'
import type { PolicyReason } from './reasons.ts'
import { type RuleConfigMap, ruleFilesOf } from './rule-files.ts'
import { linesOf } from './wording.ts'

const refused: PolicyReason = 'RulesRefused'
const accepted: PolicyReason = 'RulesAccepted'

/** Also where its label is being taken away: what is judged must not depend on the order of two changes. */
export function judgeRules(configMap: Pick<RuleConfigMap, 'name' | 'data' | 'binaryKeys'>): Verdict {
  const { files, unreadable } = ruleFilesOf(configMap)
  const [binary] = unreadable
  if (binary !== undefined) return deny(refused, linesOf([`${binary}:1: the file is not text: write it in UTF-8`]))
  if (files.length === 0)
    return allow(accepted, 'it holds no rule file', [
      `ConfigMap ${configMap.name} holds no rules: no key of it ends in .conf`,
    ])
  const { problems } = lint({
    kind: 'custom',
    files: files.map(({ key, text }) => ({ name: key, text })),
    dataFiles: [],
  })
  return problems.length === 0
    ? allow(accepted, 'its rules can be read and are allowed')
    : deny(refused, linesOf(problems.map(asLine)))
}
