/**
 * Rule files → what is wrong with them, `file:line: message`.
 *
 * `release`: a rule set as its makers publish it; all files together, in the order of loading. `custom`: rules of a namespace's own, which
 * besides are held to the allow-list of allow.ts. What is found here the engine finds too, or takes in silence and then does not do.
 */
import { MOST_CUSTOM } from './allow.ts'
import { type Catalogue, catalogue } from './catalogue.ts'
import { checkActions } from './checks/actions.ts'
import { checkChains } from './checks/chains.ts'
import type { Check, Context } from './checks/context.ts'
import { checkDefaults } from './checks/defaults.ts'
import { checkFiles } from './checks/files.ts'
import { checkIds } from './checks/ids.ts'
import { checkOperators } from './checks/operators.ts'
import { checkRemovals } from './checks/removals.ts'
import { checkSkips } from './checks/skips.ts'
import { checkVariables } from './checks/variables.ts'
import { judgeCustom } from './custom.ts'
import type { RuleFile } from './nodes.ts'
import { parse } from './parse.ts'
import { inOrder, type Problem, problem } from './problem.ts'

export type Kind = 'release' | 'custom'

export interface LintInput {
  readonly kind: Kind
  /** In the order of loading. */
  readonly files: readonly { readonly name: string; readonly text: string }[]
  /** The rules that are loaded besides: for `custom` those of the release. Without it, ids that are not in the files are not judged. */
  readonly besides?: Catalogue
  /** Names of the data files beside the rules; without it they are not judged. */
  readonly dataFiles?: readonly string[]
}

export interface Linted {
  readonly files: readonly RuleFile[]
  readonly catalogue: Catalogue
  /** Empty: nothing is wrong. */
  readonly problems: readonly Problem[]
}

const CHECKS: readonly Check[] = [
  checkVariables,
  checkOperators,
  checkActions,
  checkChains,
  checkIds,
  checkSkips,
  checkRemovals,
  checkDefaults,
  checkFiles,
]

/** What is too much is not judged, so that nobody keeps the judge busy: only that is told. */
const tooMuch = (found: Problem): Linted => ({ files: [], catalogue: catalogue([]), problems: [found] })

function tooLarge(files: LintInput['files']): Problem | undefined {
  const encoder = new TextEncoder()
  let bytes = 0
  for (const { name, text } of files) {
    bytes += encoder.encode(text).length
    if (bytes > MOST_CUSTOM.bytes)
      return problem(
        'TooLarge',
        { file: name, line: 1, column: 1 },
        `more than ${MOST_CUSTOM.bytes} bytes in all files together: take rules out, or write one with alternatives`,
      )
  }
  return undefined
}

function tooMany(files: readonly RuleFile[]): Problem | undefined {
  const rules = files.flatMap(({ nodes }) => nodes.filter(({ kind }) => kind === 'rule' || kind === 'action'))
  const first = rules[MOST_CUSTOM.rules]
  return (
    first &&
    problem(
      'TooManyRules',
      first.at,
      `more than ${MOST_CUSTOM.rules} rules, chained ones counted: write one rule with alternatives, or @pm or @within with a list of words`,
    )
  )
}

/** Reads and judges. Never throws. */
export function lint({ kind, files, besides, dataFiles }: LintInput): Linted {
  const large = kind === 'custom' ? tooLarge(files) : undefined
  if (large !== undefined) return tooMuch(large)
  const read = files.map(({ name, text }) => ({ name, text, ...parse(text, name) }))
  const many = kind === 'custom' ? tooMany(read) : undefined
  if (many !== undefined) return tooMuch(many)
  const known = catalogue(read)
  const context: Context = {
    files: read,
    catalogue: known,
    besides,
    whole: kind === 'release',
    dataFiles: dataFiles === undefined ? undefined : new Set(dataFiles),
  }
  const problems = [
    ...read.flatMap(({ problems }) => problems),
    ...CHECKS.flatMap((check) => check(context)),
    ...(kind === 'custom' ? judgeCustom(context) : []),
  ]
  return {
    files: read.map(({ name, nodes }) => ({ name, nodes })),
    catalogue: known,
    problems: inOrder(
      problems,
      files.map(({ name }) => name),
    ),
  }
}
