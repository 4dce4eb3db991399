/** The tables of docs/reference/rules-service.md. */
import { EVENTS } from '../../src/rules/publish/event-reasons.ts'
import { table } from './table.ts'

export const rulesServicePage = (): string =>
  [
    '## Events',
    table(
      ['reason', 'type', 'what it means'],
      Object.entries(EVENTS).map(([reason, { type, sentence }]) => [`\`${reason}\``, type, sentence]),
    ),
  ].join('\n\n')
