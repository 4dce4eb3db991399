/** The tables of docs/reference/rule-language.md and docs/reference/rule-lint.md. */
import {
  ALLOWED_ACTIONS,
  ALLOWED_CHAINED_ACTIONS,
  ALLOWED_DIRECTIVES,
  ALLOWED_LOGDATA_MACRO,
  ALLOWED_MARKER,
  ALLOWED_OPERATORS,
  ALLOWED_PHASES,
  ALLOWED_TRANSFORMATIONS,
  ALLOWED_TX,
  ALLOWED_VARIABLES,
  CUSTOM_IDS,
  MOST_CUSTOM,
} from '../../src/rules/language/allow.ts'
import { ALLOWANCE, MEANING, READING } from '../../src/rules/language/problem.ts'
import { ACTIONS, type ActionValue } from '../../src/rules/language/tables/actions.ts'
import { CTL } from '../../src/rules/language/tables/ctl.ts'
import { DIRECTIVES, type ValueKind } from '../../src/rules/language/tables/directives.ts'
import { OPERATORS } from '../../src/rules/language/tables/operators.ts'
import { TRANSFORMATIONS } from '../../src/rules/language/tables/transformations.ts'
import { VARIABLES } from '../../src/rules/language/tables/variables.ts'
import { table } from './table.ts'

const code = (text: string): string => `\`${text}\``
const codes = (list: readonly string[]): string => list.map(code).join(', ')
const SUPPORT = { yes: 'yes', no: 'refused', text: 'taken for text' } as const

const DIRECTIVE_VALUES: Readonly<Record<Exclude<ValueKind, 'keyword'>, string>> = {
  rule: 'a form of its own',
  number: 'a number',
  path: 'a path',
  word: 'a word',
  parts: 'letters of ABCDEFGHIJKZ',
  line: 'all up to the end of the line',
  quoted: 'a text in double quotes',
  bare: 'nothing',
}
const ACTION_VALUES: Readonly<Record<ActionValue, string>> = {
  flag: 'none',
  allow: 'none, `phase` or `request`',
  id: 'a number',
  phase: '`1` to `5`; `request`, `response`, `logging`',
  severity: 'a word or `0` to `7`',
  digits: 'a number',
  label: 'a word',
  predicate: 'a text, with macros',
  collection: '`NAME=` and a text, with macros',
  quoted: 'a text in single quotes',
  'quoted-digits': 'a number in single quotes',
  revision: 'a text in single quotes',
  transformation: 'a transformation',
  ctl: 'an option: `NAME=VALUE`',
  setvar: '`COLLECTION.name=value`, `=+value`, `=-value`; `!COLLECTION.name`',
  variable: 'a word, or a text in single quotes',
}
const namesOf = <T>(list: Readonly<Record<string, T>>, wanted: (entry: T) => boolean): string =>
  codes(Object.keys(list).filter((name) => wanted(list[name]!)))

export const ruleLanguagePage = (): string =>
  [
    '## Directives',
    table(
      ['directive', 'value', 'ModSecurity v3'],
      Object.entries(DIRECTIVES).map(([name, { value, keywords, v3 }]) => [
        code(name),
        value === 'keyword' ? codes(keywords) : DIRECTIVE_VALUES[value],
        SUPPORT[v3],
      ]),
    ),
    '## Variables',
    table(
      ['kind', 'variables'],
      [
        ['collections, which may have a selector', namesOf(VARIABLES, (kind) => kind === 'collection')],
        ['single values', namesOf(VARIABLES, (kind) => kind === 'single')],
        ['refused by ModSecurity v3', namesOf(VARIABLES, (kind) => kind === 'no')],
      ],
    ),
    '## Operators',
    table(
      ['operator', 'what follows', 'ModSecurity v3'],
      Object.entries(OPERATORS).map(([name, { argument, v3 }]) => [
        code(`@${name}`),
        argument === 'none' ? '–' : argument,
        SUPPORT[v3],
      ]),
    ),
    '## Actions',
    table(
      ['action', 'value', 'decides', 'ModSecurity v3'],
      Object.entries(ACTIONS).map(([name, { value, disruptive, v3 }]) => [
        code(name),
        v3 === 'no' ? '–' : ACTION_VALUES[value],
        disruptive ? 'yes' : 'no',
        SUPPORT[v3],
      ]),
    ),
    '## Transformations',
    table(
      ['ModSecurity v3', 'transformations'],
      [
        ['yes', namesOf(TRANSFORMATIONS, (known) => known === 'yes')],
        ['refused', namesOf(TRANSFORMATIONS, (known) => known === 'no')],
      ],
    ),
    '## Options of `ctl`',
    table(
      ['ModSecurity v3', 'options'],
      [
        ['yes', namesOf(CTL, ({ v3 }) => v3 === 'yes')],
        ['refused', namesOf(CTL, ({ v3 }) => v3 === 'no')],
      ],
    ),
  ].join('\n\n')

const problems = (entries: Readonly<Record<string, { sentence: string; remedy: string }>>): string =>
  table(
    ['code', 'what it means', 'what mends it'],
    Object.entries(entries).map(([name, { sentence, remedy }]) => [code(name), sentence, remedy]),
  )

export const ruleLintPage = (): string =>
  [
    '## What cannot be read, or reads otherwise than it looks',
    problems(READING),
    '## What does not do what it says',
    problems(MEANING),
    '## What a namespace’s own rules may not do',
    problems(ALLOWANCE),
    '## The allow-list of a namespace’s own rules',
    table(
      ['part', 'allowed'],
      [
        ['directives', codes(ALLOWED_DIRECTIVES)],
        ['ids', `${CUSTOM_IDS.first} to ${CUSTOM_IDS.last}`],
        ['phases', codes(ALLOWED_PHASES)],
        ['variables', codes(ALLOWED_VARIABLES)],
        ['operators', codes(ALLOWED_OPERATORS.map((name) => `@${name}`))],
        ['transformations', codes(ALLOWED_TRANSFORMATIONS)],
        ['actions', codes(ALLOWED_ACTIONS)],
        ['actions of a chained rule', codes(ALLOWED_CHAINED_ACTIONS)],
        ['options of `ctl`', 'none: rules are excluded by `spec.exclusions` of a WafPolicy'],
        ['all files together', `${MOST_CUSTOM.rules} rules, chained ones counted, and ${MOST_CUSTOM.bytes} bytes`],
        ['names that `setvar` may write', code(`tx.${ALLOWED_TX.source.slice(1, -1)}`)],
        ['names of markers', code(ALLOWED_MARKER.source.slice(1, -1))],
        ['macros in `logdata`', code(ALLOWED_LOGDATA_MACRO.source.slice(1, -1))],
      ],
    ),
  ].join('\n\n')
