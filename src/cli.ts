#!/usr/bin/env node
/**
 * `sekisho`: subcommands and flags. Nothing else reads argv.
 * The table below knows each command's word and sentence, so that `sekisho --help` needs to import none of them, and
 * a command that is typed imports only itself (the webhook's memory does not pay for the certificate job).
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { type CommandModule, EXIT, Exit, examples, type Io } from './commands/command.ts'
import { VERSION } from './version.ts'

interface Entry {
  readonly word: string
  readonly sentence: string
  readonly load: () => Promise<CommandModule>
}

export const COMMANDS: readonly Entry[] = [
  {
    word: 'webhook',
    sentence: 'answer the API server: inject Pods, guard namespaces',
    load: () => import('./commands/webhook.ts'),
  },
  {
    word: 'check',
    sentence: 'say whether the gate would accept namespaces',
    load: () => import('./commands/check.ts'),
  },
  {
    word: 'status',
    sentence: 'show the state of the station',
    load: () => import('./commands/status.ts'),
  },
  {
    word: 'guard',
    sentence: 'keep coverage true: taint blind nodes, tell their namespaces',
    load: () => import('./commands/guard.ts'),
  },
  {
    word: 'uninstall',
    sentence: 'take Sekisho out of a cluster, in the right order',
    load: () => import('./commands/uninstall.ts'),
  },
  {
    word: 'inject',
    sentence: 'what the webhook would make of Pods and workloads, without a cluster',
    load: () => import('./commands/inject.ts'),
  },
  {
    word: 'certs',
    sentence: 'make and renew certificates, keep caBundle right',
    load: () => import('./commands/certs.ts'),
  },
  {
    word: 'rules',
    sentence: 'look at the rules of the WAF',
    load: () => import('./commands/rules.ts'),
  },
  {
    word: 'ids',
    sentence: 'the agent beside Suricata: show that a node is watched',
    load: () => import('./commands/ids.ts'),
  },
  {
    word: 'config',
    sentence: 'check and explain a configuration file',
    load: () => import('./commands/config-check.ts'),
  },
  {
    word: 'completion',
    sentence: 'print the completion script for bash, zsh or fish',
    load: () => import('./commands/completion.ts'),
  },
  { word: 'version', sentence: 'print the version', load: () => import('./commands/version.ts') },
]

/** The program with the modules of `words` registered and every other command as a bare line for the help. */
export const createProgram = async (io: Io, words: readonly string[]): Promise<Command> => {
  const program = new Command('sekisho')
    .description('Web application security that operates itself on Kubernetes.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .exitOverride()
    .addHelpText('after', () =>
      examples(
        'sekisho inject -f app.yaml        # what the webhook would make of it',
        'sekisho check -f namespace.yaml   # what the gate would say',
        'sekisho help COMMAND              # options and examples of one command',
      ),
    )
  for (const { word, sentence, load } of COMMANDS) {
    if (words.includes(word)) (await load()).register(program, io)
    else program.command(word).description(sentence)
  }
  return program
}

/** Runs one command line and resolves to its exit code. */
export const main = async (args: readonly string[], io: Io): Promise<number> => {
  try {
    // Every word is looked at, so `help inject` and `--flag inject` find their module too.
    const words = args.some((arg) => arg === 'completion') ? COMMANDS.map(({ word }) => word) : args
    const program = await createProgram(io, words)
    if (args.length === 0) {
      program.outputHelp()
      return EXIT.usage
    }
    await program.parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (error instanceof Exit) {
      if (error.message !== '') io.stderr.write(`${error.code === EXIT.refused ? '' : 'error: '}${error.message}\n`)
      return error.code
    }
    io.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    if (io.env['SEKISHO_DEBUG'] !== undefined && error instanceof Error) io.stderr.write(`${error.stack}\n`)
    return EXIT.failed
  }
}

const startedAsProgram =
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
if (startedAsProgram) {
  const { stdin, stdout, stderr, env } = process
  // `| head` closes our stdout: that ends us quietly instead of with a stack trace.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed))
  process.exitCode = await main(process.argv.slice(2), { stdin, stdout, stderr, env })
}
