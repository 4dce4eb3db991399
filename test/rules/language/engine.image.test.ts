/** The tables and the linter against the engine itself: what it refuses, what it loads in silence, how many rules it counts. */
import fc from 'fast-check'
import t from 'tap'
import { chainsOf } from '../../../src/rules/language/catalogue.ts'
import { lint } from '../../../src/rules/language/lint.ts'
import { parse } from '../../../src/rules/language/parse.ts'
import { print } from '../../../src/rules/language/print.ts'
import { asLine } from '../../../src/rules/language/problem.ts'
import { ACTIONS, type ActionEntry } from '../../../src/rules/language/tables/actions.ts'
import { CTL } from '../../../src/rules/language/tables/ctl.ts'
import { DIRECTIVES, type ValueKind } from '../../../src/rules/language/tables/directives.ts'
import { type Argument, OPERATORS } from '../../../src/rules/language/tables/operators.ts'
import { TRANSFORMATIONS } from '../../../src/rules/language/tables/transformations.ts'
import { VARIABLES } from '../../../src/rules/language/tables/variables.ts'
import { coreRuleSet } from './crs.ts'
import { startEngine } from './engine.ts'
import { MISTAKES } from './mistakes.ts'
import { AFTER, BEFORE } from './planted.ts'

const TEXTS = process.env['SEKISHO_TEST_FULL'] === '1' ? 20_000 : 1_500
const { files, data } = await coreRuleSet()
const engine = await startEngine({ data: [...data, 'words.data'] })
t.teardown(() => engine.stop())

/** What the engine loads of each named text. */
async function loaded(texts: Readonly<Record<string, string>>): Promise<Record<string, boolean>> {
  const answers = await engine.load(Object.values(texts))
  return Object.fromEntries(Object.keys(texts).map((name, i) => [name, answers[i]!.rules >= 0]))
}
const from = <T>(
  table: Readonly<Record<string, T>>,
  make: (name: string, entry: T) => string,
): Record<string, string> => Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, make(name, entry)]))
const support = <T>(table: Readonly<Record<string, T>>, supported: (entry: T) => boolean): Record<string, boolean> =>
  Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, supported(entry)]))

const ARGUMENTS: Readonly<Record<Argument, string>> = {
  none: '',
  regex: ' a',
  words: ' a b',
  number: ' 1',
  addresses: ' 10.0.0.0/8,::1',
  bytes: ' 9,32-126',
  file: ' words.data',
  text: ' a 1',
}
t.test('OPERATORS are those that the engine loads', async (t) => {
  const texts = from(
    OPERATORS,
    (name, { argument }) => `SecRule ARGS "@${name}${ARGUMENTS[argument]}" "id:1,phase:2"\n`,
  )
  // A fuzzy hash reads a file of hashes; without one the engine refuses.
  texts['fuzzyHash'] = 'SecRule ARGS "@fuzzyHash words.data 1" "id:1,phase:2"\n'
  t.strictSame(
    await loaded(texts),
    support(OPERATORS, ({ v3 }) => v3 !== 'no'),
  )
})

t.test('OPERATORS that compare need an argument, after which the engine refuses to load without', async (t) => {
  const compare = Object.fromEntries(Object.entries(OPERATORS).filter(([, { argument }]) => argument !== 'none'))
  const answers = await loaded(from(compare, (name) => `SecRule ARGS "@${name}" "id:1,phase:2"\n`))
  t.strictSame(
    Object.entries(answers).filter(([, ok]) => ok),
    [],
  )
})

t.test('VARIABLES are those that the engine loads, with and without a selector', async (t) => {
  const plain = await loaded(from(VARIABLES, (name) => `SecRule ${name} "@rx a" "id:1,phase:2"\n`))
  t.strictSame(
    plain,
    support(VARIABLES, (kind) => kind !== 'no'),
  )
  const selected = await loaded(from(VARIABLES, (name) => `SecRule ${name}:a "@rx a" "id:1,phase:2"\n`))
  t.strictSame(
    selected,
    support(VARIABLES, (kind) => kind === 'collection'),
  )
  const macros = await loaded(from(VARIABLES, (name) => `SecAction "id:1,phase:2,msg:'%{${name}}'"\n`))
  t.strictSame(
    macros,
    support(VARIABLES, (kind) => kind !== 'no'),
  )
})

t.test('TRANSFORMATIONS are those that the engine loads', async (t) => {
  const answers = await loaded(from(TRANSFORMATIONS, (name) => `SecAction "id:1,phase:2,t:${name}"\n`))
  t.strictSame(
    answers,
    support(TRANSFORMATIONS, (known) => known === 'yes'),
  )
})

const CTL_VALUES = ['On', 'JSON', '+E', '1', 'tag', '1;ARGS', 'tag;ARGS']
t.test('CTL are the options that the engine loads', async (t) => {
  const texts = from(CTL, (name, { value, v3 }) => {
    const chosen = v3 === 'no' ? '1' : CTL_VALUES.find((one) => value.test(one))!
    return `SecAction "id:1,phase:2,ctl:${name}=${chosen}"\n`
  })
  t.strictSame(
    await loaded(texts),
    support(CTL, ({ v3 }) => v3 === 'yes'),
  )
})

const ACTION_VALUES: Readonly<Record<ActionEntry['value'], string>> = {
  flag: '',
  allow: ':phase',
  id: ':2',
  phase: ':1',
  severity: ':CRITICAL',
  digits: ':403',
  label: ':END',
  predicate: ":'a'",
  collection: ':ip=a',
  quoted: ":'a'",
  'quoted-digits': ":'8'",
  revision: ":'a'",
  transformation: ':none',
  ctl: ':ruleEngine=On',
  setvar: ":'tx.a=+1'",
  variable: ':ip.a=60',
}
t.test('ACTIONS are those that the engine loads', async (t) => {
  const texts = from(
    ACTIONS,
    (name, { value }) => `SecAction "id:1,phase:2,${name}${ACTION_VALUES[value]}"\nSecMarker END\n`,
  )
  texts['id'] = 'SecAction "id:1,phase:2"\n'
  // These read what is not there: the script, the namespace.
  const { exec: _, xmlns: __, ...rest } = await loaded(texts)
  const { exec: ___, xmlns: ____, ...known } = support(ACTIONS, ({ v3 }) => v3 === 'yes')
  t.strictSame(rest, known)
})

const SETTING_VALUES: Readonly<Record<Exclude<ValueKind, 'rule' | 'keyword'>, string>> = {
  number: ' 0',
  path: ' /tmp',
  word: ' a',
  parts: ' ABZ',
  line: ' a',
  quoted: ' "a"',
  bare: '',
}
const OWN_FORM: Readonly<Record<string, string>> = {
  SecRule: 'SecRule ARGS "@rx a" "id:1"',
  SecAction: 'SecAction "id:1"',
  SecDefaultAction: 'SecDefaultAction "phase:1,pass"',
  SecMarker: 'SecMarker END',
  SecRuleRemoveById: 'SecRuleRemoveById 1 2-3',
  SecRuleRemoveByMsg: 'SecRuleRemoveByMsg "a"',
  SecRuleRemoveByTag: 'SecRuleRemoveByTag "a"',
  SecRuleUpdateActionById: 'SecRuleUpdateActionById 1 "pass"',
  SecRuleUpdateTargetById: 'SecRuleUpdateTargetById 1 "!ARGS:a"',
  SecRuleUpdateTargetByMsg: 'SecRuleUpdateTargetByMsg "a" "!ARGS:a"',
  SecRuleUpdateTargetByTag: 'SecRuleUpdateTargetByTag "a" "!ARGS:a"',
}
/** They read files that are not there, or the network. */
const NEEDS_MORE = [
  'SecRuleScript',
  'SecGeoLookupDb',
  'SecUnicodeMapFile',
  'SecRemoteRules',
  'Include',
  'IncludeOptional',
]
t.test('DIRECTIVES are those that the engine loads', async (t) => {
  const table = Object.fromEntries(Object.entries(DIRECTIVES).filter(([name]) => !NEEDS_MORE.includes(name)))
  const texts = from(table, (name, { value, keywords }) => {
    const written =
      value === 'rule' ? OWN_FORM[name]! : `${name}${value === 'keyword' ? ` ${keywords[0]}` : SETTING_VALUES[value]}`
    return `${name === 'SecDebugLog' ? 'SecDebugLog /dev/null' : written}\n`
  })
  t.strictSame(
    await loaded(texts),
    support(table, ({ v3 }) => v3 === 'yes'),
  )
})

t.test('parse() reads each keyword of DIRECTIVES, and the engine loads it', async (t) => {
  const texts = Object.fromEntries(
    Object.entries(DIRECTIVES).flatMap(([name, { keywords }]) =>
      keywords.map((word) => [`${name} ${word}`, `${name} ${word}\n`]),
    ),
  )
  t.strictSame(
    Object.entries(await loaded(texts)).filter(([, ok]) => !ok),
    [],
  )
  for (const text of Object.keys(texts)) t.strictSame(parse(text, 'f').problems, [])
})

t.test('MISTAKES that are called silent are those that the engine loads without a word', async (t) => {
  const answers = await loaded(from(MISTAKES, (_, { text }) => `${BEFORE}${text}${AFTER}`))
  t.strictSame(
    answers,
    support(MISTAKES, ({ silent }) => silent === true),
  )
})

t.test('print() writes a Core Rule Set that the engine loads, and catalogue() counts as the engine does', async (t) => {
  const printed = files.map(({ name, text }) => ({ name, text: print(parse(text, name).nodes) }))
  const { catalogue } = lint({ kind: 'release', files: printed, dataFiles: data })
  const [answer] = await engine.load([printed.map(({ text }) => text).join('\n')])
  t.equal(answer?.rules, catalogue.loaded)
  t.ok(catalogue.loaded > 800)
})

t.test(`lint() takes nothing that the engine refuses, of ${TEXTS} texts made from the Core Rule Set`, async (t) => {
  const whole = files.flatMap(({ name, text }) =>
    chainsOf(parse(text, name).nodes).map((chain) => chain.map(({ from, to }) => text.slice(from, to)).join('\n  ')),
  )
  const pieces = whole.map((rule, i) => `${rule}\n\n${whole[(i + 7) % whole.length]}\n\n`)
  const mark = fc.constantFrom(
    ...[
      '"',
      "'",
      '\\',
      '\n',
      ',',
      ':',
      '|',
      '!',
      '&',
      '%{',
      '}',
      '#',
      '@',
      ' ',
      '\\\n',
      '=',
      ';',
      '/',
      '%',
      '.',
      '-',
      '0',
      'a',
    ],
    ...[
      'SecRule',
      '%',
      '%"',
      '%,',
      "\\'",
      "'\\''",
      '/,',
      'tx./',
      "',",
      'rev:1',
      ',rev:2"',
      '"\n',
      'chain',
      ',deny',
      ',chain,',
      'ARGS:',
      "'/",
      "/'",
      '\\"',
      ' "',
      '" ',
      '\n\n',
      '\r\n',
      '\t',
    ],
  )
  const edit = fc.record({ at: fc.nat(), remove: fc.nat({ max: 2 }), insert: fc.oneof(mark, fc.constant('')) })
  const mutated = fc
    .tuple(fc.constantFrom(...pieces), fc.array(edit, { minLength: 1, maxLength: 2 }))
    .map(([piece, edits]) =>
      edits.reduce((text, { at, remove, insert }) => {
        const place = at % (text.length + 1)
        return text.slice(0, place) + insert + text.slice(place + remove)
      }, piece),
    )
  const texts = fc.sample(mutated, { numRuns: TEXTS, seed: Number(process.env['SEKISHO_SEED'] ?? 1) })
  // What a piece of a file cannot have: the rest of its set.
  const apart = new Set(['SkipNowhere', 'RemovesNothing', 'NoRules', 'EmptyFile'])
  const judged = texts.map((text) => {
    const { problems, catalogue } = lint({ kind: 'release', files: [{ name: 'f', text }], dataFiles: data })
    return { text, problems: problems.filter(({ code }) => !apart.has(code)), loaded: catalogue.loaded }
  })
  const taken = judged.filter(({ problems }) => problems.length === 0)
  t.ok(taken.length > TEXTS / 10, `${taken.length} of ${TEXTS} texts are taken`)
  const answers = await engine.load(taken.map(({ text }) => text))
  const differing = taken.flatMap(({ text, loaded: ours }, i) =>
    answers[i]!.rules === ours ? [] : [{ ours, engine: answers[i]!.rules, text }],
  )
  t.strictSame(differing.slice(0, 3), [])
  const refused = judged.filter(({ problems }) => problems.length > 0)
  const silent = (await engine.load(refused.map(({ text }) => text))).filter(({ rules }) => rules >= 0).length
  t.comment(`${refused.length} texts are refused, ${silent} of them the engine would have loaded`)
})

t.test('lint() says of the packed Core Rule Set what the engine says', async (t) => {
  const { problems } = lint({ kind: 'release', files, dataFiles: data })
  for (const { name, text } of files) {
    const [answer] = await engine.load([text])
    const wrong = problems.filter(({ file }) => file === name).map(asLine)
    t.equal(answer!.rules === -1, wrong.length > 0, name)
  }
})
