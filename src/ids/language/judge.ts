/**
 * Rules and filters of ConfigMaps → what is wrong with them. Knows no engine: what is right here may still be refused by `suricata -T`.
 *
 *   *.rules                                              rules, judged one by one; ids are held against those of all files given
 *   enable.conf, disable.conf, modify.conf, drop.conf    filters of suricata-update
 */

import type { IdsPermit } from '../../config/ids.ts'
import { nearest } from '../../config/nearest.ts'
import { FILTER_FILES, isFilterFile, judgeFilterFile } from './judge-filters.ts'
import { judgeRuleFile } from './judge-rule.ts'
import type { Fault } from './parse-rule.ts'
import { type IdsProblem, MOST_PROBLEMS, shown } from './problem.ts'

export interface IdsFile {
  /** Its last part says what it is: `local.rules`, or `cm.yaml#disable.conf`. */
  readonly name: string
  readonly text: string
}
export interface IdsJudgement {
  /** By file as given, then by line; at most 200. */
  readonly problems: readonly IdsProblem[]
  /** Nothing is refused for these. */
  readonly warnings: readonly IdsProblem[]
  /** Active rules. */
  readonly rules: number
}

/** The files of a dozen full ConfigMaps. */
export const LARGEST = 12 * 1024 * 1024
const CONTROL = /[\0-\x08\x0b-\x0c\x0e-\x1f\x7f]|\r(?!\n|$)/g

/** `cm.yaml#local.rules`, `folder/local.rules` → `local.rules` */
const baseName = (name: string): string => name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('#')) + 1)

export const isIdsFile = (name: string): boolean => {
  const base = baseName(name)
  return base.endsWith('.rules') || isFilterFile(base)
}

/** @param input.allow what the platform allows (`rules.allow`) */
export function judgeIdsRules(input: {
  readonly files: readonly IdsFile[]
  readonly allow: readonly IdsPermit[]
}): IdsJudgement {
  const { files, allow } = input
  const problems: IdsProblem[] = []
  const warnings: IdsProblem[] = []
  const owners = new Map<number, string>()
  let [rules, size] = [0, 0]
  for (const { name: file, text } of files) {
    const of = ({ line, code, message }: Fault): IdsProblem => ({ file, line, code, message })
    const found: IdsProblem[] = []
    const base = baseName(file)
    size += text.length
    if (size > LARGEST) {
      problems.push(
        of({ line: 1, code: 'BadText', message: `all files together are larger than ${LARGEST} characters` }),
      )
      break
    }
    found.push(...controls(text).map(of))
    if (base.endsWith('.rules')) {
      const judged = judgeRuleFile(text, allow)
      found.push(...judged.problems.map(of))
      warnings.push(...judged.warnings.map(of))
      rules += judged.rules
      for (const { sid, line } of judged.sids) {
        const owner = owners.get(sid)
        if (owner === undefined) owners.set(sid, `${file}:${line}`)
        else found.push(of({ line, code: 'DoubledSid', message: `sid ${sid} is taken by ${owner}` }))
      }
    } else if (isFilterFile(base)) {
      const judged = judgeFilterFile(base, text, allow)
      found.push(...judged.problems.map(of))
      warnings.push(...judged.warnings.map(of))
    } else {
      const guess = nearest(base, FILTER_FILES)
      const told = { line: 1, code: 'UnknownFile' as const }
      if (guess !== undefined) found.push(of({ ...told, message: `${shown(base)} is not read (nearest: ${guess})` }))
      else
        warnings.push(of({ ...told, message: `${shown(base)} is not read: it ends not in .rules, and is no filter` }))
    }
    problems.push(...found.toSorted((a, b) => a.line - b.line))
  }
  return { problems: problems.slice(0, MOST_PROBLEMS), warnings: warnings.slice(0, MOST_PROBLEMS), rules }
}

/** One for each line with a control character: the engine ends at some of them, and a person sees none. */
function controls(text: string): Fault[] {
  const found: Fault[] = []
  let [line, seen, last] = [1, 0, 0]
  for (const { index, 0: char } of text.matchAll(CONTROL)) {
    for (; seen < index; seen++) if (text[seen] === '\n') line++
    if (line === last) continue
    last = line
    const code = char.charCodeAt(0).toString(16).padStart(2, '0')
    found.push({
      line,
      code: 'BadText',
      message: `there is a control character (0x${code}): write it as |${code}| in a content`,
    })
    if (found.length >= MOST_PROBLEMS) break
  }
  return found
}
