/**
 * JSON Patch, written by hand: a diff by position would rewrite every container after one that was put before it.
 * `applied` runs the operations once on a copy; what does not apply is our fault, and must never reach the API server as an answer.
 */
import jsonpatch, { type Operation } from 'fast-json-patch'
import type { PatchOperation } from '../api/kube.ts'

type Parent = Record<string, unknown> | unknown[]
export type Path = readonly (string | number)[]

const pointer = (path: Path): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Collects operations in the order they are applied. */
export class PatchWriter {
  readonly operations: PatchOperation[] = []
  /** What of ours was not as it should be, for people: `sekisho-waf.env[0]`. */
  readonly differences: string[] = []

  add(path: Path, value: unknown): void {
    this.operations.push({ op: 'add', path: pointer(path), value })
  }
  replace(path: Path, value: unknown): void {
    this.operations.push({ op: 'replace', path: pointer(path), value })
  }
  remove(path: Path): void {
    this.operations.push({ op: 'remove', path: pointer(path) })
  }
}

const parts = (path: string): string[] =>
  path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

/**
 * The document after the patch; the document itself stays as it is. Copies only what lies on the way of an operation, so a Pod with
 * thousands of variables costs no more than a small one.
 * @throws where an operation does not apply.
 */
export function applied<T extends object>(document: T, operations: readonly PatchOperation[]): T {
  const own = new Set<unknown>()
  const copy = <P extends Parent>(value: P): P => {
    if (own.has(value)) return value
    const fresh = (Array.isArray(value) ? [...value] : { ...value }) as P
    own.add(fresh)
    return fresh
  }
  const root = copy(document as unknown as Parent)
  for (const [i, operation] of operations.entries()) {
    let at = root as Record<string, unknown>
    for (const part of parts(operation.path).slice(0, -1)) {
      const child = at[part]
      if (typeof child !== 'object' || child === null)
        throw new Error(`Cannot apply operation ${i} (${operation.op} ${operation.path}): there is no ${part}`)
      at[part] = copy(child as Parent)
      at = at[part] as Record<string, unknown>
    }
    jsonpatch.applyOperation(root, operation as Operation, true, true, true, i)
  }
  return root as unknown as T
}
