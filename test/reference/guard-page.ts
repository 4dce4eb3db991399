/** The tables of docs/reference/guard-loop.md. */
import { TAINT_REASONS } from '../../src/guard/keep/decide.ts'
import { EVENTS, FINDINGS } from '../../src/guard/keep/tables.ts'
import { table } from './table.ts'

export const guardLoopPage = (): string =>
  [
    table(
      ['kind of finding', 'severity', 'what it means'],
      Object.entries(FINDINGS).map(([kind, { severity, sentence }]) => [`\`${kind}\``, severity, sentence]),
    ),
    '## Events',
    'Each is written once for its occasion, whoever leads, and again every `events.repeatMinutes` while it holds.',
    table(
      ['reason', 'type', 'on', 'what it means'],
      Object.entries(EVENTS).map(([reason, { type, on, sentence }]) => [`\`${reason}\``, type, on, sentence]),
    ),
    '## Why a taint goes or changes',
    'In `sekisho_guard_taints_total`; why it comes is a reason of [guard-reasons.md](guard-reasons.md).',
    table(
      ['reason', 'what it means'],
      Object.entries(TAINT_REASONS).map(([reason, sentence]) => [`\`${reason}\``, sentence]),
    ),
  ].join('\n\n')
