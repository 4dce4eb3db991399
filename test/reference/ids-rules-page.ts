/** The tables of docs/reference/ids-rules.md. */
import { idsPermits } from '../../src/config/ids.ts'
import { IDS_PROBLEMS } from '../../src/ids/language/problem.ts'
import { PROTOCOLS, VARIABLES } from '../../src/ids/language/tables/header.ts'
import { table } from './table.ts'

const code = (text: string): string => `\`${text}\``
const codes = (list: readonly string[]): string => list.map(code).join(', ')

export const idsRulesPage = (): string =>
  [
    '## What can be wrong',
    table(
      ['code', 'what it means', 'what mends it'],
      Object.entries(IDS_PROBLEMS).map(([name, { sentence, remedy }]) => [code(name), sentence, remedy]),
    ),
    '## What the platform may allow',
    codes(idsPermits),
    '## Protocols',
    codes(PROTOCOLS),
    '## Variables',
    codes(VARIABLES),
  ].join('\n\n')
