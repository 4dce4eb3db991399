/** `sekisho rules diff A B`: which rules a release, a bundle or any set of rule files adds, takes away and changes. */
import { type Command, Option } from 'commander'
import { type Difference, difference, type RuleLine } from '../rules/compile/diff.ts'
import { type Catalogue, catalogue } from '../rules/language/catalogue.ts'
import { parse } from '../rules/language/parse.ts'
import { asLine } from '../rules/language/problem.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'
import { readRuleFiles } from './rule-files.ts'

async function load(path: string, io: Io): Promise<Catalogue> {
  const read = (await readRuleFiles([path], io)).files.map(({ name, text }) => ({ name, ...parse(text, name) }))
  const [fault] = read.flatMap(({ problems }) => problems)
  if (fault !== undefined) throw new Exit(EXIT.usage, `Cannot compare ${path}: ${asLine(fault)}`)
  return catalogue(read)
}

const line = (sign: string, { id, message }: RuleLine, more = ''): string =>
  `${sign} ${id}${message === undefined ? '' : ` ${message}`}${more}\n`

const asText = ({ added, removed, changed }: Difference): string =>
  [
    ...added.map((rule) => line('+', rule)),
    ...removed.map((rule) => line('-', rule)),
    ...changed.map((rule) => line('~', rule, ` (${rule.parts.join(', ')})`)),
    `${added.length} added, ${removed.length} removed, ${changed.length} changed\n`,
  ].join('')

export const registerDiff = (rules: Command, io: Io): void => {
  rules
    .command('diff')
    .description('say which rules one set has more, fewer or other than another')
    .argument('<before>', 'a release (folder or archive), a bundle’s folder, or a rule file')
    .argument('<after>', 'the same')
    .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples('sekisho rules diff coreruleset-4.22.0-minimal.tar.gz coreruleset-4.25.0-minimal.tar.gz')}
Exit codes: 0 compared, 2 not tried.\n`,
    )
    .action(async (before: string, after: string, { output }: { output: string }) => {
      const found = difference(await load(before, io), await load(after, io))
      io.stdout.write(output === 'json' ? `${JSON.stringify(found)}\n` : asText(found))
    })
}
