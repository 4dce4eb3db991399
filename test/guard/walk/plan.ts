/**
 * A walk is data: made from a seed before anything happens, and written to a file at its end, so that a failure can be walked again, whole or
 * with steps taken out of it, until the shortest walk that still fails is found.
 *
 *   SEKISHO_WALK_SEED=7 SEKISHO_WALK_STEPS=200   another walk
 *   SEKISHO_WALK_LOG=FILE                        the steps of this file, a line each
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** What can happen, and how often beside the others. */
export const KINDS = {
  lose: 10,
  regain: 14,
  leaseDenies: 4,
  leaseAgrees: 3,
  leaseOfAnother: 1,
  deleteSensor: 3,
  deleteNode: 2,
  joinNode: 3,
  cordon: 3,
  uncordon: 3,
  taintByOther: 4,
  untaintByOther: 3,
  rudeWriter: 2,
  moveToPool: 3,
  scaleProtected: 8,
  scaleFree: 5,
  restartProtected: 8,
  pinPod: 3,
  killLeader: 2,
  freezeLeader: 1,
  moveClock: 3,
} as const
export type Kind = keyof typeof KINDS

export interface Step {
  readonly kind: Kind
  /** What it falls on: the walker takes it modulo what there is. */
  readonly pick: number
  readonly amount: number
  readonly pauseMs: number
}

/** Numbers from 0 to 1 that the seed alone decides (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What guards do or what is done to them: nothing for a walk that is about the gate. */
export const OF_GUARDS: readonly Kind[] = ['killLeader', 'freezeLeader', 'moveClock', 'rudeWriter']

/**
 * @param most how many of something a step takes at once.
 * @param without what is left out.
 */
export function plan(seed: number, count: number, most: number, without: readonly Kind[] = []): Step[] {
  const next = random(seed)
  const wanted = Object.entries(KINDS).filter(([kind]) => !without.includes(kind as Kind))
  const bag = wanted.flatMap(([kind, weight]) => Array<Kind>(weight).fill(kind as Kind))
  // What is rare is there in each walk, however short.
  const rare = [...OF_GUARDS, 'deleteNode' as const, 'joinNode' as const].filter((kind) => !without.includes(kind))
  const at = new Map(rare.map((kind, i) => [Math.floor(((i + next()) * count) / rare.length), kind]))
  return Array.from({ length: count }, (_, i) => ({
    kind: at.get(i) ?? bag[Math.floor(next() * bag.length)]!,
    pick: Math.floor(next() * 1e6),
    amount: 1 + Math.floor(next() * most),
    pauseMs: Math.floor(next() ** 2 * 2000),
  }))
}

export const readSteps = (file: string): Step[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Step)

export const writeSteps = (file: string, steps: readonly Step[]): void =>
  writeFileSync(file, steps.map((step) => `${JSON.stringify(step)}\n`).join(''))
