/**
 * A reason with its values, and the sentences made of it. Decisions pass notes; text is made once, at the end, with whom it is about:
 *
 *   Pod shop/web is refused: it uses hostNetwork            what
 *   its ports are ports of the node, so requests …          why
 *   to mend: take hostNetwork: true out of the Pod          mend
 */
import { printableLine } from '../api/printable-line.ts'
import { type Words, warning } from '../guard/wording.ts'
import { type Kind, REASONS, type ReasonCode } from './reasons.ts'

export interface Note {
  readonly code: ReasonCode
  readonly values: Readonly<Record<string, string | number>>
}

export const note = (code: ReasonCode, values: Note['values'] = {}): Note => ({ code, values })

/** Whom a sentence is about, and whether it is now or would be. */
export interface Subject {
  /** `Pod shop/web` or `Pods of Deployment shop/web`. */
  readonly name: string
  readonly refused: string
  readonly unprotected: string
}

const LONGEST_VALUE = 120

/**
 * Text of a user inside a sentence of ours: one line, printable, short. Objects in a mutating call are not validated yet, so even a
 * name may hold anything.
 */
export const shown = (value: string | number): string => printableLine(String(value), LONGEST_VALUE)

const fill = (template: string, values: Note['values']): string =>
  template.replaceAll(/\{(\w+)\}/g, (_, key: string) => {
    const value = values[key]
    if (value === undefined) throw new Error(`Cannot write '${template}' as '${key}' has no value`)
    return shown(value)
  })

export const kindOf = (it: Note): Kind => REASONS[it.code].kind

/** The sentence for logs and `sekisho.dev/status`. */
export const sentence = (it: Note): string => fill(REASONS[it.code].what, it.values)

/** What, why and what mends it. `lead` follows the subject: `is refused`, `stays without WAF`, or nothing. */
export function wordsOf(it: Note, subject: Subject, lead = ''): Words {
  const { why, mend } = REASONS[it.code]
  return {
    what: `${subject.name}${lead === '' ? '' : ` ${lead}`}: ${sentence(it)}`,
    why: fill(why, it.values),
    mend: fill(mend, it.values),
  }
}

/** A warning about something that passes. */
export const warningOf = (it: Note, subject: Subject): string => warning(wordsOf(it, subject))
