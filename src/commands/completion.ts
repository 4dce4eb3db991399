/**
 * `sekisho completion SHELL`: a script made from the very tree of commands and options that commander holds, so that
 * it cannot lag behind them. The script knows everything itself: a press of Tab starts no program of ours.
 */
import type { Command } from 'commander'
import { EXIT, Exit, examples, type Register } from './command.ts'

interface Place {
  /** The words that lead here: `certs install`. */
  readonly path: string
  readonly words: readonly { readonly word: string; readonly sentence: string }[]
}

/** Every command of the tree with what may follow it: subcommands first, then options. */
export const places = (command: Command, path: readonly string[] = []): Place[] => {
  const help = command.createHelp()
  const children = help.visibleCommands(command)
  const options = help.visibleOptions(command)
  const words = [
    ...children.map((child) => ({ word: child.name(), sentence: child.description() })),
    ...options.flatMap(({ long, description }) => (long ? [{ word: long, sentence: description }] : [])),
  ]
  return [
    { path: path.join(' '), words },
    ...children.filter((child) => child.name() !== 'help').flatMap((child) => places(child, [...path, child.name()])),
  ]
}

/** For a single-quoted word in all three shells: descriptions are ours, but an apostrophe in one must not end it. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

const walk = (all: readonly Place[], indent: string) =>
  all
    .filter(({ path }) => path !== '')
    .map(({ path }) => `${indent}${quoted(path)}) at="$next" ;;`)
    .join('\n')

const bash = (all: readonly Place[]) => `# bash completion for sekisho: source <(sekisho completion bash)
_sekisho() {
  local at='' next word current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${at:+$at }$word"
    case "$next" in
${walk(all, '      ')}
    esac
  done
  COMPREPLY=()
  case "$previous" in
    -f|--file|--config|--kubeconfig) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  esac
  case "$at" in
${all.map(({ path, words }) => `    ${quoted(path)}) mapfile -t COMPREPLY < <(compgen -W ${quoted(words.map(({ word }) => word).join(' '))} -- "$current") ;;`).join('\n')}
  esac
}
complete -o default -F _sekisho sekisho
`

const zsh = (all: readonly Place[]) => `#compdef sekisho
# zsh completion for sekisho: source <(sekisho completion zsh)
_sekisho() {
  local at='' next word
  local -a choices
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${at:+$at }$word"
    case "$next" in
${walk(all, '      ')}
    esac
  done
  case "\${words[CURRENT-1]}" in
    -f|--file|--config|--kubeconfig) _files; return ;;
  esac
  case "$at" in
${all.map(({ path, words }) => `    ${quoted(path)}) choices=(${words.map(({ word, sentence }) => quoted(`${word}:${sentence.replaceAll(':', '\\:')}`)).join(' ')}) ;;`).join('\n')}
  esac
  _describe 'sekisho' choices || _files
}
compdef _sekisho sekisho
`

const fish = (all: readonly Place[]) => `# fish completion for sekisho: sekisho completion fish | source
function __sekisho_at
  set -l at ''
  for word in (commandline -opc)[2..]
    set -l next (string trim -- "$at $word")
    contains -- "$next" ${all.map(({ path }) => quoted(path)).join(' ')}; and set at "$next"
  end
  test "$at" = "$argv[1]"
end
${all
  .flatMap(({ path, words }) =>
    words.map(({ word, sentence }) => {
      const what = word.startsWith('--') ? `-l ${quoted(word.slice(2))}` : `-f -a ${quoted(word)}`
      return `complete -c sekisho -n "__sekisho_at ${quoted(path)}" ${what} -d ${quoted(sentence)}`
    }),
  )
  .join('\n')}
`

export const SHELLS = { bash, zsh, fish } as const

export const register: Register = (program, io) => {
  program
    .command('completion')
    .description('print the completion script for bash, zsh or fish')
    .argument('<shell>', Object.keys(SHELLS).join(', '))
    .addHelpText(
      'after',
      examples(
        'source <(sekisho completion bash)',
        'sekisho completion zsh > "$' + '{fpath[1]}/_sekisho"',
        'sekisho completion fish > ~/.config/fish/completions/sekisho.fish',
      ),
    )
    .action((shell: string) => {
      if (!Object.hasOwn(SHELLS, shell)) {
        throw new Exit(
          EXIT.usage,
          `Cannot complete for '${shell}': the shell must be ${Object.keys(SHELLS).join(', ')}.`,
        )
      }
      io.stdout.write(SHELLS[shell as keyof typeof SHELLS](places(program)))
    })
}
