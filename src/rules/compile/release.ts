/** The files of a release, read once for all bundles that are made from it. */
import { type Catalogue, catalogue } from '../language/catalogue.ts'
import type { RuleFile } from '../language/nodes.ts'
import { parse } from '../language/parse.ts'
import { inLoadOrder, placeOf } from './names.ts'
import { type CompileProblem, found } from './problem.ts'

export interface ReleaseFile extends RuleFile {
  /** Its name in the bundle. */
  readonly name: string
  readonly text: string
}

export interface Release {
  readonly version: string
  /** In the order of loading. */
  readonly files: readonly ReleaseFile[]
  readonly data: ReadonlyMap<string, Uint8Array>
  readonly catalogue: Catalogue
}

type Read =
  | { readonly status: 'read'; readonly release: Release }
  | { readonly status: 'refused'; readonly problems: readonly CompileProblem[] }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @param files path in the release (`rules/REQUEST-901-INITIALIZATION.conf`) → bytes, in any order */
export function readRelease(version: string, files: ReadonlyMap<string, { readonly bytes: Uint8Array }>): Read {
  const problems: CompileProblem[] = []
  if (!/^\d[\d.]{0,30}$/.test(version))
    problems.push(found('BadIdentity', 'release', `the version is digits and dots, not '${version.slice(0, 40)}'`))
  const rules = new Map<string, ReleaseFile>()
  const data = new Map<string, Uint8Array>()
  for (const [path, { bytes }] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const place = placeOf(path)
    if (place.kind === 'unknown')
      problems.push(found('BadRelease', path, 'the name says not where the file stands in the order of loading'))
    if (place.kind === 'data') data.set(place.name, bytes)
    if (place.kind !== 'rules') continue
    try {
      const text = decoder.decode(bytes)
      const { nodes, problems: unreadable } = parse(text, path)
      rules.set(place.name, { name: place.name, text, nodes })
      for (const one of unreadable)
        problems.push({ code: one.code, where: `${one.file}:${one.line}`, message: one.message })
    } catch {
      problems.push(found('BadRelease', path, 'the file is not UTF-8'))
    }
  }
  const ordered = inLoadOrder(rules.keys()).map((name) => rules.get(name)!)
  const known = catalogue(ordered)
  if (known.rules.length === 0) problems.push(found('BadRelease', 'release', 'there is no rule in it'))
  if (problems.length > 0) return { status: 'refused', problems }
  return { status: 'read', release: { version, files: ordered, data, catalogue: known } }
}
