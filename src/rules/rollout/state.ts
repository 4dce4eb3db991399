/**
 * Which release runs where: ConfigMap `sekisho-rules-rollout`, key `state`. Written by the leader alone, read by every replica and by
 * `sekisho rules status`.
 *
 *     current  all Pods, but those of the stage of ─► next ─ every stage stood ─► current, and the one before is `previous`
 *                                                      │
 *                                                      └─ its engines refuse it, or an operator says so ─► held
 */
import { z } from 'zod'
import { FORM, instant, type Parsed, parseJson, printJson, releaseRef } from './stored.ts'

export const ROLLOUT_CONFIGMAP = 'sekisho-rules-rollout'
export const ROLLOUT_KEY = 'state'
/** Beyond it the oldest are forgotten: sources only ever offer their newest. */
export const MOST_HELD = 20

const why = { reason: z.string(), detail: z.string(), at: instant }

/** One that is not taken by itself. `trial`: until another engine tries it. `engines`, `operator`: until a pin or `resume` says so. */
const held = z.object({
  release: releaseRef,
  by: z.enum(['trial', 'engines', 'operator']),
  /** That tried it, for `trial`. */
  engine: z.string().optional(),
  ...why,
})
export type Held = z.output<typeof held>

/** A namespace whose own engines refuse a release: it stays with the one before, and the rollout goes on without it. */
const setAside = z.object({
  namespace: z.string(),
  stays: releaseRef,
  refuses: releaseRef,
  /** Pods of the stage it had then, and how many of them refused. */
  pods: z.int().min(0),
  failed: z.int().min(0),
  ...why,
})
export type SetAside = z.output<typeof setAside>

const next = z.object({
  release: releaseRef,
  /** From 0, of `stages`; for people. What counts is `share`. */
  stage: z.int().min(0),
  stages: z.int().min(1),
  /** Per cent of the Pods. 0: the canary namespaces alone. */
  share: z.number().min(0).max(100),
  /** Namespaces that have it whole, from the first stage on. */
  canaries: z.array(z.string()).readonly(),
  /** Since when this stage is watched. */
  since: instant,
  /** Since when this release is being rolled out. */
  begun: instant,
  /** Bundles of `next` that were sealed before this instant must be sealed anew: Pods may have seen a higher sequence since. */
  sealAfter: instant,
  /** There: no further stage until an operator says `resume`; the Pods of the stage keep it. */
  halted: z.object(why).optional(),
  /** An operator saw a changed share of blocked requests and said `resume`: it is not asked again for this release. */
  blockedAccepted: z.boolean(),
})
export type Next = z.output<typeof next>

const trial = z.object({
  verdict: z.enum(['passed', 'held', 'refused']),
  reason: z.string(),
  detail: z.string(),
  engine: z.string(),
  at: instant,
})
export type KeptTrial = z.output<typeof trial>

/** A verified release whose archive is kept: ConfigMap `sekisho-release-VERSION-SHA12`. What is no longer here may be deleted. */
const kept = z.object({ release: releaseRef, at: instant, rules: z.int().min(0), trial: trial.optional() })
export type KeptRelease = z.output<typeof kept>

/** `Known` of the sources: what they must remember between fetches. */
const known = z.object({
  version: z.string(),
  sha256: z.string(),
  content: z.string(),
  rules: z.int().min(0),
  etag: z.object({ question: z.string(), value: z.string() }).optional(),
})

export const fetchState = z.object({
  known: known.optional(),
  lastAt: instant,
  lastStatus: z.enum(['unchanged', 'new', 'refused']),
  lastReason: z.string(),
  lastDetail: z.string(),
  /** When a source last answered well, news or not; 0 for never. */
  lastGoodAt: instant,
})
export type FetchState = z.output<typeof fetchState>

/** The last time that Pods were sent back. */
const wentBack = z.object({ from: releaseRef, to: releaseRef, by: z.string(), ...why })
export type WentBack = z.output<typeof wentBack>

const counts = z.object({
  pods: z.int().min(0),
  active: z.int().min(0),
  failed: z.int().min(0),
  pending: z.int().min(0),
  outdated: z.int().min(0),
})
const behind = z.object({ namespace: z.string(), reasons: z.record(z.string(), z.int()), ...counts.shape })

/** What was last heard, so that `sekisho rules status` need not ask the leader. It may lag. */
const progress = z.object({
  at: instant,
  stage: counts,
  rest: counts,
  /** Namespaces with Pods that do not run what they should, the worst first; at most MOST_BEHIND. */
  behind: z.array(behind).readonly(),
  /** Why the rollout stands where it does. */
  waiting: z.object({ reason: z.string(), detail: z.string() }).optional(),
})
export type Progress = z.output<typeof progress>
export const MOST_BEHIND = 20

/** The last order of an operator that was dealt with, by kind: its id, and what became of it. */
const handled = z.object({ id: z.string(), done: z.boolean(), ...why })
export type Handled = z.output<typeof handled>
const handledOrders = z.object({ pin: handled.optional(), rollback: handled.optional(), resume: handled.optional() })

const rolloutState = z.object({
  form: z.literal(FORM),
  /** null: no release was taken yet, Pods run the image's baseline. */
  current: releaseRef.nullable(),
  previous: releaseRef.nullable(),
  next: next.nullable(),
  /** Newest first. */
  held: z.array(held).readonly(),
  /** Newest first. */
  kept: z.array(kept).readonly(),
  /** By namespace. */
  setAside: z.array(setAside).readonly(),
  fetch: fetchState.optional(),
  progress: progress.optional(),
  wentBack: wentBack.optional(),
  /**
   * Bundles of `current` that were sealed before this instant must be sealed anew, said as a rollback: Pods ran another release since,
   * under a higher sequence. 0 for never.
   */
  sealAfter: instant,
  handled: handledOrders,
})
export type RolloutState = z.output<typeof rolloutState>

export const EMPTY_ROLLOUT: RolloutState = Object.freeze({
  form: FORM,
  current: null,
  previous: null,
  next: null,
  held: [],
  kept: [],
  setAside: [],
  sealAfter: 0,
  handled: {},
})

const LOST =
  'which release is current, which is being rolled out and how far, which are held back. The bundles that Pods run are not concerned'

export const parseRollout = (text: string | undefined): Parsed<RolloutState> =>
  parseJson(text, {
    where: `ConfigMap ${ROLLOUT_CONFIGMAP}, key ${ROLLOUT_KEY}`,
    schema: rolloutState,
    empty: EMPTY_ROLLOUT,
    lost: LOST,
  })
export const printRollout = (state: RolloutState): string => printJson(state)
