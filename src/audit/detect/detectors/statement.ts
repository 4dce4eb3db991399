/** The form of detectors that look at one statement, learned from nothing. */
import type { AccessRecord, Severity } from '../../../api/audit.ts'
import { type Detector, NOTHING } from '../model.ts'
import type { Settings } from '../settings.ts'
import type { TokenReading } from '../sql/reading.ts'
import { place, quoted, storeName, who } from '../words.ts'

export interface Sight {
  readonly severity: Severity
  /** What was done: "ran a program on the server of". */
  readonly did: string
  readonly subject: string
}

export function statement(
  detector: Pick<Detector, 'name' | 'severity' | 'when' | 'says'>,
  see: (reading: TokenReading, record: AccessRecord, settings: Settings) => Sight | undefined,
): Detector {
  return {
    ...detector,
    kind: 'rule',
    needs: () => [],
    judge(record, { sql, settings }) {
      const seen = sql === undefined ? undefined : see(sql, record, settings)
      if (sql === undefined || seen === undefined) return NOTHING
      const { severity, did, subject } = seen
      const tried = record.outcome === 'allowed' ? '' : ' (and was refused)'
      const why = `${who(record.principal)} ${did} ${storeName(record.store)}${tried}: ${quoted(sql.fingerprint, 160)}, from ${place(record)}`
      return { suspicions: [{ severity, subject, why }], lessons: [] }
    },
  }
}
