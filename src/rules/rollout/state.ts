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

/** A namespace that stays with `current`, since its own engines refuse `next`: its word counts for itself alone. */
const setAside = z.object({ namespace: z.string(), ...why })
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
  begun: instant,
  /** Not empty: no further stage until an operator says `resume`; the Pods of the stage keep it. */
  halted: z.object(why).optional(),
  setAside: z.array(setAside).readonly(),
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

const fetch = z.object({
  known: known.optional(),
  lastAt: instant,
  lastStatus: z.enum(['unchanged', 'new', 'refused']),
  lastReason: z.string(),
  lastDetail: z.string(),
})
export type FetchState = z.output<typeof fetch>

/** The last time that Pods were sent back. */
const wentBack = z.object({ from: releaseRef, to: releaseRef, by: z.string(), ...why })
export type WentBack = z.output<typeof wentBack>

/** The last order of an operator that was dealt with, by kind: its id, and what became of it. */
const handled = z.object({ id: z.string(), ...why })
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
  fetch: fetch.optional(),
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
