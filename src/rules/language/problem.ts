/**
 * What can be wrong with rules: a code, what it means, what mends it. docs/reference/rule-lint.md shows the same table; a test compares.
 * The sentence that a person reads is made where the mistake is found: it names the value and what would do.
 */
import type { Position } from './nodes.ts'

interface Entry {
  readonly sentence: string
  readonly remedy: string
}

/** What the file says in a way that the engine cannot read, or reads otherwise than it looks. */
export const READING = {
  UnknownDirective: {
    sentence: 'A line begins with a word that is no directive.',
    remedy: 'Use the nearest directive, which the message names.',
  },
  UnsupportedDirective: {
    sentence: 'The directive exists, but ModSecurity v3 refuses it.',
    remedy: 'Remove it.',
  },
  BadSetting: {
    sentence: 'The value of a directive is not of the kind it takes.',
    remedy: 'Write one of the values that the message names.',
  },
  BadVariables: {
    sentence: 'The list of variables cannot be read.',
    remedy: 'Write it as `NAME|NAME:selector|!NAME:selector`, without spaces.',
  },
  BadOperator: {
    sentence: 'The operator cannot be read, or ends elsewhere than it looks.',
    remedy: 'Write it in double quotes; inside them write `\\x22` for a double quote.',
  },
  BadActions: {
    sentence: 'The list of actions cannot be read, or ends elsewhere than it looks.',
    remedy: 'Write it in double quotes, with commas between and a backslash at the end of each line but the last.',
  },
  UnknownAction: {
    sentence: 'The action does not exist.',
    remedy: 'Use the nearest action, which the message names.',
  },
  UnsupportedAction: {
    sentence: 'The action exists, but ModSecurity v3 refuses it.',
    remedy: 'Remove it.',
  },
  BadValue: {
    sentence: 'The value of an action is not of the kind it takes, or ends elsewhere than it looks.',
    remedy: 'Write it as the message says, in single quotes where it holds more than a word.',
  },
  CommentSwallows: {
    sentence: 'A comment that begins with a rule and ends in a backslash takes the next lines with it.',
    remedy: 'Take the backslash away, or put a `#` before each of the lines.',
  },
} as const satisfies Record<string, Entry>

/** What the engine loads in silence, and then does not do. */
export const MEANING = {
  UnknownVariable: {
    sentence: 'The variable does not exist.',
    remedy: 'Use the nearest variable, which the message names.',
  },
  BadSelector: {
    sentence: 'The selector of a variable does not select what it looks like.',
    remedy: "Write `NAME:selector`, `NAME:/regex/`, or `NAME:'/regex/'` for a regex with a `|`.",
  },
  UnknownOperator: {
    sentence: 'The operator does not exist: the engine takes it for text to look for.',
    remedy: 'Use the nearest operator, which the message names.',
  },
  UnsupportedOperator: {
    sentence: 'The operator exists, but ModSecurity v3 refuses it or takes it for text.',
    remedy: 'Use another operator.',
  },
  BadArgument: {
    sentence: 'What follows the operator is not what it compares with.',
    remedy: 'Write what the message asks for.',
  },
  InvalidRegex: {
    sentence: 'The regular expression does not compile: the engine loads the rule, and it never matches.',
    remedy: 'Mend it at the place that the message names.',
  },
  UnknownTransformation: {
    sentence: 'The transformation does not exist.',
    remedy: 'Use the nearest transformation, which the message names.',
  },
  UnknownCtl: {
    sentence: 'The option of `ctl` does not exist in ModSecurity v3.',
    remedy: 'Use the nearest option, which the message names.',
  },
  BadCtl: {
    sentence: 'The value of a `ctl` option is not one that it takes.',
    remedy: 'Write one of the values that the message names.',
  },
  BadMacro: {
    sentence: 'A macro `%{…}` names no variable, or does not end.',
    remedy: 'Write `%{VARIABLE}` or `%{COLLECTION.name}`.',
  },
  NoId: { sentence: 'A rule has no id.', remedy: 'Give it one.' },
  BadId: {
    sentence: 'An id is 0, too large, given twice in a rule, or given in a chained rule, where it is ignored.',
    remedy: 'Give each chain one id, in its first rule.',
  },
  DuplicateId: { sentence: 'Two rules have one id.', remedy: 'Give one of them another id.' },
  BadPhase: { sentence: 'The phase does not exist, or is given twice.', remedy: 'Write `phase:1` to `phase:5`.' },
  ChainOpen: {
    sentence: 'A chain has no next rule, so its first rule alone decides, or the rule that follows by chance joins it.',
    remedy: 'Let a SecRule follow, or take `chain` away.',
  },
  ChainedAction: {
    sentence: 'A chained rule has an action that belongs in the rule that begins the chain.',
    remedy: 'Move it there.',
  },
  SkipNowhere: {
    sentence: '`skipAfter` names a marker that does not follow: all rules of the phase that come later are skipped.',
    remedy: 'Add the SecMarker after the rule, or mend its name.',
  },
  RemovesNothing: {
    sentence: 'A rule that is to be removed or changed does not exist.',
    remedy: 'Mend the id, tag or message, or take the line away.',
  },
  DuplicateDefault: {
    sentence: 'SecDefaultAction is given twice for one phase.',
    remedy: 'Keep one.',
  },
  BadDefault: {
    sentence: 'SecDefaultAction has no phase or no disruptive action, or one that belongs in a rule.',
    remedy: 'Write `phase`, one of pass, deny, block …, and logging actions.',
  },
  MissingData: {
    sentence: 'A file that a rule reads is not there.',
    remedy: 'Add the file, or mend its name.',
  },
  EmptyFile: { sentence: 'The file holds no directive.', remedy: 'Write rules into it, or leave it out.' },
  NoRules: { sentence: 'None of the files holds a rule.', remedy: 'Give the files that hold the rules.' },
} as const satisfies Record<string, Entry>

/** What a namespace's own rules may not do, whether or not the engine could. */
export const ALLOWANCE = {
  Form: {
    sentence: 'The rule is not of the plain form that leaves no doubt where it ends.',
    remedy: 'Write `SecRule VARIABLES "OPERATOR" "ACTIONS"`, a backslash only after a comma or between the parts.',
  },
  DirectiveNotAllowed: {
    sentence: 'The directive is set by the platform.',
    remedy: 'Take it away; modes and limits stand in the WafPolicy.',
  },
  OperatorNotAllowed: {
    sentence: 'The operator reads files, asks the network, or is not of use here.',
    remedy: 'Use one of the operators of the allow-list.',
  },
  VariableNotAllowed: {
    sentence: 'The variable is not on the allow-list.',
    remedy: 'Use one of the variables of the allow-list.',
  },
  TransformationNotAllowed: {
    sentence: 'The transformation is not on the allow-list.',
    remedy: 'Use one of the transformations of the allow-list.',
  },
  ActionNotAllowed: {
    sentence: 'The action could open what the Core Rule Set closes, run a program, or send data away.',
    remedy: 'Use one of the actions of the allow-list.',
  },
  CtlNotAllowed: {
    sentence: 'A `ctl` option switches off, or sets what the platform sets.',
    remedy: 'Exclude rules by `spec.exclusions` of a WafPolicy.',
  },
  TxNotAllowed: {
    sentence: 'The variable written to is one of the Core Rule Set: scores, thresholds, limits.',
    remedy: 'Write only to `tx.custom_NAME`.',
  },
  MarkerNotAllowed: {
    sentence: 'The marker is not one of the namespace’s own.',
    remedy: 'Name it `CUSTOM-NAME`, and let it follow in the same file.',
  },
  ForeignId: {
    sentence: 'The id is outside of the range for a namespace’s own rules.',
    remedy: 'Use one from 1 to 199999.',
  },
  MacroNotAllowed: {
    sentence: 'A macro could put a secret into the log, or is taken as text.',
    remedy: 'Use `logdata` with `%{MATCHED_VAR}`, or compare with @streq, @contains or @within.',
  },
  TooManyRules: {
    sentence: 'There are more rules than a namespace may have of its own, chained ones counted.',
    remedy: 'Write one rule with alternatives, or @pm or @within with a list of words.',
  },
  TooLarge: {
    sentence: 'All files together are larger than a namespace’s own rules may be.',
    remedy: 'Take rules out, or write one with alternatives.',
  },
  NoPhase: { sentence: 'The rule has no phase.', remedy: 'Write `phase:1` (headers) or `phase:2` (body).' },
} as const satisfies Record<string, Entry>

export type ProblemCode = keyof typeof READING | keyof typeof MEANING | keyof typeof ALLOWANCE

export interface Problem extends Position {
  readonly code: ProblemCode
  readonly message: string
}

export const problem = (code: ProblemCode, at: Position, message: string): Problem => ({ code, ...at, message })

/** `rules.conf:14: unknown operator "@detectSQLI" (nearest: @detectSQLi)` */
export const asLine = ({ file, line, message }: Problem): string => `${file}:${line}: ${message}`

/** In the order of a reader: by file as given, then by line and column; one mistake once. */
export const inOrder = (problems: readonly Problem[], files: readonly string[]): Problem[] => {
  const place = new Map(files.map((name, i) => [name, i]))
  const sorted = problems.toSorted(
    (a, b) => (place.get(a.file) ?? 0) - (place.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  )
  const seen = new Set<string>()
  return sorted.filter((found) => {
    const key = `${found.column}\n${asLine(found)}`
    return !seen.has(key) && seen.add(key)
  })
}
