/** `sekisho config check FILE`: what is wrong with a configuration file, or what each setting is and where it comes from. */
import type { z } from 'zod'
import { certsConfig } from '../config/certs.ts'
import { ConfigError } from '../config/errors.ts'
import { guardConfig } from '../config/guard.ts'
import { idsConfig } from '../config/ids.ts'
import { type Explained, loadConfig } from '../config/load.ts'
import { rulesConfig } from '../config/rules.ts'
import { webhookConfig } from '../config/webhook.ts'
import { EXIT, Exit, examples, type Register } from './command.ts'
import { wafImageGiven } from './waf-image.ts'

/** A configuration file is one part's; its schema is found by the part's name. */
export const PARTS: Readonly<Record<string, z.ZodType>> = {
  webhook: webhookConfig,
  rules: rulesConfig,
  guard: guardConfig,
  ids: idsConfig,
  certs: certsConfig,
}

const asLines = (settings: readonly Explained[]): string => {
  const rows = settings.map(({ path, value, where, sentence }) => [
    path.join('.'),
    JSON.stringify(value),
    where === undefined ? 'default' : `set, ${where.replace(/^.*:(\d+):\d+$/, 'line $1')}`,
    sentence,
  ])
  const width = (i: number) => Math.min(40, Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => row.map((cell, i) => (i === 3 ? cell : cell.padEnd(width(i)))).join('  ')).join('\n')
}

export const register: Register = (program, io) => {
  program
    .command('config')
    .description('check and explain a configuration file')
    .command('check')
    .description('check a configuration file and explain the value of each setting')
    .argument('<file>', 'the YAML file')
    .option('--part <name>', `whose configuration it is: ${Object.keys(PARTS).join(', ')}`, 'webhook')
    .option('-o, --output <format>', '`json` for machines', 'text')
    .option('--waf-image <image>', 'inject.image where the file leaves it out, as for `sekisho webhook`')
    .addHelpText(
      'after',
      examples('sekisho config check webhook.yaml --output json', 'sekisho config check --part rules rules.yaml'),
    )
    .action((file: string, { part, output, wafImage }: { part: string; output: string; wafImage?: string }) => {
      if (!Object.hasOwn(PARTS, part)) {
        throw new Exit(EXIT.usage, `Cannot check for '${part}': --part must be ${Object.keys(PARTS).join(', ')}.`)
      }
      try {
        const { settings } = loadConfig(PARTS[part]!, file, part === 'webhook' ? wafImageGiven(wafImage) : [])
        const objects = settings.map(({ path, value, where = null, sentence, type }) => ({
          key: path.join('.'),
          value,
          where,
          type,
          sentence,
        }))
        io.stdout.write(output === 'json' ? `${JSON.stringify(objects)}\n` : `${asLines(settings)}\n`)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        if (output === 'json') io.stdout.write(`${JSON.stringify(error.problems)}\n`)
        else io.stdout.write(`${error.message}\n`)
        throw new Exit(error.problems.some(({ code }) => code === 'ConfigUnreadable') ? EXIT.usage : EXIT.refused)
      }
    })
}
