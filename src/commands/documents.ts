/** The Kubernetes objects of a YAML or JSON file with many documents; `-` is stdin. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { parseAllDocuments } from 'yaml'
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
  const parsed = parseAllDocuments(source, { logLevel: 'error' })
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const line = source.slice(0, document.contents?.range?.[0] ?? 0).split('\n').length
    const [fault] = document.errors
    if (fault) throw new Exit(EXIT.usage, `Cannot read ${name}: ${fault.message}`)
    const object = document.toJS() as unknown
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

const isList = (value: unknown): value is { items: unknown[] } =>
  typeof value === 'object' &&
  value !== null &&
  (value as KubeObject).kind === 'List' &&
  Array.isArray((value as { items?: unknown }).items)
