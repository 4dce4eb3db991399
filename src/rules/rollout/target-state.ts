/**
 * What was published for each namespace: ConfigMaps `sekisho-rules-state-0…15`, a key for each namespace, which names its targets (a policy's
 * name may be too long for a key). A key that is damaged costs its own namespace alone.
 */
import { z } from 'zod'
import type { Orders, Published } from '../model.ts'
import { hash32 } from './hash.ts'
import { FORM, instant, type Parsed, parseJson, printJson, releaseRef } from './stored.ts'

export const STATE_SHARDS = 16
export const shardName = (shard: number): string => `sekisho-rules-state-${shard}`
export const shardOf = (namespace: string): number => hash32(namespace) % STATE_SHARDS
/** Of a text that is stored: problems of one target, each at most MOST_TEXT long. */
export const MOST_PROBLEMS = 10

const sequence = z.int().min(0)
const published = z.object({
  namespace: z.string(),
  policy: z.string(),
  slot: z.enum(['current', 'next']),
  address: z.string().min(1),
  release: releaseRef,
  sequence,
  rollback: z.boolean(),
  at: instant,
  engines: z.array(z.string()).readonly(),
}) satisfies z.ZodType<Published>
const orders = z.object({
  namespace: z.string(),
  sequence,
  mode: z.enum(['block', 'detect', 'own']),
  breakGlassUntil: z.int().min(0),
}) satisfies z.ZodType<Orders>

/** What became of the newest inputs (policy and rules of the namespace), which need not be what is published. */
const newest = z.object({
  /** Names the inputs: the same inputs are not tried again. */
  revision: z.string(),
  outcome: z.enum(['published', 'trying', 'refused', 'held']),
  reason: z.string(),
  detail: z.string(),
  /** `rules.conf:14: …` */
  problems: z.array(z.string()).readonly(),
  at: instant,
})
export type Newest = z.output<typeof newest>

const targetState = z.object({
  policy: z.string(),
  /** At most one for each slot. */
  published: z.array(published).readonly(),
  orders: orders.optional(),
  newest: newest.optional(),
})
export type TargetState = z.output<typeof targetState>

/** One seal of a content: from these and the recipe the same bundle is made again. A Pod names what it runs by the generation. */
const sealed = z.object({
  generation: z.string().min(1),
  address: z.string().min(1),
  sequence,
  rollback: z.boolean(),
  /** Of keys and CA that are in it. */
  trust: z.string(),
  at: instant,
})
export type KeptSeal = z.output<typeof sealed>
/** Beyond those that are published: older ones are what Pods run that were long away, and they reload once. */
export const MOST_SEALS = 16

const namespaceState = z.object({
  form: z.literal(FORM),
  namespace: z.string(),
  /** The highest ever given in this namespace, to bundles and to orders. */
  sequence,
  targets: z.array(targetState).readonly(),
  /** Newest first: those that are published, and what Pods may still run. */
  seals: z.array(sealed).readonly().default([]),
})
export type NamespaceState = z.output<typeof namespaceState>

export const emptyNamespace = (namespace: string): NamespaceState => ({
  form: FORM,
  namespace,
  sequence: 0,
  targets: [],
  seals: [],
})

/** The next sequence of a namespace: lost state never leads back below what its Pods have seen, as long as the clock does not. */
export const nextSequence = (last: number, nowMs: number): number => Math.max(last + 1, Math.floor(nowMs / 1000))

export function parseNamespace(namespace: string, text: string | undefined): Parsed<NamespaceState> {
  const where = `ConfigMap ${shardName(shardOf(namespace))}, key ${namespace}`
  const lost = `what was published for namespace ${namespace}: it is compiled, tried and published anew; its Pods keep what they run`
  const read = parseJson(text, { where, schema: namespaceState, empty: emptyNamespace(namespace), lost })
  if (read.status === 'read' && read.state.namespace !== namespace)
    return { status: 'damaged', detail: `${where}: it is of namespace ${read.state.namespace}`, lost }
  return read
}
export const printNamespace = (state: NamespaceState): string =>
  printJson({ ...state, targets: state.targets.toSorted((a, b) => (a.policy < b.policy ? -1 : 1)) })

export interface ParsedShard {
  readonly namespaces: ReadonlyMap<string, NamespaceState>
  readonly problems: readonly { readonly namespace: string; readonly detail: string; readonly lost: string }[]
}
/** @param data of one shard's ConfigMap; undefined where there is none */
export function parseShard(data: Readonly<Record<string, string>> | undefined): ParsedShard {
  const read = Object.entries(data ?? {}).map(([key, text]) => [key, parseNamespace(key, text)] as const)
  return {
    namespaces: new Map(read.flatMap(([key, one]) => (one.status === 'read' ? [[key, one.state] as const] : []))),
    problems: read.flatMap(([namespace, one]) =>
      one.status === 'damaged' || one.status === 'newer' ? [{ namespace, detail: one.detail, lost: one.lost }] : [],
    ),
  }
}
