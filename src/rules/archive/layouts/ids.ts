/**
 * Suricata's rules as ET Open and its like are packed: `rules/*.rules` with the tables they refer to. They carry no version.
 * Suricata itself takes an empty or wholly unreadable set without a word, so active rules are counted here.
 */
import type { RuleFiles } from '../files.ts'
import type { Layout } from '../layout.ts'
import { refusedArchive } from '../refusals.ts'

const TAKEN = /^(rules\/)?([A-Za-z0-9._-]+\.(rules|config|map|lst|list)|LICENSE|BSD-License\.txt|gpl-2\.0\.txt)$/

const ACTION = /^(alert|drop|pass|reject|rejectsrc|rejectdst|rejectboth)\s/
const SID = /\bsid\s*:\s*\d/

const isRule = (line: string): boolean => ACTION.test(line) && line.endsWith(')') && SID.test(line)

/** Active rules of one file: not commented out, with a sid, ended. A rule may go over several lines with `\` at their ends. */
export const countRules = (text: string): number =>
  text
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .filter((line) => isRule(line.trim())).length

const rulesOf = (files: RuleFiles): number =>
  [...files]
    .filter(([path]) => path.endsWith('.rules'))
    .reduce((sum, [, { bytes }]) => sum + countRules(Buffer.from(bytes).toString('latin1')), 0)

export const idsLayout: Layout = {
  kind: 'ids',
  tops: ['rules'],
  takes: (path) => TAKEN.test(path),
  judge(files) {
    if (![...files.keys()].some((path) => path.endsWith('.rules')))
      return refusedArchive('MissingFiles', 'There is no .rules file in it.')
    return { ok: true, rules: rulesOf(files) }
  },
}
