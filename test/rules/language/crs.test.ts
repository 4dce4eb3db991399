/** The whole Core Rule Set is read without a complaint. */
import t from 'tap'
import { lint } from '../../../src/rules/language/lint.ts'
import { withoutPlaces } from '../../../src/rules/language/nodes.ts'
import { parse } from '../../../src/rules/language/parse.ts'
import { print } from '../../../src/rules/language/print.ts'
import { asLine } from '../../../src/rules/language/problem.ts'
import { coreRuleSet } from './crs.ts'

const { files, data } = await coreRuleSet()

for (const { name, text } of files)
  t.test(`parse() reads ${name} without a complaint, and what print() writes of it is the same`, async (t) => {
    const { nodes, problems } = parse(text, name)
    t.strictSame(problems.map(asLine), [])
    const again = parse(print(nodes), name)
    t.strictSame(again.problems, [])
    t.strictSame(withoutPlaces(again.nodes), withoutPlaces(nodes))
    t.equal(print(again.nodes), print(nodes))
  })

t.test('parse() says where each part stands', async (t) => {
  for (const { name, text } of files)
    for (const node of parse(text, name).nodes) {
      const starts = (at: { line: number; column: number }, wanted: string): void => {
        const line = text.split('\n')[at.line - 1]!
        t.ok(line.slice(at.column - 1).startsWith(wanted), `${name}:${at.line}:${at.column} begins with ${wanted}`)
      }
      if (node.kind !== 'rule' || node.at.line % 50 !== 0) continue
      starts(node.at, 'SecRule')
      for (const { at, name: action } of node.actions) starts(at, action)
      for (const { at, name: variable, prefix } of node.variables) starts(at, prefix + variable)
      starts(node.operator.at, '"')
    }
})

t.test('lint() finds in the packed CRS only the two rules whose empty line the packing took away', async (t) => {
  const { problems, catalogue } = lint({ kind: 'release', files, dataFiles: data })
  t.strictSame(
    problems.map(({ code, file }) => [code, file]),
    [
      ['BadActions', 'rules/REQUEST-949-BLOCKING-EVALUATION.conf'],
      ['BadActions', 'rules/RESPONSE-959-BLOCKING-EVALUATION.conf'],
    ],
  )
  t.equal(catalogue.byId.get(942100)?.message, 'SQL Injection Attack Detected via libinjection')
  t.equal(catalogue.byId.get(942100)?.phase, 2)
  t.ok(catalogue.byId.get(942100)?.tags.includes('attack-sqli'))
  t.equal(catalogue.byId.get(949111)?.nodes.length, 2)
  t.ok(catalogue.markers.has('END-REQUEST-942-APPLICATION-ATTACK-SQLI'))
})

t.test('lint() finds nothing in the CRS as print() writes it', async (t) => {
  const printed = files.map(({ name, text }) => ({ name, text: print(parse(text, name).nodes) }))
  const first = lint({ kind: 'release', files, dataFiles: data })
  const again = lint({ kind: 'release', files: printed, dataFiles: data })
  t.strictSame(again.problems.map(asLine), [])
  t.equal(again.catalogue.loaded, first.catalogue.loaded)
})

t.test('lint() does not know a data file that is not there', async (t) => {
  const { problems } = lint({
    kind: 'release',
    files,
    dataFiles: data.filter((name) => name !== 'scanners-user-agents.data'),
  })
  t.match(problems.filter(({ code }) => code === 'MissingData').map(asLine), [
    /REQUEST-913-SCANNER-DETECTION\.conf:\d+: the file scanners-user-agents\.data of @pmFromFile is not there/,
  ])
})
