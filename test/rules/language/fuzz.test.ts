/** parse(), print() and lint() on what nobody would write: attackers write rules too. */
import fc from 'fast-check'
import t from 'tap'
import { MOST_CUSTOM } from '../../../src/rules/language/allow.ts'
import { lint } from '../../../src/rules/language/lint.ts'
import { type Node, type Position, withoutPlaces } from '../../../src/rules/language/nodes.ts'
import { parse } from '../../../src/rules/language/parse.ts'
import { brokenRegex } from '../../../src/rules/language/pcre/compile.ts'
import { print } from '../../../src/rules/language/print.ts'
import { coreRuleSet } from './crs.ts'

const RUNS = process.env['SEKISHO_TEST_FULL'] === '1' ? 20_000 : 400
const { files } = await coreRuleSet()
/** Pieces of the Core Rule Set, small enough to read a thousand of them. */
const pieces = files.flatMap(({ text }) => text.match(/(?:.*\n){1,40}/g) ?? [])

const mark = fc.constantFrom(
  ...[
    '"',
    "'",
    '\\',
    '\n',
    '\r',
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
    '\t',
    '\\\n',
    '=',
    ';',
    '/',
    '\0',
    'é',
    '\u2028',
  ],
  ...[
    'SecRule',
    'SecAction',
    '#SecRule \\',
    'chain',
    'id:1',
    'ctl:',
    'setvar:',
    'msg:',
    "'/",
    "/'",
    'TX:',
    '(',
    '[',
    ')',
    '*',
  ],
)
const edit = fc.record({
  at: fc.nat(),
  remove: fc.nat({ max: 12 }),
  insert: fc.oneof(mark, fc.string({ maxLength: 3 })),
})
const mutated = fc
  .tuple(fc.constantFrom(...pieces), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([piece, edits]) =>
    edits.reduce((text, { at, remove, insert }) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + insert + text.slice(place + remove)
    }, piece),
  )
const loose = fc
  .array(fc.oneof(mark, mark, fc.string({ maxLength: 6 })), { maxLength: 30 })
  .map((parts) => parts.join(''))
const anyText = fc.oneof(mutated, mutated, loose, fc.string({ maxLength: 200 }))

const inside = (text: string, { file, line, column }: Position): boolean => {
  const lines = text.split('\n')
  return file === 'f' && line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1
}
const places = (node: Node): Position[] => [
  node.at,
  ...('actions' in node ? node.actions.map(({ at }) => at) : []),
  ...('variables' in node ? node.variables.map(({ at }) => at) : []),
  ...('operator' in node ? [node.operator.at] : []),
]

t.test('parse() never throws, and every place it tells is in the text', async (t) => {
  fc.assert(
    fc.property(anyText, (text) => {
      const { nodes, problems } = parse(text, 'f')
      let end = 0
      for (const node of nodes) {
        if (node.from < end || node.to < node.from || node.to > text.length) return false
        end = node.to
        if (!places(node).every((at) => inside(text, at))) return false
      }
      return (
        problems.every((at) => inside(text, at)) &&
        (problems.length > 0 || nodes.every(({ kind }) => kind !== 'unread'))
      )
    }),
    { numRuns: RUNS },
  )
  t.pass()
})

t.test('print() writes what parse() reads as the same, where nothing was wrong', async (t) => {
  let read = 0
  fc.assert(
    fc.property(anyText, (text) => {
      const { nodes, problems } = parse(text, 'f')
      if (problems.length > 0) return true
      read++
      const again = parse(print(nodes), 'f')
      return JSON.stringify([withoutPlaces(again.nodes), again.problems]) === JSON.stringify([withoutPlaces(nodes), []])
    }),
    { numRuns: RUNS },
  )
  t.ok(read > RUNS / 20, `${read} of ${RUNS} texts were read without a problem`)
})

t.test('lint() never throws, and tells a line of the text', async (t) => {
  fc.assert(
    fc.property(anyText, fc.constantFrom('custom', 'release'), (text, kind) =>
      lint({ kind, files: [{ name: 'f', text }] }).problems.every(
        (found) => inside(text, found) && !/[\r\n]/.test(found.message),
      ),
    ),
    { numRuns: RUNS },
  )
  t.pass()
})

/** As long as custom rules may be, so that they are judged. Whoever judges them answers others too: no text may keep him busy. */
const LONGEST = MOST_CUSTOM.bytes - 200
const repeated = (text: string): string => text.repeat(Math.floor(LONGEST / text.length))
const LONG: Readonly<Record<string, string>> = {
  blanks: `SecRule ARGS ${' '.repeat(LONGEST)}`,
  quotes: `SecRule ARGS ${repeated('"')}`,
  backslashes: `SecRule ARGS "@rx ${repeated('\\')}"`,
  'escaped quotes': `SecRule ARGS "@rx a${repeated('\\"')}`,
  commas: `SecAction "${repeated(',')}"`,
  'single quotes': `SecAction "msg:${repeated("'")}"`,
  'open macros': `SecAction "id:100001,phase:1,pass,msg:'${repeated('%{')}'"`,
  macros: `SecRule ARGS "@streq ${repeated('%{tx.a}')}" "id:100001,phase:1,pass"`,
  variables: `SecRule ${repeated('ARGS|')}ARGS "@rx a" "id:100001,phase:1,pass"`,
  rules: 'SecAction "id:100001,phase:1,pass,nolog"\n'.repeat(MOST_CUSTOM.rules),
  'skips to nowhere': Array.from(
    { length: MOST_CUSTOM.rules },
    (_, i) =>
      `SecAction "id:1,phase:1,pass${`,skipAfter:CUSTOM-A${i}`.repeat(10)}"\n${`SecMarker CUSTOM-B${i}\n`.repeat(10)}`,
  ).join(''),
  'unknown operators': 'SecRule ARGS "@detectSQLl" "id:100001,phase:1,pass"\n'.repeat(MOST_CUSTOM.rules),
  'open groups': `SecRule ARGS "@rx ${repeated('(')}" "id:100001,phase:1,pass"`,
  'open classes': `SecRule ARGS "@rx ${repeated('[[:')}" "id:100001,phase:1,pass"`,
  'named groups': `SecRule ARGS "@rx ${Array.from({ length: 20_000 }, (_, i) => `(?<a${i}>b)`).join('')}" "id:100001,phase:1,pass"`,
  alternatives: `SecRule ARGS "@rx ${repeated('a|')}" "id:100001,phase:1,pass"`,
  'open macros to compare with': `SecRule ARGS "@streq ${repeated('%{')}" "id:100001,phase:1,pass"`,
  'comments that go on': repeated('#SecRule \\\n'),
  'a value of commas and continued lines': `SecAction "id:100001,phase:1,pass${repeated(',  \\\n')}"`,
}
for (const [what, text] of Object.entries(LONG))
  t.test(`lint() is not held up by ${what}`, async (t) => {
    const since = process.cpuUsage()
    const { problems } = lint({ kind: 'custom', files: [{ name: 'f', text }] })
    const { user, system } = process.cpuUsage(since)
    t.notOk(problems[0]?.code.startsWith('Too'), 'it is judged, not refused for its size')
    t.ok((user + system) / 1e6 < 4, `${((user + system) / 1e6).toFixed(2)} s of CPU`)
  })

t.test('brokenRegex() never throws, and tells a place in the pattern', async (t) => {
  const part = fc.constantFrom(
    ...'()[]{}|*+?\\^$.-:=!<>#,&\'"R09aé \n'.split(''),
    '(?',
    '(?:',
    '(?<n>',
    '\\Q',
    '\\x{',
    '[:',
    ':]',
    '(*',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const pattern = parts.join('')
      const broken = brokenRegex(pattern)
      return broken === undefined || (broken.offset >= 0 && broken.offset <= Buffer.byteLength(pattern) + 1)
    }),
    { numRuns: RUNS * 10 },
  )
  t.pass()
})
