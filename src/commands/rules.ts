/** `sekisho rules …`: what an operator does with rules. Each subcommand is a file `rules-NAME.ts`. */
import type { Register } from './command.ts'
import { registerCompile } from './rules-compile.ts'
import { registerDiff } from './rules-diff.ts'
import { registerFreeze } from './rules-freeze.ts'
import { registerLint } from './rules-lint.ts'
import { registerPin } from './rules-pin.ts'
import { registerResume } from './rules-resume.ts'
import { registerRollback } from './rules-rollback.ts'
import { registerServe } from './rules-serve.ts'
import { registerStatus } from './rules-status.ts'
import { registerUnpin } from './rules-unpin.ts'

export const register: Register = (program, io) => {
  const rules = program.command('rules').description('look at the rules of the WAF')
  registerLint(rules, io)
  registerCompile(rules, io)
  registerDiff(rules, io)
  registerServe(rules, io)
  registerStatus(rules, io)
  registerPin(rules, io)
  registerUnpin(rules, io)
  registerRollback(rules, io)
  registerFreeze(rules, io)
  registerResume(rules, io)
}
