/**
 * `sekisho inject -f app.yaml`: what the webhook would make of these Pods and workloads, without a cluster.
 * The objects go to stdout, the verdicts to stderr. What would be refused comes out as it went in, and the exit code is 1.
 */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import { readRulesTrust } from '../admission/rules-trust.ts'
import { type InjectSettings, webhookConfig } from '../config/webhook.ts'
import type { RulesTrust } from '../inject/input.ts'
import { type OfflineVerdict, offlineJudge } from '../inject/offline.ts'
import { VERSION } from '../version.ts'
import { EXIT, Exit, examples, type Io, type Register } from './command.ts'
import { type EditableYaml, edit, parseEditableYaml, stringifyJson, stringifyYaml } from './editable-yaml.ts'
import { readConfig } from './read-config.ts'
import { wafImageGiven } from './waf-image.ts'

interface Options {
  readonly file: string
  readonly config?: string
  readonly wafImage?: string
  readonly rulesDirectory?: string
  readonly namespace: string
  readonly namespaceLabel: Readonly<Record<string, string>>
  readonly output: string
}

/** The image that manifests/base names. */
const FRESH_IMAGE = 'registry.local/sekisho/sekisho-waf:dev'

/** Without a file: what manifests/base installs. Said each time, since another installation may answer otherwise. */
const settingsOfFresh = (image: string, io: Io): InjectSettings => {
  io.stderr.write(`note: no --config: judged by the settings of a fresh installation, capture port, image ${image}\n`)
  return webhookConfig.parse({ inject: { capture: 'port', image } }).inject
}

const settingsOf = ({ config, wafImage }: Options, io: Io): InjectSettings => {
  if (config === undefined) return settingsOfFresh(wafImage ?? FRESH_IMAGE, io)
  return readConfig(webhookConfig, config, wafImageGiven(wafImage)).inject
}

const read = async (path: string, io: Io): Promise<EditableYaml> => {
  const name = path === '-' ? 'stdin' : path
  try {
    return parseEditableYaml(path === '-' ? await text(io.stdin) : await readFile(path, 'utf8'))
  } catch (error) {
    throw new Exit(EXIT.usage, `Cannot read ${name}: ${(error as Error).message}`, { cause: error })
  }
}

const trustOf = ({ rulesDirectory }: Options): RulesTrust | undefined => {
  if (rulesDirectory === undefined) return undefined
  try {
    return readRulesTrust(rulesDirectory)
  } catch (error) {
    throw new Exit(EXIT.usage, (error as Error).message, { cause: error })
  }
}

/** `key=value`, as often as it is given. */
const label = (given: string, before: Readonly<Record<string, string>>): Record<string, string> => {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(given) ?? []
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('must be KEY=VALUE, e.g. sekisho.dev/waf=block.')
  return { ...before, [key]: value }
}

const format = (given: string): string => {
  if (given === 'yaml' || given === 'json') return given
  throw new InvalidArgumentError('must be yaml or json.')
}

const asText = ({ subject, verdict }: OfflineVerdict): string => {
  const word = verdict.verdict === 'deny' ? 'refused' : verdict.reason === 'Injected' ? 'injected' : 'unchanged'
  const lines = verdict.verdict === 'deny' ? verdict.detail.split('\n') : [verdict.detail]
  return [
    `${subject}: ${word} (${verdict.reason})`,
    ...lines.map((line) => `  ${line}`),
    ...verdict.warnings.map((line) => `  warning: ${line}`),
    '',
  ].join('\n')
}

const run = async (options: Options, io: Io): Promise<void> => {
  const settings = settingsOf(options, io)
  const yaml = await read(options.file, io)
  const judge = offlineJudge({
    objects: yaml.objects.map(({ object }) => object),
    settings,
    version: VERSION,
    rulesTrust: trustOf(options),
    defaultNamespace: options.namespace,
    namespaceLabels: options.namespaceLabel,
  })
  let refused = false
  for (const { object, document, path } of yaml.objects) {
    const judged = judge(object)
    if (judged === undefined) continue
    io.stderr.write(asText(judged))
    refused ||= judged.verdict.verdict === 'deny'
    edit(yaml, { document, path: [...path, ...judged.path] }, judged.patch)
  }
  io.stdout.write(options.output === 'json' ? stringifyJson(yaml) : stringifyYaml(yaml))
  if (refused) throw new Exit(EXIT.refused)
}

export const register: Register = (program, io) => {
  program
    .command('inject')
    .description('what the webhook would make of Pods and workloads, without a cluster')
    .requiredOption('-f, --file <path>', 'YAML or JSON, any number of documents; - is stdin')
    .option(
      '-c, --config <file>',
      'the webhook’s configuration (kubectl -n sekisho-system get configmap); a fresh installation’s if left out',
    )
    .option('--waf-image <image>', 'inject.image where the file leaves it out, as for `sekisho webhook`')
    .option(
      '--rules-directory <path>',
      'ca.crt and keys of `sekisho rules` (ConfigMap sekisho-rules-public); without it Pods come out without updates',
    )
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .option('--namespace-label <key=value>', 'label the namespaces are taken to have; may be repeated', label, {})
    .option('-o, --output <format>', 'yaml or json', format, 'yaml')
    .addHelpText(
      'after',
      `${examples(
        'sekisho inject -f app.yaml',
        'sekisho inject -c webhook.yaml -f app.yaml --namespace-label sekisho.dev/waf=block',
        'kubectl get deployment web -o yaml | sekisho inject -c webhook.yaml -f - --output json',
      )}
Namespaces, Services and NetworkPolicies in the same file count. Verdicts go to stderr.
Exit codes: 0 nothing refused, 1 something would be refused, 2 not tried.\n`,
    )
    .action((options: Options) => run(options, io))
}
