/**
 * What a file in src/commands is: one module with `register`, which adds its command (and subcommands) to the program.
 * src/cli.ts imports only the module whose word was typed, so what a command imports costs the others nothing.
 *
 *   export const register: Register = (program, io) => {
 *     program.command('inject').description('…').requiredOption('-f, --file <path>', '…')
 *       .addHelpText('after', examples('sekisho inject -f app.yaml'))
 *       .action(async (options) => { … io.stdout.write(…); throw new Exit(EXIT.refused) })
 *   }
 *
 * An action that returns is exit code 0. Anything else is thrown as `Exit`; any other error is exit code 3.
 */
import type { Command } from 'commander'

/** What a command may touch of the process. argv is not in it: options come from commander. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  readonly env: Readonly<Record<string, string | undefined>>
}

export type Register = (program: Command, io: Io) => void
export interface CommandModule {
  readonly register: Register
}

/** The meanings of our exit codes; docs/reference/cli.md has the same table and a test compares. */
export const EXIT = {
  /** Done, or: everything asked about is accepted. */
  ok: 0,
  /** Done, and the answer is no: something would be refused, or needs a person. */
  refused: 1,
  /** Not tried: the command line, the configuration or an input file is wrong. */
  usage: 2,
  /** Tried, and could not be done: the cluster, a file or the network failed. */
  failed: 3,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends the command with this code; the message, if any, goes to stderr as `error: …` (or bare for `refused`). */
export class Exit extends Error {
  override readonly name = 'Exit'
  readonly code: ExitCode
  constructor(code: ExitCode, message = '', options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The examples that stand under `--help`. */
export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`
