/** `%{…}`: the engine fails at one that names no variable. */
import { nearest } from '../../../config/nearest.ts'
import type { Position } from '../nodes.ts'
import { type Problem, problem } from '../problem.ts'
import { hint, shown } from '../scanner.ts'
import { own } from '../tables/lookup.ts'
import { VARIABLES } from '../tables/variables.ts'
import { macrosOf } from '../values.ts'
import { variableName } from './variables.ts'

export function* judgeMacros(value: string, at: Position): Generator<Problem> {
  for (const { text } of macrosOf(value)) {
    if (text === undefined) {
      yield problem('BadMacro', at, `a macro does not end: '${shown(value)}'`)
      continue
    }
    const [, name, , part] = /^([A-Za-z_]+)(?:([:.])(?![/'])([^"|,\n \t}]+))?$/.exec(text) ?? []
    const known = name === undefined ? undefined : variableName(name)
    const kind = known === undefined ? undefined : own(VARIABLES, known)
    if (kind === undefined || kind === 'no' || (kind === 'single' && part !== undefined))
      yield problem(
        'BadMacro',
        at,
        `unknown variable in the macro %{${shown(text)}}${known ? '' : hint(nearest(name ?? text, Object.keys(VARIABLES)))}`,
      )
  }
}
