/**
 * What is published for each namespace, in sixteen ConfigMaps. Changes to one of them are collected while the last write is on its way, so a
 * thousand namespaces that change at once are some writes and not a thousand.
 */
import {
  emptyNamespace,
  type NamespaceState,
  parseNamespace,
  printNamespace,
  STATE_SHARDS,
  shardName,
  shardOf,
} from '../rollout/target-state.ts'
import type { Kept } from './kept.ts'

/** Of one namespace. A ConfigMap holds many, so that without a bound one of them could keep the others from being written. */
export const MOST_NAMESPACE_BYTES = 128 * 1024

export type Change = (state: NamespaceState) => NamespaceState | undefined

export interface States {
  of(namespace: string): NamespaceState
  all(): Iterable<NamespaceState>
  /** Resolves once it is stored. `change` may be called again where another wrote in between; undefined leaves it. @throws as Kept.write */
  update(namespace: string, change: Change): Promise<void>
  /** Takes what is kept for a namespace out. */
  drop(namespace: string): Promise<void>
  /** For a watch: a ConfigMap changed. Gives the namespaces whose state is another now. */
  reread(name: string): readonly string[]
  /** Keys that cannot be read, a sentence each. */
  problems(): readonly string[]
}

interface Read {
  readonly text: string
  readonly state: NamespaceState
  readonly problem?: string
  /** A newer version wrote it. */
  readonly foreign?: boolean
}
interface Waiting {
  readonly namespace: string
  /** null drops it. */
  readonly change: Change | null
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function createStates(kept: Pick<Kept, 'get' | 'write'>): States {
  const read = new Map<string, Read>()
  const waiting: Waiting[][] = Array.from({ length: STATE_SHARDS }, () => [])
  const writing: boolean[] = []

  const parse = (namespace: string, text: string): Read => {
    const known = read.get(namespace)
    if (known?.text === text) return known
    const parsed = parseNamespace(namespace, text)
    if (parsed.status === 'read' || parsed.status === 'none') return { text, state: parsed.state }
    const problem = `${parsed.detail}; lost is ${parsed.lost}`
    return { text, state: emptyNamespace(namespace), problem, foreign: parsed.status === 'newer' }
  }

  const flush = async (shard: number): Promise<void> => {
    if (writing[shard]) return
    writing[shard] = true
    try {
      for (let batch = waiting[shard]!.splice(0); batch.length > 0; batch = waiting[shard]!.splice(0)) {
        /** Namespaces whose change is not written, and why. */
        const refused = new Map<string, string>()
        try {
          await kept.write(shardName(shard), (now) => {
            const data: Record<string, string> = { ...now?.data }
            let changed = false
            refused.clear()
            for (const { namespace, change } of batch) {
              const before = data[namespace] === undefined ? undefined : parse(namespace, data[namespace])
              if (before?.foreign) {
                refused.set(namespace, `Cannot write over the state of namespace ${namespace}: ${before.problem}`)
                continue
              }
              const after = change?.(before?.state ?? emptyNamespace(namespace))
              const text = after === undefined ? undefined : printNamespace(after)
              if (change === null) delete data[namespace]
              else if (text === undefined) continue
              else {
                const size = Buffer.byteLength(text)
                // What makes it smaller is written.
                if (size > MOST_NAMESPACE_BYTES && size >= Buffer.byteLength(data[namespace] ?? '')) {
                  refused.set(
                    namespace,
                    `Cannot keep the state of namespace ${namespace}: ${size} bytes are more than the ${MOST_NAMESPACE_BYTES} that one may take; it has ${after!.targets.length} WafPolicies: delete some`,
                  )
                  continue
                }
                data[namespace] = text
              }
              changed ||= data[namespace] !== before?.text
            }
            return changed ? { data } : undefined
          })
          for (const { namespace, resolve, reject } of batch) {
            const why = refused.get(namespace)
            if (why === undefined) resolve()
            else reject(new Error(why))
          }
        } catch (error) {
          for (const { reject } of batch) reject(error)
        }
      }
    } finally {
      writing[shard] = false
    }
  }
  const add = (namespace: string, change: Change | null) =>
    new Promise<void>((resolve, reject) => {
      const shard = shardOf(namespace)
      waiting[shard]!.push({ namespace, change, resolve, reject })
      void flush(shard)
    })

  return {
    of: (namespace) => read.get(namespace)?.state ?? emptyNamespace(namespace),
    *all() {
      for (const { state } of read.values()) yield state
    },
    update: (namespace, change) => add(namespace, change),
    drop: (namespace) => add(namespace, null),
    reread: (name) => {
      const [, digits] = /^sekisho-rules-state-(\d+)$/.exec(name) ?? []
      const shard = Number(digits)
      if (digits === undefined || shard >= STATE_SHARDS) return []
      const data = kept.get(name)?.data ?? {}
      const changed: string[] = []
      for (const [namespace, text] of Object.entries(data)) {
        // A key in the wrong ConfigMap would be read by nobody who writes it.
        if (shardOf(namespace) !== shard) continue
        const before = read.get(namespace)
        const now = parse(namespace, text)
        if (now === before) continue
        read.set(namespace, now)
        changed.push(namespace)
      }
      for (const namespace of read.keys())
        if (shardOf(namespace) === shard && data[namespace] === undefined) {
          read.delete(namespace)
          changed.push(namespace)
        }
      return changed
    },
    problems: () => [...read.values()].flatMap(({ problem }) => problem ?? []),
  }
}
