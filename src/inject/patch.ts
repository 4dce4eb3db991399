/**
 * JSON Patch, written by hand: a diff by position would rewrite every container after one that was put before it.
 * `applied` runs the operations once on a copy; what does not apply is our fault, and must never reach the API server as an answer.
 */
import jsonpatch, { type Operation } from 'fast-json-patch'
import type { PatchOperation } from '../api/kube.ts'

type Parent = Record<string, unknown> | unknown[]
export type Path = readonly (string | number)[]

// Most parts hold neither `~` nor `/`: to look first is cheaper than to replace nothing.
const escaped = (part: string): string =>
  part.includes('~') || part.includes('/') ? part.replaceAll('~', '~0').replaceAll('/', '~1') : part
const pointer = (path: Path): string => {
  let text = ''
  for (const part of path) text += `/${typeof part === 'number' ? part : escaped(part)}`
  return text
}

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

const parts = (path: string): string[] => {
  const split = path.slice(1).split('/')
  return path.includes('~') ? split.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')) : split
}

/** Why an operation has no place in `parent`, as the API server would see it; undefined where it has. */
const misfit = ({ op }: PatchOperation, parent: Parent, key: string): string | undefined => {
  if (!Array.isArray(parent)) return op === 'add' || Object.hasOwn(parent, key) ? undefined : `there is no ${key}`
  if (op === 'add' && key === '-') return undefined
  const index = /^(0|[1-9][0-9]*)$/.test(key) ? Number(key) : Number.NaN
  return index < parent.length + (op === 'add' ? 1 : 0) ? undefined : `${key} is no index of a list of ${parent.length}`
}

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
    const fail = (why: string) => new Error(`Cannot apply operation ${i} (${operation.op} ${operation.path}): ${why}`)
    const way = parts(operation.path)
    const key = way.pop() as string
    let at = root as Record<string, unknown>
    for (const part of way) {
      const child = at[part]
      if (typeof child !== 'object' || child === null) throw fail(`there is no ${part}`)
      at[part] = copy(child as Parent)
      at = at[part] as Record<string, unknown>
    }
    // The library's own validation walks through every value and costs a third of an injection; what it would find is found here.
    const why = misfit(operation, at, key)
    if (why !== undefined) throw fail(why)
    jsonpatch.applyOperation(root, operation as Operation, false, true, true, i)
  }
  return root as unknown as T
}
