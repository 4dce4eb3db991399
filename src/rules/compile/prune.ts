/**
 * Which rules of a release are left out, without a change of any verdict: those of higher paranoia levels, which are skipped at every request,
 * and those on RESPONSE_BODY, which is not read (they would take 16 MiB of each process). And, weaker on purpose, those for languages that the
 * application does not use.
 */
import { type CatalogueRule, catalogue } from '../language/catalogue.ts'
import type { Node, RuleFile } from '../language/nodes.ts'
import { actionName } from '../language/parse-actions.ts'
import { actionsOf } from '../language/values.ts'
import { isForOthers } from './languages.ts'
import { levelWriters, matchesAtLevel } from './level.ts'
import type { Release } from './release.ts'

export type Reason = 'level' | 'response-body' | 'language'

export interface Pruned {
  readonly files: readonly RuleFile[]
  /** Id of each rule that was left out → why. */
  readonly dropped: ReadonlyMap<number, Reason>
  /** Rules that write to the paranoia level; where there are any, no rule is left out for its level. */
  readonly levelWriters: readonly number[]
}

/** What a rule may have that only jumps: nothing of it is missed. */
const JUMPS = new Set(['id', 'phase', 'pass', 'nolog', 'noauditlog', 't', 'tag', 'ver', 'rev', 'msg', 'skipAfter'])

/** Where a rule does nothing but jump, to where. */
const jumpOf = ({ nodes }: CatalogueRule): string | undefined => {
  const [node] = nodes
  if (nodes.length !== 1 || actionsOf(node!, 'nolog').length === 0) return undefined
  if (!node!.actions.every(({ name }) => JUMPS.has(actionName(name) ?? ''))) return undefined
  return actionsOf(node!, 'skipAfter').at(-1)?.value
}

const onResponseBody = ({ nodes: [first] }: CatalogueRule): boolean =>
  first?.kind === 'rule' &&
  first.variables.every(({ prefix, name }) => prefix !== '&' && name.toUpperCase() === 'RESPONSE_BODY')

/** Rules of one file that are left out for their level. */
function aboveLevel(file: RuleFile, rules: readonly CatalogueRule[], level: number): Map<number, Reason> {
  const first = new Map<Node, CatalogueRule>(rules.map((rule) => [rule.nodes[0]!, rule]))
  const markerAfter = (index: number, label: string): number =>
    file.nodes.findIndex((node, i) => i > index && node.kind === 'marker' && node.label === label)
  const dropped = new Map<number, Reason>()
  /** Phase → the place of the marker up to which it is skipped. */
  const skipped = new Map<number, number>()
  for (const [index, node] of file.nodes.entries()) {
    const rule = first.get(node)
    if (rule === undefined) continue
    const { id, phase } = rule
    if ((skipped.get(phase) ?? -1) > index) {
      dropped.set(id, 'level')
      continue
    }
    const matches = matchesAtLevel(rule.nodes[0]!, level)
    if (matches === false) dropped.set(id, 'level')
    const jump = matches === true ? jumpOf(rule) : undefined
    const marker = jump === undefined ? -1 : markerAfter(index, jump)
    if (marker !== -1) {
      skipped.set(phase, marker)
      dropped.set(id, 'level')
    }
  }
  return dropped
}

/** @param used the application's languages; undefined: not known */
export function prune(release: Release, level: number, used: ReadonlySet<string> | undefined): Pruned {
  const writers = levelWriters(release.catalogue)
  const dropped = new Map<number, Reason>()
  const kept: RuleFile[] = []
  for (const file of release.files) {
    const { rules } = catalogue([file])
    if (writers.length === 0) for (const [id, why] of aboveLevel(file, rules, level)) dropped.set(id, why)
    const gone = new Set<Node>()
    for (const rule of rules) {
      if (!dropped.has(rule.id)) {
        if (onResponseBody(rule)) dropped.set(rule.id, 'response-body')
        else if (used !== undefined && isForOthers(rule, used)) dropped.set(rule.id, 'language')
      }
      if (dropped.has(rule.id)) for (const node of rule.nodes) gone.add(node)
    }
    kept.push({ name: file.name, nodes: file.nodes.filter((node) => node.kind !== 'comment' && !gone.has(node)) })
  }
  return { files: withoutIdleMarkers(kept), dropped, levelWriters: writers }
}

/** A marker that no rule jumps to counts as seven rules and does nothing. */
function withoutIdleMarkers(files: readonly RuleFile[]): RuleFile[] {
  const wanted = new Set(
    files.flatMap(({ nodes }) =>
      nodes.flatMap((node) => ('actions' in node ? actionsOf(node, 'skipAfter').map(({ value }) => value) : [])),
    ),
  )
  return files
    .map(({ name, nodes }) => ({
      name,
      nodes: nodes.filter((node) => node.kind !== 'marker' || wanted.has(node.label)),
    }))
    .filter(({ nodes }) => nodes.length > 0)
}
