/** `sekisho rules …`: what an operator does with rules. Each subcommand is a file `rules-NAME.ts`. */
import type { Register } from './command.ts'
import { registerCompile } from './rules-compile.ts'
import { registerDiff } from './rules-diff.ts'
import { registerLint } from './rules-lint.ts'

export const register: Register = (program, io) => {
  const rules = program.command('rules').description('look at the rules of the WAF')
  registerLint(rules, io)
  registerCompile(rules, io)
  registerDiff(rules, io)
}
