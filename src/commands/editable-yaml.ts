/**
 * YAML (or JSON) with many documents that is changed and written again: what is not changed keeps its comments and its place.
 * Read as YAML 1.1, as kubectl reads it (`0644` is octal), except that a date stays text.
 * A document with aliases or merge keys is written with them resolved, and without its comments: one anchor may stand for many places.
 */
import { Document, isCollection, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml'
import type { KubeObject, PatchOperation } from '../api/kube.ts'

type Path = readonly (string | number)[]

/** One Kubernetes object of a document: the document itself, or an item of a `List`. */
export interface Found {
  readonly object: KubeObject
  readonly document: Document
  readonly path: Path
}

export interface EditableYaml {
  /** Each with the text it was read from, which is written again where nothing is changed. */
  readonly documents: readonly { readonly document: Document; readonly source: string }[]
  readonly objects: readonly Found[]
  readonly edited: Set<Document>
}

const TIMESTAMP = 'tag:yaml.org,2002:timestamp'
const OPTIONS = {
  version: '1.1',
  merge: true,
  logLevel: 'error',
  // The long form repeats the lines of the file, which may be anything a terminal obeys.
  prettyErrors: false,
  customTags: (tags: readonly unknown[]) => tags.filter((it) => (it as { tag?: string }).tag !== TIMESTAMP),
} as const

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Copies of what an anchor stands for, so that one place can change and the others not. */
function resolved(document: Document): Document {
  let shared = false
  visit(document, {
    Alias: () => {
      shared = true
      return visit.BREAK
    },
    Pair: (_, pair) => {
      if (!isScalar(pair.key) || pair.key.value !== '<<') return undefined
      shared = true
      return visit.BREAK
    },
  })
  if (!shared) return document
  const plain = new Document(document.toJS(), { version: '1.1', aliasDuplicateObjects: false })
  if (plain.directives && document.directives) plain.directives.docStart = document.directives.docStart
  return plain
}

/** Parses. @throws Error with line and column of what is no YAML. */
export function parseEditableYaml(text: string): EditableYaml {
  const lineCounter = new LineCounter()
  const options = { ...OPTIONS, lineCounter } as unknown as Parameters<typeof parseAllDocuments>[1]
  const parsed = parseAllDocuments(text, options)
  let end = 0
  const documents = (Array.isArray(parsed) ? (parsed as Document[]) : []).map((document) => {
    const [fault] = document.errors
    if (fault !== undefined) {
      const { line, col } = lineCounter.linePos(fault.pos[0])
      throw new Error(`${fault.message} at line ${line}, column ${col}`)
    }
    const source = text.slice(end, document.range?.[2] ?? text.length)
    end += source.length
    return { document: resolved(document), source }
  })
  const objects = documents.flatMap(({ document }) => objectsOf(document, document.toJS(), []))
  return { documents, objects, edited: new Set() }
}

function objectsOf(document: Document, value: unknown, path: Path): Found[] {
  if (!isObject(value)) return []
  const { kind, items } = value
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item, i) => objectsOf(document, item, [...path, 'items', i]))
  return [{ object: value as KubeObject, document, path }]
}

const parts = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/** Carries a patch of the object below `path` out on its document. */
export function edit(
  yaml: EditableYaml,
  { document, path }: Omit<Found, 'object'>,
  patch: readonly PatchOperation[],
): void {
  if (patch.length > 0) yaml.edited.add(document)
  for (const operation of patch) {
    const way = [...path, ...parts(operation.path)]
    const last = way.at(-1)!
    const parent = document.getIn(way.slice(0, -1), true)
    if (operation.op === 'remove') {
      document.deleteIn(way)
      continue
    }
    if (operation.op === 'test') continue
    const value = document.createNode(operation.value)
    // What goes in is long: `{…}` and `[]` take lines from now on (but inside of another one, where YAML allows none).
    if ((isMap(parent) || isSeq(parent)) && (parent.items.length === 0 || isCollection(value))) parent.flow = false
    if (operation.op === 'add' && isSeq(parent))
      parent.items.splice(last === '-' ? parent.items.length : Number(last), 0, value)
    else document.setIn(way, value)
  }
}

const withNewline = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

/** The text again. */
export const stringifyYaml = ({ documents, edited }: EditableYaml): string =>
  documents
    .map(({ document, source }) => withNewline(edited.has(document) ? document.toString({ lineWidth: 0 }) : source))
    .join('')

/** One JSON value: the object itself, or a `List` of them. */
export function stringifyJson({ documents }: EditableYaml): string {
  const values = documents.map(({ document }) => document.toJS() as unknown).filter((value) => value !== null)
  const all = values.length === 1 ? values[0] : { apiVersion: 'v1', kind: 'List', items: values }
  return `${JSON.stringify(all, null, 2)}\n`
}
