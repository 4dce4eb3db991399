/**
 * Release + setup + before + exclusions + after → the files of a bundle. Same input, same bytes: nothing of the time or of an order that means
 * nothing is in them. What came out is read and judged once more as one rule set, so that no bundle leaves here that the linter complains of.
 *
 *     release ─ prune ─ XML attributes ─ tags to ids ─ idle removals ┐
 *     setup, exclusions ─────────────────────────────────────────────┼─ files ─ lint ─ count ─ address      seal.ts adds who it is for and signs
 *     before, after (linted) ────────────────────────────────────────┘
 */

import { lint } from '../language/lint.ts'
import type { Node, RuleFile } from '../language/nodes.ts'
import { printNode } from '../language/print.ts'
import { own } from '../language/tables/lookup.ts'
import { OPERATORS } from '../language/tables/operators.ts'
import { compileExclusions } from './exclusions.ts'
import { withoutIdleRemovals } from './idle-removals.ts'
import type { CompileInput, NamedText, Permit } from './input.ts'
import { LANGUAGES } from './languages.ts'
import { contentText, type FileSum } from './manifest.ts'
import { afterName, beforeName, byName, EXCLUSIONS_FILE, inLoadOrder, isCustom, SETUP_FILE } from './names.ts'
import type { CompileProblem, Note } from './problem.ts'
import { prune, type Reason } from './prune.ts'
import type { ReleaseFile } from './release.ts'
import { judgeSetup, setupText } from './setup.ts'
import { tagsToIds } from './tags-to-ids.ts'
import { xmlAttributes } from './xml-attributes.ts'

export interface Content {
  /** Name → bytes, sorted by name; without manifest and signature. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly sums: readonly FileSum[]
  /** As the engine counts what it loads from these files. */
  readonly rules: number
  readonly release: string
  readonly bodyLimitBytes: number
  readonly fieldsLimitBytes: number
  readonly onlyFrom: readonly string[]
  /** SHA-256 of all of the above: equal content is tried once, whomever it is for. */
  readonly address: string
}

export type Compiled =
  | {
      readonly status: 'compiled'
      readonly content: Content
      readonly notes: readonly Note[]
      /** When to compile again, since an exclusion ends; milliseconds since 1970. */
      readonly nextExpiry: number | undefined
      /** Rules of the release that are not in it, and why. */
      readonly dropped: ReadonlyMap<number, Reason>
    }
  | { readonly status: 'refused'; readonly problems: readonly CompileProblem[] }

const NOTHING_WIDER: Permit = { tags: false, wholeRules: false }
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

/** What upstream wrote, byte for byte, but for the nodes that are new. After a rule without actions the engine needs an empty line. */
function releaseText(source: ReleaseFile, file: RuleFile, changed: ReadonlySet<Node>): string {
  return file.nodes
    .map((node) => {
      const text = changed.has(node) ? printNode(node) : source.text.slice(node.from, node.to)
      return `${text.trimEnd()}\n${node.kind === 'rule' && node.actions.length === 0 ? '\n' : ''}`
    })
    .join('')
}

/** Data files that the rules read. */
const dataOf = (files: readonly RuleFile[]): Set<string> =>
  new Set(
    files.flatMap(({ nodes }) =>
      nodes.flatMap((node) =>
        node.kind === 'rule' && own(OPERATORS, node.operator.name)?.argument === 'file'
          ? node.operator.argument.split(/\s+/)
          : [],
      ),
    ),
  )

/** The namespace's own rules against the allow-list, all files together. */
function judgeCustom(input: CompileInput): CompileProblem[] {
  const files = [...(input.before ?? []), ...(input.after ?? [])]
  if (files.length === 0) return []
  const { problems } = lint({ kind: 'custom', files, besides: input.release.catalogue, dataFiles: [] })
  return problems.map(({ code, file, line, message }) => ({ code, where: `${file}:${line}`, message }))
}

/** A bundle's text files, before they are judged. */
function assemble(input: CompileInput): {
  texts: Map<string, string>
  data: Set<string>
  problems: readonly CompileProblem[]
  notes: readonly Note[]
  nextExpiry: number | undefined
  dropped: ReadonlyMap<number, Reason>
} {
  const { release, setup, before = [], after = [], exclusions = [], permit = NOTHING_WIDER, now } = input
  const pruned = prune(release, setup.paranoiaLevel, setup.languages && new Set(setup.languages))
  // The text of a node that a step replaced stands no more in the source, so a later step's node is as new as an earlier one's.
  const attributes = xmlAttributes(pruned.files)
  const byId = tagsToIds(attributes.files)
  const { files, changed: trimmed } = withoutIdleRemovals(byId.files)
  const changed = new Set([...attributes.changed, ...byId.changed, ...trimmed])
  const loaded = new Set(release.catalogue.rules.map(({ id }) => id).filter((id) => !pruned.dropped.has(id)))
  const unknownRules = input.unknownRules ?? 'refuse'
  const excluded = compileExclusions(exclusions, { release, loaded, permit, now, unknownRules })
  const custom = judgeCustom(input)
  const texts = new Map([[SETUP_FILE, setupText(setup, release.version)]])
  if (excluded.text !== '') texts.set(EXCLUSIONS_FILE, excluded.text)
  const sources = new Map(release.files.map((file) => [file.name, file]))
  for (const file of files) texts.set(file.name, releaseText(sources.get(file.name)!, file, changed))
  const add = (name: (index: number, text: string) => string) => (one: NamedText, index: number) =>
    texts.set(name(index, one.name), ended(one.text))
  before.forEach(add(beforeName))
  after.forEach(add(afterName))
  return {
    texts,
    data: dataOf(files),
    problems: [...custom, ...excluded.problems],
    notes: [...weaker(pruned.dropped, setup.languages), ...notPruned(pruned.levelWriters), ...excluded.notes],
    nextExpiry: excluded.nextExpiry,
    dropped: pruned.dropped,
  }
}

function weaker(dropped: ReadonlyMap<number, Reason>, used: readonly string[] | undefined): Note[] {
  const rules = [...dropped.values()].filter((why) => why === 'language').length
  if (rules === 0 || used === undefined) return []
  const without = Object.keys(LANGUAGES).filter((word) => !used.includes(word))
  const message = `${rules} rules for ${without.join(', ')} are left out: weaker on purpose, since the application uses ${[...used].sort().join(', ') || 'none of them'}`
  return [{ code: 'WeakerOnPurpose', where: 'setup.languages', message }]
}
const notPruned = (writers: readonly number[]): Note[] =>
  writers.length === 0
    ? []
    : [
        {
          code: 'NotPruned',
          where: '',
          message: `rules of all levels are loaded, since rule ${writers[0]} sets the level itself`,
        },
      ]

/** Never throws. */
export function compile(input: CompileInput): Compiled {
  const { release, setup, hash } = input
  const wrong = [...judgeSetup(setup)]
  if (wrong.length > 0) return { status: 'refused', problems: wrong }
  const { texts, data, problems, notes, nextExpiry, dropped } = assemble(input)
  if (problems.length > 0) return { status: 'refused', problems }
  const linted = lint({
    kind: 'release',
    files: inLoadOrder(texts.keys()).map((name) => ({ name, text: texts.get(name)! })),
    dataFiles: [...release.data.keys()],
  })
  const left = linted.problems.filter(({ code, file }) => !(code === 'EmptyFile' && isCustom(file)))
  if (left.length > 0)
    return {
      status: 'refused',
      problems: left.map(({ code, file, line, message }) => ({ code, where: `${file}:${line}`, message })),
    }
  const all = new Map<string, Uint8Array>([...texts].map(([name, text]) => [name, bytesOf(text)]))
  for (const name of data) all.set(name, release.data.get(name)!)
  const files = new Map([...all].toSorted(([a], [b]) => byName(a, b)))
  const content = {
    files,
    sums: [...files].map(([name, bytes]) => ({ name, sha256: hash(bytes) })),
    rules: linted.catalogue.loaded,
    release: release.version,
    bodyLimitBytes: setup.bodyLimitBytes,
    fieldsLimitBytes: setup.fieldsLimitBytes,
    onlyFrom: [...new Set((setup.onlyFrom ?? []).map((cidr) => cidr.toLowerCase()))].sort(byName),
  }
  const address = hash(bytesOf(contentText(content)))
  return { status: 'compiled', content: { ...content, address }, notes, nextExpiry, dropped }
}
