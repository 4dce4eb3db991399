/**
 * What suricata-update made of rules, against what it was given: a line of modify.conf, or a flowbit, may have brought in what rules of ConfigMaps may
 * not have. What a source's own rule has (ET Open uses `noalert` in rules that only set a flowbit) is the source's to answer for.
 */
import type { IdsPermit } from '../../config/ids.ts'
import { forbiddenIn } from './forbidden.ts'
import { logicalLines } from './lines.ts'
import { parseRule, type Rule } from './parse-rule.ts'
import { type IdsProblem, MOST_PROBLEMS } from './problem.ts'

/** Most rules have none of these words, and are not parsed. */
const WORDS =
  /^[\s#]*(?:pass|reject|config)|noalert|bypass|lua|filestore|tls[._]store|replace|config\s*:|dataset|datarep/i

function* suspects(text: string): Generator<{ rule: Rule; line: number; active: boolean }> {
  for (const line of logicalLines(text)) {
    if (!WORDS.test(line.text)) continue
    const from = /^[\s#]*/.exec(line.text)![0].length
    const { rule } = parseRule(line, from)
    if (rule !== undefined) yield { rule, line: line.lineAt(0), active: !line.text.slice(0, from).includes('#') }
  }
}
const sidOf = ({ options }: Rule): string => options.find(({ name }) => name.toLowerCase() === 'sid')?.value ?? ''

export interface IdsResult {
  /** Texts of the source's files, before any filter. */
  readonly source: readonly string[]
  /** The file that Suricata is to load. */
  readonly result: { readonly name: string; readonly text: string }
  readonly allow: readonly IdsPermit[]
}

/** What active rules of the result have that neither the platform allows nor the source's rule of that id has. */
export function judgeIdsResult({ source, result, allow }: IdsResult): readonly IdsProblem[] {
  const before = new Map<string, Set<string>>()
  for (const text of source)
    for (const { rule } of suspects(text)) {
      const codes = before.get(sidOf(rule)) ?? new Set()
      for (const { code } of forbiddenIn(rule, allow)) codes.add(code)
      before.set(sidOf(rule), codes)
    }
  const problems: IdsProblem[] = []
  for (const { rule, line, active } of suspects(result.text)) {
    if (!active) continue
    const sid = sidOf(rule)
    for (const { code, message } of forbiddenIn(rule, allow))
      if (!before.get(sid)?.has(code) && problems.length < MOST_PROBLEMS)
        problems.push({ file: result.name, line, code, message: `sid ${sid}, as it was made: ${message}` })
  }
  return problems
}
