/** The tables of docs/reference/rollout.md. */
import { ENGINE_FAILURES } from '../../src/rules/rollout/engine-failures.ts'
import { ROLLOUT_REASONS } from '../../src/rules/rollout/reasons.ts'
import { table } from './table.ts'

export const rolloutPage = (): string =>
  [
    '## Reasons',
    'In `sekisho rules status`, in Events and in the log.',
    table(
      ['reason', 'what it means', 'what mends it', 'needs a person'],
      Object.entries(ROLLOUT_REASONS).map(([code, { sentence, remedy, person }]) => [
        `\`${code}\``,
        sentence,
        remedy,
        person ? 'yes' : 'no',
      ]),
    ),
    '## What speaks against a release',
    `Of the codes that a WAF gives (docs/reference/waf.md): ${ENGINE_FAILURES.map((code) => `\`${code}\``).join(', ')}. Everything else, such as a full volume, speaks of the Pod: it counts as not there yet.`,
  ].join('\n\n')
