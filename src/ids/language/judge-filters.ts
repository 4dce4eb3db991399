/** `enable.conf`, `disable.conf`, `drop.conf` and `modify.conf` of a ConfigMap: a line each, comments with `#` at the front or behind a blank. */
import type { IdsPermit } from '../../config/ids.ts'
import { forbiddenWords } from './forbidden.ts'
import { judgeMatcher, judgeRegex, type Wrong } from './matchers.ts'
import type { Fault } from './parse-rule.ts'
import { MOST_PROBLEMS, shown } from './problem.ts'
import { shellWords } from './shell-words.ts'

export const FILTER_FILES = ['enable.conf', 'disable.conf', 'modify.conf', 'drop.conf'] as const
export type FilterFile = (typeof FILTER_FILES)[number]
export const isFilterFile = (name: string): name is FilterFile => (FILTER_FILES as readonly string[]).includes(name)

const LONGEST_LINE = 4096

export function judgeFilterFile(
  name: FilterFile,
  text: string,
  allow: readonly IdsPermit[],
): { problems: Fault[]; warnings: Fault[] } {
  const problems: Fault[] = []
  const warnings: Fault[] = []
  let line = 0
  for (const physical of text.split('\n')) {
    line++
    if (problems.length >= MOST_PROBLEMS) break
    const whole = physical.trim()
    if (whole === '' || whole.startsWith('#')) continue
    const told = whole.split(' #', 1)[0]!.trim()
    const wrong: Wrong[] =
      told.length > LONGEST_LINE
        ? [{ code: 'BadText', message: `the line has ${told.length} characters, ${LONGEST_LINE} are taken` }]
        : name === 'modify.conf'
          ? judgeModify(told, allow)
          : judgeMatcher(told, name !== 'enable.conf')
    for (const one of wrong) problems.push({ line, ...one })
    if (name === 'drop.conf' && wrong.length === 0 && warnings.length < MOST_PROBLEMS)
      warnings.push({ line, code: 'ActsAsAlert', message: 'drop only alerts: an IDS listens, and drops nothing' })
  }
  return { problems, warnings }
}

const FORM = 'MATCH "REGEX" "REPLACEMENT"'

/** What a rule becomes is judged again where rules are made ready; here whoever writes is told what can be seen. */
function judgeModify(line: string, allow: readonly IdsPermit[]): Wrong[] {
  const bad = (message: string): Wrong[] => [{ code: 'BadModify', message }]
  // suricata-update takes `\$` for `$` before it looks at quotes.
  const words = shellWords(line.startsWith('metadata-add') ? line : line.replaceAll('\\$', '$'))
  if (words === undefined) return bad('a quote is not closed')
  if (line.startsWith('metadata-add')) {
    const [command, match, key, value] = words
    if (command !== 'metadata-add' || words.length !== 4) return bad('write metadata-add MATCH KEY VALUE')
    const odd = [key!, value!].find((word) => !/^[A-Za-z0-9_.-]+$/.test(word))
    if (odd !== undefined) return bad(`${shown(odd)} is no word for metadata: letters, digits, _ . - are`)
    return judgeMatcher(match!, true)
  }
  const [match, from, to] =
    words.length === 3 ? words : words[0] === 'modifysid' && words.length >= 5 ? [words[1], words[2], words[4]] : []
  if (match === undefined || from === undefined || to === undefined)
    return bad(`there are ${words.length} words, not 3: write ${FORM}`)
  return [...judgeMatcher(match, true), ...judgeRegex(from), ...judgeReplacement(from, to, allow)]
}

/** A group, by number or name, or a backslash. Everything else after a backslash could spell a letter (`\160ass`). */
const REFERENCE = /\\(?:\\|[1-9](?!\d)|g<\w{1,32}>)|\$\{\d{1,2}\}/g

function judgeReplacement(from: string, to: string, allow: readonly IdsPermit[]): Wrong[] {
  const plain = to.replaceAll(REFERENCE, ' ')
  if (plain.includes('\\'))
    return [
      { code: 'BadModify', message: `the replacement ${shown(to)} has a \\ that is no \\1 to \\9, \\g<NAME> or \\\\` },
    ]
  const found: Wrong[] = forbiddenWords(plain, allow)
  if (/\bs?id\s*:/i.test(plain) || /\bsid\b/i.test(plain))
    found.push({ code: 'SidNotAllowed', message: 'the replacement would give rules another sid' })
  const actions = allow.includes('pass') ? /^(alert|drop|pass)\b/ : /^(alert|drop)\b/
  if (changesAction(from) && !actions.test(to) && !/^\\1/.test(to))
    found.push({
      code: 'BadModify',
      message: `${shown(from)} begins where the action stands: the replacement must begin with alert or drop, not ${shown(to)}`,
    })
  return found
}

/** The pattern is held to the beginning of a rule, or names an action. */
const changesAction = (from: string): boolean => /^\(*(\^|\\A)/.test(from) || /^\(*(alert|drop)\b/.test(from)
