/** What stands inside the values of actions: `ctl` options, `setvar` targets, macros, ids and ranges. */
import type { Action, Node, RuleNode } from './nodes.ts'
import { actionName } from './parse-actions.ts'

/** The actions of a rule with this name, whatever its case. */
export const actionsOf = (node: { readonly actions: readonly Action[] }, name: string): Action[] =>
  node.actions.filter((action) => actionName(action.name) === name)

export const isChain = (node: Node): node is RuleNode => node.kind === 'rule' && actionsOf(node, 'chain').length > 0

export interface Ctl {
  readonly option: string
  readonly value: string
}

export const ctlOf = ({ value = '' }: Action): Ctl => {
  const equals = value.indexOf('=')
  return { option: value.slice(0, equals), value: value.slice(equals + 1) }
}

export interface SetVar {
  readonly remove: boolean
  /** In lower case. */
  readonly collection: string
  readonly name: string
  readonly value: string | undefined
}

export const setVarOf = ({ value = '' }: Action): SetVar => {
  const [, not, collection, name, set] = /^(!?)([A-Za-z]+)[:.]((?:%\{[^}]*\}|[^=])+)(?:=(.*))?$/s.exec(value) ?? []
  return { remove: not === '!', collection: (collection ?? '').toLowerCase(), name: name ?? '', value: set }
}

export interface Macro {
  /** What stands between the braces; undefined where they do not end. */
  readonly text: string | undefined
  readonly offset: number
}

/** Every `%{…}` of a value. A backslash before it makes it text, unless the value begins with it. */
export function macrosOf(value: string): Macro[] {
  const found: Macro[] = []
  for (let at = value.indexOf('%{'); at !== -1; at = value.indexOf('%{', at + 2)) {
    let backslashes = 0
    while (at - 1 - backslashes >= 0 && value[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 1 && backslashes < at) continue
    const end = value.indexOf('}', at)
    found.push({ text: end === -1 ? undefined : value.slice(at + 2, end), offset: at })
    if (end === -1) break
  }
  return found
}

export interface IdRange {
  readonly first: number
  readonly last: number
}

/** `1 3-5,7` → ranges; what is no number is left out (the parser complains of it). */
export const idRanges = (text: string): IdRange[] =>
  [...text.matchAll(/(\d+)(?:-(\d+))?/g)].map(([, first, last]) => ({
    first: Number(first),
    last: Number(last ?? first),
  }))
