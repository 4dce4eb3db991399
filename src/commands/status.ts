/** `sekisho status …`: the state of the station. Each subcommand is a file `status-NAME.ts`. */
import type { Register } from './command.ts'
import { registerStatusCoverage } from './status-coverage.ts'

export const register: Register = (program, io) => {
  const status = program.command('status').description('show the state of the station')
  registerStatusCoverage(status, io)
}
