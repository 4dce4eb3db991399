/** The form of detectors that speak of one change of an admin operation, learned from nothing. */
import type { AccessRecord, Change, Severity } from '../../../api/audit.ts'
import { type Detector, NOTHING } from '../model.ts'
import type { Settings } from '../settings.ts'
import { place, who } from '../words.ts'

export function changed(
  changes: readonly Change[],
  detector: Pick<Detector, 'name' | 'severity' | 'when' | 'says'>,
  say: (record: AccessRecord) => string,
  unless: (record: AccessRecord, settings: Settings) => boolean = () => false,
  severity: (record: AccessRecord, settings: Settings) => Severity = () => detector.severity,
): Detector {
  return {
    ...detector,
    kind: 'rule',
    needs: () => [],
    judge(record, { settings }) {
      const found = record.changes?.find((change) => changes.includes(change))
      if (found === undefined || record.outcome !== 'allowed' || unless(record, settings)) return NOTHING
      const why = `${who(record.principal)} ${say(record)}, from ${place(record)}`
      const subject = JSON.stringify([found, record.object ?? '', record.destination ?? ''])
      return { suspicions: [{ severity: severity(record, settings), subject, why }], lessons: [] }
    },
  }
}
