/**
 * The condition `Covered` of a namespace, as it stands in its annotation `sekisho.dev/coverage`:
 *
 *   {"type":"Covered","status":"False","reason":"NodesNotCovered","message":"1 of the 3 nodes …","lastTransitionTime":"2030-01-01T00:00:00Z"}
 *
 * `True`: each node its Pods can land on is covered or in the grace of a rollout. `False`: one is not, whether or not our taint keeps new Pods
 * off it, since those that run there are not watched. `Unknown`: what the cluster looks like cannot be told. While an annotation opens the
 * namespace, `open` says which and until when; it stands here so that a new leader knows what was told already.
 */
import { blindText } from '../blind-nodes.ts'
import type { Coverage } from '../coverage.ts'
import type { Area } from './reach.ts'

export type CoveredReason = 'Covered' | 'NoNodesYet' | 'NoNodes' | 'NoNodesSelected' | 'NodesNotCovered' | 'NotSynced'
export interface CoveredCondition {
  readonly type: 'Covered'
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: CoveredReason
  readonly message: string
  readonly lastTransitionTime: string
  /** `break-glass until 2030-01-01T00:00:00Z` */
  readonly open?: string
}

/** Bytes, not characters: what etcd keeps. */
const LONGEST_MESSAGE = 1024

/** A text cut to so many bytes without half a character at its end. */
export function bytesOf(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text
  const cut = Buffer.from(text)
    .subarray(0, limit - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
  return `${cut}…`
}

export type CoveredState = Omit<CoveredCondition, 'type' | 'lastTransitionTime' | 'open'>

/** What holds of an area now. @param nodes how many the cluster has */
export function coveredState(
  area: Area,
  nodes: number,
  allowNoNodes: boolean,
  doubt: string | undefined,
): CoveredState {
  if (doubt !== undefined)
    return { status: 'Unknown', reason: 'NotSynced', message: bytesOf(`not known: ${doubt}`, LONGEST_MESSAGE) }
  const reach = area.nodes.size
  if (reach === 0 && allowNoNodes)
    return { status: 'True', reason: 'NoNodesYet', message: 'no node its Pods can land on, which the settings allow' }
  if (reach === 0)
    return nodes === 0
      ? { status: 'False', reason: 'NoNodes', message: 'the cluster has no node, so nothing can be covered' }
      : { status: 'False', reason: 'NoNodesSelected', message: 'its node selector matches no node' }
  if (area.blind.size === 0) {
    const grace = area.grace.size === 0 ? '' : `, ${area.grace.size} of them in the grace of a rollout`
    return { status: 'True', reason: 'Covered', message: `${count(reach)} its Pods can land on: covered${grace}` }
  }
  const { size } = area.blind
  const message = `${size} of the ${count(reach)} its Pods can land on ${size === 1 ? 'is' : 'are'} blind: ${blindText(sorted(area))}`
  return { status: 'False', reason: 'NodesNotCovered', message: bytesOf(message, LONGEST_MESSAGE) }
}

const count = (nodes: number) => (nodes === 1 ? '1 node' : `${nodes} nodes`)

/** In the order of names, so that the same nodes make the same words. */
const sorted = (area: Area): Coverage['blind'] =>
  [...area.blind.keys()].sort().map((name) => ({ name, ...area.blind.get(name)! }))

/** As we write it; what else can be read as a time may be of any length. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/

/** What stands in the annotation; undefined where it is not there or was damaged. Anybody may have written it. */
export function parseCondition(text: string | undefined): CoveredCondition | undefined {
  try {
    const value = JSON.parse(text ?? '') as CoveredCondition
    const known = value.type === 'Covered' && ['True', 'False', 'Unknown'].includes(value.status)
    const { lastTransitionTime: at, open } = value
    if (!known || typeof at !== 'string' || !TIME.test(at) || Number.isNaN(Date.parse(at))) return undefined
    return open === undefined || typeof open === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** The condition to write: the time moves only with the status. */
export function nextCondition(
  before: CoveredCondition | undefined,
  state: CoveredState,
  open: string | undefined,
  now: number,
): CoveredCondition {
  const lastTransitionTime =
    before?.status === state.status ? before.lastTransitionTime : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  return { type: 'Covered', ...state, lastTransitionTime, ...(open !== undefined && { open }) }
}

/** What must be written at once where it differs; the rest are words, which may come later. */
export const sameInKind = (a: CoveredCondition | undefined, b: CoveredCondition): boolean =>
  a?.status === b.status && a.reason === b.reason && a.open === b.open
