/**
 * Which mode a Pod gets:
 *
 *   the strictest of  the platform's floor  and  (the Pod's label, else its namespace's label)
 *
 * The floor reaches Pods that ask, and every Pod of a namespace that opted in. `off` declines only where the platform allows it and sets
 * no floor. A value nobody knows is refused: read as "nothing" it would open, read as "block" it would surprise.
 */
import { LABEL } from '../api/names.ts'
import type { InjectSettings } from '../config/webhook.ts'
import { type Note, note } from './note.ts'

export type Mode = 'block' | 'detect'
type Level = 'off' | Mode

export type Wish =
  | { readonly kind: 'unasked' }
  | { readonly kind: 'off' }
  | { readonly kind: 'unknown'; readonly note: Note }
  | {
      readonly kind: 'mode'
      readonly mode: Mode
      /** Whose word decided. */
      readonly from: 'pod' | 'namespace' | 'platform'
      /** Whether the Pod asks by its own label: then "cannot" is a refusal. */
      readonly itself: boolean
      readonly notes: readonly Note[]
    }

type Labels = Readonly<Record<string, string>>
const RANK: Readonly<Record<Level, number>> = { off: 0, detect: 1, block: 2 }
const isMode = (value: string | undefined): value is Mode => value === 'block' || value === 'detect'
const strictest = (a: Level, b: Level): Level => (RANK[a] >= RANK[b] ? a : b)

/** @param namespaceName only for the command that mends an unknown label of the namespace. */
export function wishOf(pod: Labels, namespace: Labels, settings: InjectSettings, namespaceName: string): Wish {
  const own = Object.hasOwn(pod, LABEL.waf) ? pod[LABEL.waf] : undefined
  const theirs = Object.hasOwn(namespace, LABEL.waf) ? namespace[LABEL.waf] : undefined
  const floor = settings.lowestMode

  if (own !== undefined && own !== 'off' && !isMode(own))
    return { kind: 'unknown', note: note('UnknownMode', { value: JSON.stringify(own) }) }
  if (isMode(own)) {
    const mode = strictest(own, floor) as Mode
    const notes = mode === own ? [] : [note('RaisedToFloor', { mode, wanted: own })]
    return { kind: 'mode', mode, from: mode === own ? 'pod' : 'platform', itself: true, notes }
  }
  if (theirs !== undefined && !isMode(theirs)) {
    const value = JSON.stringify(theirs)
    return { kind: 'unknown', note: note('UnknownNamespaceMode', { value, namespace: namespaceName }) }
  }
  if (own === 'off' && settings.allowOff && floor === 'off') return { kind: 'off' }

  const optedIn = theirs !== undefined || namespace[LABEL.protected] === 'true'
  const wanted: Level = theirs ?? 'off'
  const level = optedIn ? strictest(wanted, floor) : 'off'
  if (level === 'off') return { kind: own === 'off' ? 'off' : 'unasked' }
  const notes: Note[] = []
  if (own === 'off') notes.push(note('OffNotAllowed', { mode: level }))
  else if (theirs !== undefined && level !== theirs) notes.push(note('RaisedToFloor', { mode: level, wanted: theirs }))
  return { kind: 'mode', mode: level, from: level === theirs ? 'namespace' : 'platform', itself: false, notes }
}
