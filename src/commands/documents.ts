/** The Kubernetes objects of a YAML or JSON file with many documents; `-` is stdin. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { LineCounter, type Document as Parsed, parseAllDocuments } from 'yaml'
import type { KubeObject } from '../api/kube.ts'
import { EXIT, Exit, type Io } from './command.ts'

export interface Document {
  readonly object: KubeObject
  /** `ns.yaml:12`: where it begins. */
  readonly where: string
}

/** Reads and parses; the items of a `List` count as objects of their own. @throws {Exit} with file, line and what is wrong. */
export async function readDocuments(path: string, io: Io): Promise<Document[]> {
  const name = path === '-' ? 'stdin' : path
  let source: string
  try {
    source = path === '-' ? await text(io.stdin) : await readFile(path, 'utf8')
  } catch (error) {
    throw new Exit(EXIT.usage, `Cannot read ${name}: ${(error as Error).message}`)
  }
  const found: Document[] = []
  const lines = new LineCounter()
  const parsed = parseAllDocuments(source, { logLevel: 'error', lineCounter: lines, prettyErrors: false })
  for (const document of Array.isArray(parsed) ? (parsed as Parsed[]) : []) {
    const at = (offset: number) => lines.linePos(offset).line
    const line = at(document.contents?.range?.[0] ?? 0)
    const [fault] = document.errors
    // The library's own long form repeats the lines of the file, which may be anything a terminal obeys.
    if (fault) throw new Exit(EXIT.usage, `Cannot read ${name}:${at(fault.pos[0])} as YAML: ${fault.message}`)
    const object = plain(document, `${name}:${line}`)
    if (object === null || object === undefined) continue
    const objects = isList(object) ? object.items : [object]
    for (const one of objects) {
      if (typeof one !== 'object' || one === null || Array.isArray(one) || typeof (one as KubeObject).kind !== 'string')
        throw new Exit(EXIT.usage, `Cannot read ${name}:${line} as a Kubernetes object: it has no kind.`)
      found.push({ object: one as KubeObject, where: `${name}:${line}` })
    }
  }
  return found
}

function plain(document: Parsed, where: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new Exit(EXIT.usage, `Cannot read ${where} as YAML: ${(error as Error).message}`)
  }
}

const isList = (value: unknown): value is { items: unknown[] } =>
  typeof value === 'object' &&
  value !== null &&
  (value as KubeObject).kind === 'List' &&
  Array.isArray((value as { items?: unknown }).items)
