/** What formats hand back, in few words. */
import type { AccessRecord, Read } from '../../api/audit.ts'
import { mask } from './mask.ts'

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined }

/** Without what is undefined: a field that the log does not tell is not there. */
export const compact = <T extends object>(loose: Loose<T>): T => {
  const kept: Record<string, unknown> = {}
  for (const key in loose) if (loose[key as keyof T] !== undefined) kept[key] = loose[key as keyof T]
  return kept as T
}

type LooseRecord = {
  readonly [K in keyof AccessRecord as undefined extends AccessRecord[K] ? never : K]: AccessRecord[K]
} & {
  readonly [K in keyof AccessRecord]?: AccessRecord[K] | undefined
}

/** A record at this line; one without a time is set aside, since everything that is learned is learned over time. */
export const record = (loose: LooseRecord, line: number, raw: string): readonly Read[] =>
  Number.isFinite(loose.time)
    ? [{ kind: 'record', record: compact<AccessRecord>(loose as Loose<AccessRecord>), line }]
    : poison(line, 'its time cannot be read', raw)

export const skipped = (line: number, why: string): readonly Read[] => [{ kind: 'skipped', line, why }]

/** The longest text that is kept of a line that was set aside. */
export const POISON_TEXT = 300
export const poison = (line: number, why: string, text: string): readonly Read[] => [
  // Cut generously before masking, which need not see 10 MB, and to the point after it, so that no half a secret stays.
  { kind: 'poison', line, why, text: mask(text.slice(0, 4096)).slice(0, POISON_TEXT).toWellFormed() },
]
