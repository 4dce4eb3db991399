/** The tables of docs/reference/audit-detectors.md. */

import { DETECTORS } from '../../src/audit/detect/index.ts'
import { LIMITS } from '../../src/audit/detect/learned.ts'
import { LEDGER_LIMITS } from '../../src/audit/detect/ledger.ts'
import type { Detector } from '../../src/audit/detect/model.ts'
import { SEQUENCER_DEFAULTS } from '../../src/audit/detect/sequencer.ts'
import { DEFAULTS } from '../../src/audit/detect/settings.ts'
import { span } from '../../src/audit/detect/words.ts'
import { table } from './table.ts'

const detectors = (kind: Detector['kind']): string =>
  table(
    ['detector', 'at worst', 'speaks when', 'says'],
    DETECTORS.filter((one) => one.kind === kind).map(({ name, severity, when, says }) => [
      `\`${name}\``,
      severity,
      when,
      says,
    ]),
  )
const number = (count: number): string => count.toLocaleString('en-US')

export const auditDetectorsPage = (): string =>
  [
    '## Detectors that learn nothing',
    detectors('rule'),
    '## Detectors that learn what is usual',
    detectors('learned'),
    '## Settings',
    table(
      ['setting', 'default', 'meaning'],
      [
        ['`learnMs`', span(DEFAULTS.learnMs), 'an entity is learned in silence for so long'],
        ['`learnEvents`', number(DEFAULTS.learnEvents), 'and for so many events'],
        ['`forgetMs`', span(DEFAULTS.forgetMs), 'a value unseen for so long is new again'],
        ['`own`', 'none', 'projects, accounts and buckets that are ours: what goes there does not leave'],
        [
          '`superusers`',
          [...DEFAULTS.superusers].map((name) => `\`${name}\``).join(', '),
          'database users who administrate',
        ],
        ['`volumeFloorBytes`', number(DEFAULTS.volumeFloorBytes), 'no smaller volume of a day is unusual'],
        ['`rowsFloor`', number(DEFAULTS.rowsFloor), 'no fewer rows of a statement are unusual'],
        ['`denials`', number(DEFAULTS.denials), 'denials that make a burst'],
        ['`burstMs`', span(DEFAULTS.burstMs), 'within so long'],
        [
          '`massObjects`',
          number(DEFAULTS.massObjects),
          'different objects read after a listing that make a mass download',
        ],
        ['`silenceFloorMs`', span(DEFAULTS.silenceFloorMs), 'no shorter silence is told'],
      ],
    ),
    '## Bounds',
    table(
      ['what', 'bound'],
      [
        ['a record is judged in order of time if it comes at most so late', span(SEQUENCER_DEFAULTS.orderMs)],
        ['a record is judged exactly once if it comes at most so late', span(SEQUENCER_DEFAULTS.onceMs)],
        ['records held back for their order', number(SEQUENCER_DEFAULTS.mostHeld)],
        ['identities of records remembered', number(SEQUENCER_DEFAULTS.mostIds)],
        ['values of an entity', number(LIMITS.values)],
        ['of which alerting', number(LIMITS.held)],
        ['days of an amount', number(LIMITS.samples)],
        ['findings told of a detector and severity a day, then one of the rest', number(LEDGER_LIMITS.perDay)],
        ['open findings remembered', number(LEDGER_LIMITS.raised)],
      ],
    ),
  ].join('\n\n')
