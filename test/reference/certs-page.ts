/** The tables of docs/reference/certs.md. */
import { FAILURE, RENEWAL, SIGNING, TRUST } from '../../certs-job/reasons.ts'
import { certsConfig } from '../../src/config/certs.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { table } from './table.ts'

const reasons = (rows: Readonly<Record<string, string>>) =>
  table(
    ['reason', 'what it means'],
    Object.entries(rows).map(([code, sentence]) => [`\`${code}\``, sentence]),
  )

export const certsPage = (): string =>
  [
    '## Settings',
    table(
      ['key', 'value', 'default', 'meaning'],
      settingsOf(certsConfig).map(({ path, type, sentence, fallback }) => [
        `\`${path.join('.')}\``,
        type,
        `\`${JSON.stringify(fallback)}\``,
        sentence,
      ]),
    ),
    '## Why a certificate is made',
    reasons(RENEWAL),
    '## Why the job publishes, waits or rests',
    reasons(TRUST),
    '## Why signing keys are changed',
    reasons(SIGNING),
    '## What ends a run',
    table(
      ['code', 'what it says', 'what mends it'],
      Object.entries(FAILURE).map(([code, { sentence, remedy }]) => [
        `\`${code}\``,
        sentence.replace('%s', '…'),
        remedy,
      ]),
    ),
  ].join('\n\n')
