/**
 * What an exclusion takes out of a rule, as the engine names it.
 *
 * The engine compares the target with `COLLECTION:name` of each value, byte by byte: `ARGS:text` is not `ARGS:Text`. It does so in the rule that
 * begins a chain, and not in those chained to it, so only the variables of the first count here.
 */
import type { CatalogueRule } from '../language/catalogue.ts'
import type { Exclusion } from './input.ts'

export type TargetKind = 'parameter' | 'cookie' | 'header'
export interface Target {
  readonly kind: TargetKind
  readonly name: string
}

/** A parameter's name is a part of it, so rules that look at names let it pass too. */
const COLLECTIONS: Readonly<Record<TargetKind, readonly string[]>> = {
  parameter: ['ARGS', 'ARGS_GET', 'ARGS_POST', 'ARGS_NAMES', 'ARGS_GET_NAMES', 'ARGS_POST_NAMES'],
  cookie: ['REQUEST_COOKIES', 'REQUEST_COOKIES_NAMES'],
  header: ['REQUEST_HEADERS', 'REQUEST_HEADERS_NAMES'],
}

/** What the engine's scanner takes in `ctl:ruleRemoveTargetById=ID;TARGET`; a `;` would end it in silence. */
const WRITABLE = /^[0-9A-Za-z_/.\-*:[\]$@]{1,200}$/
/** RFC 9110, as far as the scanner takes it. */
const HEADER = /^[0-9A-Za-z_.-]{1,100}$/

export const isWritable = ({ kind, name }: Target): boolean => (kind === 'header' ? HEADER : WRITABLE).test(name)

/** The one of the three that is given. */
export const targetsOf = ({ parameter, cookie, header }: Exclusion): Target[] => {
  const given: [TargetKind, string | undefined][] = [
    ['parameter', parameter],
    ['cookie', cookie],
    ['header', header],
  ]
  return given.flatMap(([kind, name]) => (name === undefined ? [] : [{ kind, name }]))
}

/** A header as it is written, in lower case (HTTP/2) and with capitals (HTTP/1.1): the engine keeps the client's spelling. */
const spellings = ({ kind, name }: Target): string[] => {
  if (kind !== 'header') return [name]
  const lower = name.toLowerCase()
  return [...new Set([name, lower, lower.replaceAll(/(?:^|-)[a-z]/g, (hit) => hit.toUpperCase())])].sort()
}

/** Names for `ctl:ruleRemoveTargetById`; empty where the rule does not look at the target. */
export function engineTargets({ nodes: [first] }: CatalogueRule, target: Target): string[] {
  if (first?.kind !== 'rule') return []
  const looksAt = (collection: string): boolean =>
    first.variables.some(
      ({ prefix, name, selector }) =>
        prefix === '' &&
        name.toUpperCase() === collection &&
        (selector === undefined ||
          selector.kind !== 'text' ||
          selector.text.toLowerCase() === target.name.toLowerCase()),
    )
  return COLLECTIONS[target.kind]
    .filter(looksAt)
    .flatMap((collection) => spellings(target).map((name) => `${collection}:${name}`))
}
