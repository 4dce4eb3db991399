/** `sekisho version`: the version, and with `--output json` what it runs on. */
import { VERSION } from '../version.ts'
import { examples, type Register } from './command.ts'

export const register: Register = (program, io) => {
  program
    .command('version')
    .description('print the version')
    .option('-o, --output <format>', '`json` for machines', 'text')
    .addHelpText('after', examples('sekisho version', 'sekisho version --output json'))
    .action(({ output }: { output: string }) => {
      const facts = { version: VERSION, node: process.versions.node, platform: `${process.platform}/${process.arch}` }
      io.stdout.write(output === 'json' ? `${JSON.stringify(facts)}\n` : `sekisho ${VERSION}\n`)
    })
}
