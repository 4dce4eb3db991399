/**
 * The parts of docs/reference that are tables of the program: everything below the line `<!-- from the program -->`.
 * `node test/reference/pages.ts` writes them anew; pages.test.ts fails while a page says something else than the program.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { ZodType } from 'zod'
import { ADMISSION_ERRORS } from '../../src/admission/errors.ts'
import { ADMISSION_METRICS } from '../../src/admission/metrics.ts'
import { IDS_CHECKS } from '../../src/api/ids.ts'
import { COMMANDS, createProgram } from '../../src/cli.ts'
import { EXIT } from '../../src/commands/command.ts'
import { CONFIG_ERRORS } from '../../src/config/errors.ts'
import { guardConfig } from '../../src/config/guard.ts'
import { idsConfig } from '../../src/config/ids.ts'
import { rulesConfig } from '../../src/config/rules.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { webhookConfig } from '../../src/config/webhook.ts'
import { GUARD_METRICS } from '../../src/guard/loop/metrics.ts'
import { IDS_RULE_EVENTS } from '../../src/ids/rules/event-reasons.ts'
import { SET_REFUSALS } from '../../src/ids/rules/refusals.ts'
import { PUBLISH_METRICS } from '../../src/rules/publish/metrics.ts'
import { SERVE_ERRORS } from '../../src/rules/serve/errors.ts'
import { SERVE_METRICS } from '../../src/rules/serve/metrics.ts'
import { auditDetectorsPage } from './audit-page.ts'
import { certsPage } from './certs-page.ts'
import { guardLoopPage } from './guard-page.ts'
import { idsRulesPage } from './ids-rules-page.ts'
import { rbacPage, webhookEntriesPage } from './manifest-pages.ts'
import { wafPolicyPage } from './policy-page.ts'
import { rolloutPage } from './rollout-page.ts'
import { ruleLanguagePage, ruleLintPage } from './rule-pages.ts'
import { rulesServicePage } from './rules-service-page.ts'
import { table } from './table.ts'

const MARK = '<!-- from the program -->\n'

const errors = (): string =>
  [
    '## Answers of the webhook',
    table(
      ['code', 'status', 'what it means', 'what mends it'],
      Object.entries(ADMISSION_ERRORS).map(([code, { status, sentence, remedy }]) => [
        `\`${code}\``,
        String(status),
        sentence,
        remedy,
      ]),
    ),
    '## Configuration files',
    table(
      ['code', 'what it means', 'what mends it'],
      Object.entries(CONFIG_ERRORS).map(([code, { sentence, remedy }]) => [`\`${code}\``, sentence, remedy]),
    ),
  ].join('\n\n')

type MetricTable = Readonly<Record<string, { type: string; labels: readonly string[]; help: string }>>
const metricTable = (list: MetricTable): string =>
  table(
    ['metric', 'type', 'labels', 'meaning'],
    Object.entries(list).map(([name, { type, labels, help }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', ') || '–',
      help,
    ]),
  )

/** Each program with what its rooms count. */
const metrics = (): string =>
  [
    '## `sekisho webhook`',
    metricTable(ADMISSION_METRICS),
    '## `sekisho rules`: the update protocol',
    metricTable(SERVE_METRICS),
    '## `sekisho rules`: publishing',
    metricTable(PUBLISH_METRICS),
    '## `sekisho guard`',
    metricTable(GUARD_METRICS),
  ].join('\n\n')

/** What `sekisho rules` answers updaters when it gives no rules. */
const updateProtocol = (): string =>
  [
    '## Errors of the service',
    table(
      ['reason', 'status', 'what it means'],
      Object.entries(SERVE_ERRORS).map(([code, { status, sentence }]) => [`\`${code}\``, String(status), sentence]),
    ),
  ].join('\n\n')

/** What the probe, the Lease and the refusals name. */
const idsChecks = (): string =>
  [
    '## Checks',
    'In their order: the first that fails is the one that is named.',
    table(
      ['check', 'what it means', 'what mends it'],
      Object.entries(IDS_CHECKS).map(([check, { sentence, remedy }]) => [`\`${check}\``, sentence, remedy]),
    ),
    '## Why a set of rules is not taken',
    table(
      ['reason', 'what it means', 'what mends it', 'tried again by itself'],
      Object.entries(SET_REFUSALS).map(([reason, { sentence, remedy, passing }]) => [
        `\`${reason}\``,
        sentence,
        remedy,
        passing ? 'yes' : 'no',
      ]),
    ),
    '## Events of the rules, on the Pod',
    table(
      ['reason', 'type', 'what it means'],
      Object.entries(IDS_RULE_EVENTS).map(([reason, { type, sentence }]) => [`\`${reason}\``, type, sentence]),
    ),
  ].join('\n\n')

const settings = (schema: ZodType): string =>
  table(
    ['key', 'value', 'default', 'meaning'],
    settingsOf(schema).map(({ path, type, sentence, ...rest }) => [
      `\`${path.join('.')}\``,
      type,
      'fallback' in rest ? `\`${JSON.stringify(rest.fallback)}\`` : 'must be given',
      sentence,
    ]),
  )

const EXIT_MEANS: Record<keyof typeof EXIT, string> = {
  ok: 'done, or everything asked about is accepted',
  refused: 'done, and the answer is no: something would be refused, or needs a person',
  usage: 'not tried: the command line, the configuration or an input file is wrong',
  failed: 'tried, and could not be done: the cluster, a file or the network failed',
}

/** Every command that does something, with its path. */
export const commandsOf = async (): Promise<{ path: string; command: Command }[]> => {
  const { stdin, stdout, stderr } = process
  const program = await createProgram(
    { stdin, stdout, stderr, env: {} },
    COMMANDS.map(({ word }) => word),
  )
  const walk = (command: Command, path: string): { path: string; command: Command }[] => [
    ...(command.commands.length === 0 ? [{ path, command }] : []),
    ...command.commands.flatMap((child) => walk(child, `${path} ${child.name()}`)),
  ]
  return walk(program, 'sekisho')
}

const cli = async (): Promise<string> =>
  [
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.entries(EXIT_MEANS).map(([key, means]) => [String(EXIT[key as keyof typeof EXIT]), means]),
    ),
    ...(await commandsOf()).flatMap(({ path, command }) => {
      const help = command.createHelp()
      const named = command.registeredArguments.map((one) => ` ${one.required ? `<${one.name()}>` : `[${one.name()}]`}`)
      const options = command.options.map((option) => [
        `\`${option.flags}\``,
        help.optionDescription(option) + (option.mandatory ? '; must be given' : ''),
      ])
      return [
        `## \`${path}${named.join('')}\``,
        `${command.description()}.`,
        ...(options.length === 0 ? [] : [table(['option', 'meaning'], options)]),
      ]
    }),
  ].join('\n\n')

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  errors,
  metrics,
  configuration: () => settings(webhookConfig),
  'ids-rules': idsRulesPage,
  'guard-configuration': () => settings(guardConfig),
  'guard-loop': guardLoopPage,
  'rules-configuration': () => settings(rulesConfig),
  'ids-configuration': () => settings(idsConfig),
  'ids-agent': idsChecks,
  cli,
  certs: certsPage,
  'webhook-entries': webhookEntriesPage,
  rbac: rbacPage,
  rollout: rolloutPage,
  'rules-service': rulesServicePage,
  'rule-language': ruleLanguagePage,
  'rule-lint': ruleLintPage,
  'waf-policy': wafPolicyPage,
  'update-protocol': updateProtocol,
  'audit-detectors': auditDetectorsPage,
}
export const PAGE_NAMES = Object.keys(PAGES)

const fileOf = (name: string) => new URL(`../../docs/reference/${name}.md`, import.meta.url)

/** The page as it is, and as it should be. */
export const compare = async (name: string): Promise<{ is: string; should: string }> => {
  const is = readFileSync(fileOf(name), 'utf8')
  const [prose] = is.split(MARK)
  return { is, should: `${prose}${MARK}\n${await PAGES[name]!()}\n` }
}

if (import.meta.main) for (const name of PAGE_NAMES) writeFileSync(fileOf(name), (await compare(name)).should)
