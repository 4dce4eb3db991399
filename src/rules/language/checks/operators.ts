/** Operators that do not exist, what they compare with, and patterns that do not compile. */
import { nearest } from '../../../config/nearest.ts'
import type { Operator } from '../nodes.ts'
import { brokenRegex } from '../pcre/compile.ts'
import { type Problem, problem } from '../problem.ts'
import { hint, shown } from '../scanner.ts'
import { own } from '../tables/lookup.ts'
import { type Argument, OPERATORS } from '../tables/operators.ts'
import { macrosOf } from '../values.ts'
import type { Check, Context } from './context.ts'
import { judgeMacros } from './macros.ts'

const NAMES = Object.keys(OPERATORS)
/** The name that was meant: the same in another case, else the nearest. */
const meant = (name: string): string | undefined => {
  const found = NAMES.find((known) => known.toLowerCase() === name.toLowerCase()) ?? nearest(name, NAMES)
  return found === undefined ? undefined : `@${found}`
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|(?=\/)|$)){4}(?:\/(?:3[0-2]|[12]?\d))?$/
const IPV6 = /^[0-9a-f:]*:[0-9a-f:.]*(?:\/(?:12[0-8]|1[01]\d|\d?\d))?$/i
const address = (text: string): boolean => IPV4.test(text) || IPV6.test(text)
const byteRange = (text: string): boolean => {
  const [, first, last] = /^\s*(\d{1,3})(?:-\s*(\d{1,3}))?$/.exec(text) ?? []
  return (
    first !== undefined &&
    Number(first) <= 255 &&
    Number(last ?? first) <= 255 &&
    Number(first) <= Number(last ?? first)
  )
}

/** What the argument should be, where it is not. */
const WANTED: Readonly<Record<Argument, (argument: string) => string | undefined>> = {
  none: (text) => (text === '' ? undefined : 'takes nothing: with a value the engine takes the whole for text'),
  regex: (text) => (text === '' ? 'needs a pattern, after one space' : undefined),
  text: (text) => (text === '' ? 'needs something to compare with, after one space' : undefined),
  file: (text) => (text === '' ? 'needs the name of a file' : undefined),
  words: (text) => (text.trim() === '' ? 'needs words, after one space' : undefined),
  number: (text) => (/^[+-]?\d+$/.test(text.trim()) ? undefined : 'needs a number: the engine takes other text for 0'),
  addresses: (text) =>
    text.split(',').every(address) ? undefined : 'needs addresses and networks, with commas and no spaces between',
  bytes: (text) =>
    text.split(',').every(byteRange) ? undefined : 'needs numbers and ranges from 0 to 255, like 9,10,32-126',
}

export function* judgeOperator(operator: Operator, dataFiles: Context['dataFiles']): Generator<Problem> {
  const { at, name, argument, implicit } = operator
  const known = own(OPERATORS, name)
  if (known === undefined) {
    yield problem('UnknownOperator', at, `unknown operator "@${shown(name)}"${hint(meant(name))}`)
    return
  }
  if (known.v3 !== 'yes') {
    const what = known.v3 === 'no' ? 'is not supported by ModSecurity v3' : 'is taken for text by ModSecurity v3'
    yield problem('UnsupportedOperator', at, `operator "@${name}" ${what}`)
    return
  }
  yield* judgeMacros(argument, at)
  const macro = macrosOf(argument).length > 0
  const wanted = macro && known.argument !== 'none' ? undefined : WANTED[known.argument](argument)
  if (wanted !== undefined) {
    yield problem('BadArgument', at, `operator "@${name}" ${wanted}${argument === '' ? '' : ` ('${shown(argument)}')`}`)
    return
  }
  if (known.argument === 'regex' && !macro) {
    const broken = brokenRegex(argument)
    const which = implicit ? 'the pattern' : `the pattern of @${name}`
    if (broken)
      yield problem(
        'InvalidRegex',
        at,
        `${which} does not compile: ${broken.message} (at ${broken.offset} of '${shown(argument)}')`,
      )
  }
  if (known.argument === 'file' && name !== 'inspectFile') yield* missingData(operator, dataFiles)
}

function* missingData({ at, name, argument }: Operator, dataFiles: Context['dataFiles']): Generator<Problem> {
  const file = argument.trim()
  if (/^https?:/i.test(file))
    yield problem(
      'MissingData',
      at,
      `@${name} would fetch ${shown(file)} at each start: keep the file beside the rules`,
    )
  else if (dataFiles !== undefined && !dataFiles.has(file.replace(/^.*\//, '')))
    yield problem(
      'MissingData',
      at,
      `the file ${shown(file)} of @${name} is not there${hint(nearest(file, [...dataFiles].slice(0, 200)))}`,
    )
}

export const checkOperators: Check = ({ files, dataFiles }) =>
  files.flatMap(({ nodes }) =>
    nodes.flatMap((node) => (node.kind === 'rule' ? [...judgeOperator(node.operator, dataFiles)] : [])),
  )
