/**
 * `sekisho rules lint FILE…`: what is wrong with rules, a line each, `file:line: message`.
 * Without a cluster and without the engine, which takes most of it in silence. Files of the IDS, by their names or with `--ids`, are read as such.
 */
import { type Command, Option } from 'commander'
import { type IdsPermit, idsPermits } from '../config/ids.ts'
import { isIdsFile, judgeIdsRules } from '../ids/language/judge.ts'
import { asLine as asIdsLine } from '../ids/language/problem.ts'
import { catalogue } from '../rules/language/catalogue.ts'
import { type Kind, lint } from '../rules/language/lint.ts'
import { parse } from '../rules/language/parse.ts'
import { asLine } from '../rules/language/problem.ts'
import { EXIT, Exit, examples, type Io } from './command.ts'
import { readIdsFiles, readRuleFiles } from './rule-files.ts'

interface Options {
  readonly kind: Kind
  readonly release?: string
  readonly ids?: boolean
  readonly allow?: readonly IdsPermit[]
  readonly output: 'text' | 'json'
}

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`

async function runIds(paths: readonly string[], { output, allow = [] }: Options, io: Io): Promise<void> {
  const files = await readIdsFiles(paths, io)
  const { problems, warnings, rules } = judgeIdsRules({ files, allow })
  for (const warning of warnings) io.stderr.write(`warning: ${asIdsLine(warning)}\n`)
  if (output === 'json') io.stdout.write(`${JSON.stringify(problems)}\n`)
  else if (problems.length > 0) io.stdout.write(problems.map((one) => `${asIdsLine(one)}\n`).join(''))
  else io.stdout.write(`${count(files.length, 'file')}, ${count(rules, 'rule')}: nothing is wrong\n`)
  if (problems.length > 0) throw new Exit(EXIT.refused)
}

async function run(paths: readonly string[], options: Options, io: Io): Promise<void> {
  if (options.ids || paths.every(isIdsFile)) return runIds(paths, options, io)
  const { files, data } = await readRuleFiles(paths, io)
  const release = options.release === undefined ? undefined : await readRuleFiles([options.release], io)
  const besides =
    release && catalogue(release.files.map(({ name, text }) => ({ name, nodes: parse(text, name).nodes })))
  const { problems, catalogue: found } = lint({
    kind: options.kind,
    files,
    ...(besides === undefined ? {} : { besides }),
    // What comes from stdin or a ConfigMap has no folder beside it.
    ...(data.length === 0 ? {} : { dataFiles: [...data, ...(release?.data ?? [])] }),
  })
  if (options.output === 'json') io.stdout.write(`${JSON.stringify(problems)}\n`)
  else if (problems.length > 0) io.stdout.write(problems.map((problem) => `${asLine(problem)}\n`).join(''))
  else io.stdout.write(`${count(files.length, 'file')}, ${count(found.rules.length, 'rule')}: nothing is wrong\n`)
  if (problems.length > 0) throw new Exit(EXIT.refused)
}

export const registerLint = (rules: Command, io: Io): void => {
  rules
    .command('lint')
    .description('say what is wrong with rules, without a cluster')
    .argument('<file...>', 'rule files, folders of them, a release’s archive, or ConfigMaps in YAML; - is stdin')
    .addOption(
      new Option('-k, --kind <kind>', 'a namespace’s own rules, held to the allow-list, or a rule set as released')
        .choices(['custom', 'release'])
        .default('custom'),
    )
    .option(
      '-r, --release <path>',
      'folder or archive of the release that the rules run with: no id may be one of its own',
    )
    .option('--ids', 'rules and filters of the IDS; by itself where every file is called as those are')
    .addOption(
      new Option('--allow <what...>', 'with --ids: what the platform allows (`guard.idsRulesAllow`)').choices(
        idsPermits,
      ),
    )
    .addOption(new Option('-o, --output <format>', '`json` for machines').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        'sekisho rules lint rules.conf',
        'sekisho rules lint configmap.yaml --release coreruleset-4.25.0-minimal.tar.gz',
        'sekisho rules lint --kind release coreruleset-4.25.0',
        'sekisho rules lint local.rules disable.conf',
        'sekisho rules lint --ids configmap.yaml --allow noalert',
      )}
Exit codes: 0 nothing is wrong, 1 something is, 2 not tried.\n`,
    )
    .action((paths: string[], options: Options) => run(paths, options, io))
}
