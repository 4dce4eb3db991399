/**
 * Whether the keys that sign rule bundles must be made anew, and what becomes of each. Pure, and without memory of former runs.
 *
 *   Secret            current  next       every Pod is told `current` and `next`, so it believes what `next` signs
 *   after signingDays next     a new one  the one before is still told for a day: replicas of `sekisho rules` sign with it until the kubelet
 *                                         has brought the new one
 *
 * A lost `current` is replaced by `next`, which Pods believe already.
 */
import type { SigningReason } from './reasons.ts'
import type { KeyState, SigningView } from './view.ts'

export interface SigningChange {
  readonly current: 'keep' | 'next' | 'new'
  readonly next: 'keep' | 'new'
  /** Public key of the one before, raw in base64; empty for none. */
  readonly previous: string
  readonly since: number
  readonly reason: SigningReason
  readonly detail: string
}

export interface SigningWanted {
  /** How long a key signs. */
  readonly signingMs: number
  /** How long the key before is still told. */
  readonly overlapMs: number
}

const said = (which: string, key: KeyState): Pick<SigningChange, 'reason' | 'detail'> =>
  key.state === 'unreadable'
    ? { reason: 'KeyUnreadable', detail: `the ${which} key cannot be read: ${key.why}` }
    : { reason: 'KeyMissing', detail: `there is no ${which} key yet` }

/** What to change; null where the keys are as they must be. */
export const signingChange = (view: SigningView, wanted: SigningWanted, now: number): SigningChange | null => {
  const { current, next, previous } = view
  const since = view.since === null || view.since > now ? now : view.since
  if (current.state !== 'read')
    return {
      current: next.state === 'read' ? 'next' : 'new',
      next: 'new',
      previous: '',
      since: now,
      ...said('current', current),
    }
  const kept = { current: 'keep', previous, since } as const
  if (next.state !== 'read') return { ...kept, next: 'new', ...said('next', next) }
  if (next.publicKey === current.publicKey)
    return { ...kept, next: 'new', reason: 'KeyTwice', detail: 'the next key is the current one' }
  if (now >= since + wanted.signingMs) {
    const detail = `the current key signs since ${new Date(since).toISOString()}`
    return {
      current: 'next',
      next: 'new',
      previous: current.publicKey,
      since: now,
      reason: 'KeyRotationDue',
      detail,
    }
  }
  if (view.nextPublic !== next.publicKey || view.since !== since)
    return { ...kept, next: 'keep', reason: 'KeyNotesDiffer', detail: 'next.pub or since do not belong to the keys' }
  if (previous !== '' && now >= since + wanted.overlapMs)
    return { ...kept, next: 'keep', previous: '', reason: 'KeyOverlapOver', detail: 'the key before is told no more' }
  return null
}

/** When signingChange will next have something to do. */
export const signingDue = ({ since, previous }: SigningView, wanted: SigningWanted, now: number): number =>
  (since ?? now) + (previous === '' ? wanted.signingMs : Math.min(wanted.signingMs, wanted.overlapMs))

/** What Pods are told, a line each: the current key, the next, and for a day the one before. Empty while a key is missing. */
export const keysText = ({ current, next, previous }: SigningView): string =>
  current.state === 'read' && next.state === 'read'
    ? [current.publicKey, next.publicKey, ...(previous === '' ? [] : [previous])].map((key) => `${key}\n`).join('')
    : ''
