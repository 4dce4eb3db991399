/** Variables that do not exist, and selectors that select nothing of what they look like. */
import { nearest } from '../../../config/nearest.ts'
import type { Variable } from '../nodes.ts'
import { brokenRegex } from '../pcre/compile.ts'
import { type Problem, problem } from '../problem.ts'
import { hint, shown } from '../scanner.ts'
import { canonical, own } from '../tables/lookup.ts'
import { VARIABLES } from '../tables/variables.ts'
import type { Check } from './context.ts'

const NAMES = Object.keys(VARIABLES)
export const variableName = canonical(VARIABLES)

export function* judgeVariable({ at, name, selector }: Variable): Generator<Problem> {
  const kind = own(VARIABLES, name)
  if (kind === undefined) {
    yield problem(
      'UnknownVariable',
      at,
      `unknown variable "${shown(name)}"${hint(variableName(name) ?? nearest(name, NAMES))}`,
    )
    return
  }
  if (kind === 'no') yield problem('UnknownVariable', at, `variable "${name}" is not supported by ModSecurity v3`)
  if (selector === undefined) return
  if (kind === 'single')
    yield problem(
      'BadSelector',
      at,
      `variable "${name}" has one value: "${shown(selector.text)}" selects nothing of it`,
    )
  const { kind: form, text } = selector
  if (form === 'text') {
    if (/^'.*'$/.test(text))
      yield problem(
        'BadSelector',
        at,
        `the quotes of ${name}:${shown(text)} are part of the name that is looked for: take them away`,
      )
    else if (text.startsWith('/') && name !== 'XML')
      yield problem(
        'BadSelector',
        at,
        `${name}:${shown(text)} is taken as a name: a regex ends in /, and one with =, | or a space stands in '/…/'`,
      )
    return
  }
  const broken = brokenRegex(text)
  if (broken)
    yield problem(
      'InvalidRegex',
      at,
      `the regex /${shown(text)}/ of ${name} does not compile: ${broken.message} (at ${broken.offset})`,
    )
}

export const checkVariables: Check = ({ files }) =>
  files.flatMap(({ nodes }) =>
    nodes.flatMap((node) =>
      node.kind === 'rule' || node.kind === 'update-targets'
        ? node.variables.flatMap((one) => [...judgeVariable(one)])
        : [],
    ),
  )
