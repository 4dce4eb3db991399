import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { Exclusion } from '../../../src/rules/compile/input.ts'
import { beforeName, inLoadOrder } from '../../../src/rules/compile/names.ts'
import { readRelease } from '../../../src/rules/compile/release.ts'
import { lint } from '../../../src/rules/language/lint.ts'
import { asLine } from '../../../src/rules/language/problem.ts'
import {
  compiled,
  detects,
  hash,
  INITIALIZATION,
  idsIn,
  realRelease,
  refusals,
  releaseOf,
  SETUP,
  SMALL,
  small,
  textIn,
  tryCompile,
} from './support.ts'

const RULE = `SecRule REQUEST_FILENAME "@beginsWith /internal" "id:100001,phase:1,deny,status:403,msg:'internal page'"\n`
const EXCLUSIONS: readonly Exclusion[] = [
  { rule: 942100, path: '/api/notes', parameter: 'text', reason: 'notes about SQL' },
  { rule: 942100, path: '/api/notes', parameter: 'title', reason: 'the same', expires: '2027-06-01T00:00:00Z' },
  { rule: 942140, path: '/api/*', header: 'Referer', reason: 'links with ids' },
  { tag: 'attack-sqli', path: '/admin/query', parameter: 'q', reason: 'an SQL console' },
]
const PERMIT = { tags: true, wholeRules: true }
const [crs25, crs22] = await Promise.all([realRelease('4.25.0'), realRelease('4.22.0')])

t.test('compile() gives the same bytes whatever order its input comes in', (t) => {
  const custom = { before: [{ name: 'rules.conf', text: RULE }], exclusions: EXCLUSIONS, permit: PERMIT }
  const languages = ['java', 'php', 'ruby']
  const { address, files } = compiled({ ...custom, setup: { ...SETUP, languages } })
  const shuffled = <T>(all: readonly T[]) => fc.shuffledSubarray([...all], { minLength: all.length })
  fc.assert(
    fc.property(
      shuffled(Object.entries(SMALL)),
      shuffled(EXCLUSIONS),
      shuffled(SETUP.allowedMethods),
      shuffled(languages),
      fc.integer({ min: 0, max: Date.parse('2027-05-31T00:00:00Z') }),
      (entries, exclusions, allowedMethods, languages, now) => {
        const release = releaseOf(Object.fromEntries(entries))
        const again = compiled({ ...custom, release, exclusions, now, setup: { ...SETUP, allowedMethods, languages } })
        t.equal(again.address, address)
        t.strictSame([...again.files], [...files])
      },
    ),
    { numRuns: 40 },
  )
  t.end()
})

t.test('compile() gives another address to whatever differs', (t) => {
  const inputs = [
    {},
    { setup: { ...SETUP, paranoiaLevel: 2 } },
    { setup: { ...SETUP, allowedMethods: ['GET'] } },
    { setup: { ...SETUP, bodyLimitBytes: 13_107_201 } },
    { setup: { ...SETUP, fieldsLimitBytes: 1_048_575 } },
    { setup: { ...SETUP, argumentLimits: { count: 100 } } },
    { setup: { ...SETUP, languages: [] } },
    { before: [{ name: 'rules.conf', text: RULE }] },
    { after: [{ name: 'rules.conf', text: RULE }] },
    { exclusions: EXCLUSIONS.slice(0, 1) },
    { exclusions: EXCLUSIONS.slice(1, 2) },
    { release: releaseOf(SMALL, '4.25.1') },
    { release: releaseOf({ ...SMALL, 'rules/REQUEST-949-BLOCKING-EVALUATION.conf': detects(949110) }) },
  ]
  t.equal(new Set(inputs.map((input) => compiled(input).address)).size, inputs.length)
  t.end()
})

t.test('compile() leaves the text of reasons, which is anybody’s, out of the rules', (t) => {
  const evil = 'x\nSecRuleEngine Off\n#SecRule \\'
  const content = compiled({ exclusions: [{ ...EXCLUSIONS[0]!, reason: evil }] })
  t.equal(content.address, compiled({ exclusions: EXCLUSIONS.slice(0, 1) }).address)
  t.end()
})

t.test('compile() leaves out what never runs at the paranoia level', (t) => {
  const at = (paranoiaLevel: number) => new Set(idsIn(compiled({ setup: { ...SETUP, paranoiaLevel } })))
  const levels = [1, 2, 3].map(at)
  const has = (id: number) => levels.map((ids) => ids.has(id))
  for (const guard of [942011, 942012, 942013, 942014, 942015])
    t.strictSame(has(guard), [false, guard > 942012 && false, false], `${guard}`)
  t.strictSame(has(942100), [true, true, true])
  t.strictSame(has(942200), [false, true, true])
  t.strictSame(has(942201), [false, true, true])
  t.strictSame(has(942300), [false, false, true])
  t.strictSame(has(949052), [true, true, true])
  t.strictSame(has(949053), [false, true, true])
  t.end()
})

t.test('compile() leaves out a phase alone where only that one is guarded', (t) => {
  const text = `SecRule TX:DETECTION_PARANOIA_LEVEL "@lt 2" "id:942014,phase:2,pass,nolog,skipAfter:END"\n${detects(942200)}${detects(942210, { phase: 1 })}SecMarker "END"\n${detects(942220)}`
  const ids = idsIn(
    compiled({ release: releaseOf({ 'rules/REQUEST-901-X.conf': INITIALIZATION, 'rules/REQUEST-942-X.conf': text }) }),
  )
  t.strictSame(
    ids.filter((id) => id > 942000),
    [942210, 942220],
  )
  t.end()
})

for (const [what, extra] of Object.entries({
  'sets the level itself': 'SecAction "id:920001,phase:1,pass,nolog,setvar:tx.detection_paranoia_level=3"\n',
  'sets a variable whose name is not known before the request':
    'SecRule ARGS "@rx ." "id:920001,phase:2,pass,nolog,setvar:tx.%{MATCHED_VAR_NAME}=3"\n',
  'sets a variable whose name may become that of the level':
    'SecRule ARGS "@rx ." "id:920001,phase:2,pass,nolog,setvar:tx.detection_%{MATCHED_VAR_NAME}=3"\n',
}))
  t.test(`compile() leaves no rule out for its level when the release ${what}, and says so`, (t) => {
    const release = releaseOf({ ...SMALL, 'rules/REQUEST-920-X.conf': extra })
    const content = compiled({ release })
    for (const id of [942011, 942200, 942300, 949053]) t.ok(idsIn(content).includes(id), String(id))
    t.match(content.outcome.notes, [{ code: 'NotPruned', message: /since rule 920001 sets the level itself$/ }])
    t.end()
  })

t.test('compile() leaves a guard that does more than jump in its place', (t) => {
  for (const [operator, actions] of [
    ['@lt 2', 'pass,log,skipAfter:END'],
    ['@lt 2', 'pass,skipAfter:END'],
    ['@lt 2', 'pass,nolog,setvar:tx.seen=1,skipAfter:END'],
    ['@lt 2', 'pass,nolog,skipAfter:ELSEWHERE'],
    ['@lt %{tx.blocking_paranoia_level}', 'pass,nolog,skipAfter:END'],
  ]) {
    const text = `SecRule TX:DETECTION_PARANOIA_LEVEL "${operator}" "id:942014,phase:2,${actions}"\n${detects(942200)}SecMarker "END"\n`
    const files = {
      'rules/REQUEST-901-X.conf': INITIALIZATION,
      'rules/REQUEST-942-X.conf': text,
      'rules/REQUEST-943-X.conf': 'SecMarker ELSEWHERE\n',
    }
    const ids = idsIn(compiled({ release: releaseOf(files) }))
    t.ok(ids.includes(942014) && ids.includes(942200), `${operator} ${actions}`)
  }
  t.end()
})

t.test(
  'compile() leaves out rules on RESPONSE_BODY with their chains, idle markers and data that nobody reads',
  (t) => {
    const content = compiled()
    t.notOk(idsIn(content).some((id) => id === 951100 || id === 951120))
    t.notOk([...content.files.keys()].some((name) => /951|sql-errors/.test(name)))
    t.notMatch(textIn(content, 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf'), /SecMarker/)
    t.match(
      textIn(compiled({ setup: { ...SETUP, paranoiaLevel: 1 }, release: crs25 }), 'REQUEST-905-COMMON-EXCEPTIONS.conf'),
      /id:905100/,
    )
    t.end()
  },
)

t.test(
  'compile() leaves out rules for languages that the application does not use, and says that this is weaker',
  (t) => {
    const none = compiled({ setup: { ...SETUP, languages: [] } })
    t.notOk(idsIn(none).includes(944100))
    t.ok(idsIn(none).includes(944110))
    t.match(none.outcome.notes, [
      { code: 'WeakerOnPurpose', message: /^1 rules for .*java.* are left out: weaker on purpose/ },
    ])
    t.ok(idsIn(compiled({ setup: { ...SETUP, languages: ['java'] } })).includes(944100))
    t.ok(idsIn(compiled()).includes(944100))
    const real = (languages: string[]) => {
      const { outcome } = compiled({ release: crs25, setup: { ...SETUP, languages } })
      return [...outcome.dropped].filter(([, why]) => why === 'language').map(([id]) => Math.floor(id / 1000))
    }
    t.strictSame([...new Set(real(['php', 'java', 'ruby', 'perl', 'aspnet', 'windows']))], [934])
    t.strictSame(new Set(real(['javascript'])), new Set([932, 933, 934, 944]))
    t.end()
  },
)

t.test('compile() writes removals by tag as removals by id, of what is loaded', (t) => {
  const two = textIn(compiled({ setup: { ...SETUP, paranoiaLevel: 2 } }), 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf')
  t.match(two, 'ctl:ruleRemoveTargetById=942160;REQUEST_FILENAME')
  t.notMatch(two, /RemoveTargetByTag/)
  const real = textIn(compiled({ release: crs25 }), 'REQUEST-941-APPLICATION-ATTACK-XSS.conf')
  t.match(real, 'ctl:ruleRemoveTargetById=941130;REQUEST_FILENAME')
  t.notMatch(real, /941101|xss-perf-disable;/)
  t.end()
})

t.test('compile() leaves a removal by tag out when no rule with the tag looks there', (t) => {
  const by = 'SecRule REQUEST_URI "@contains /" "id:920001,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=perf;FILES"\n'
  const release = releaseOf({
    'rules/REQUEST-920-X.conf': by,
    'rules/REQUEST-942-X.conf': detects(942001, { tags: ['perf'] }),
  })
  t.match(textIn(compiled({ release }), 'REQUEST-920-X.conf'), /"id:920001,\\\n\s+phase:1,\\\n\s+pass,\\\n\s+nolog"\n$/)
  t.end()
})

t.test('compile() keeps a removal by tag where ids would say something else', (t) => {
  const by = 'SecRule REQUEST_URI "@contains /" "id:920001,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=perf;ARGS"\n'
  for (const tagged of [
    // By id only the rule that begins a chain can be meant.
    `SecRule REQUEST_METHOD "@streq GET" "id:942001,phase:2,block,tag:'perf',chain"\n    SecRule ARGS "@contains x" "t:none,tag:'perf'"\n`,
    `SecRule ARGS "@contains x" "id:942001,phase:2,block,tag:'perf',tag:'%{tx.custom}'"\n`,
  ]) {
    const release = releaseOf({ 'rules/REQUEST-920-X.conf': by, 'rules/REQUEST-942-X.conf': tagged })
    t.match(textIn(compiled({ release }), 'REQUEST-920-X.conf'), 'ctl:ruleRemoveTargetByTag=perf;ARGS')
  }
  t.end()
})

t.test('compile() leaves out changes of rules that are not loaded', (t) => {
  const after = (paranoiaLevel: number) =>
    textIn(compiled({ setup: { ...SETUP, paranoiaLevel } }), 'REQUEST-999-COMMON-EXCEPTIONS-AFTER.conf')
  t.equal(after(1), 'SecRuleUpdateTargetById 942100 "!ARGS:utm"\n')
  t.match(after(3), 'SecRuleUpdateTargetById 942300')
  t.end()
})

t.test('compile() gives upstream’s own text, and an empty line after a rule without actions', (t) => {
  const text = textIn(compiled({ release: crs25 }), 'REQUEST-949-BLOCKING-EVALUATION.conf')
  const source = crs25.files.find(({ name }) => name === 'REQUEST-949-BLOCKING-EVALUATION.conf')!.text
  t.match(text, /SecRule TX:EARLY_BLOCKING "@eq 1"\n\n/i)
  for (const line of text.split('\n').filter((line) => line !== '')) t.ok(source.includes(line), line)
  t.end()
})

for (const release of [crs22, crs25])
  for (const paranoiaLevel of [1, 2, 3, 4])
    t.test(
      `compile() of CRS ${release.version} at level ${paranoiaLevel} lints clean, and counts as the linter does`,
      (t) => {
        const custom = { name: 'rules.conf', text: RULE }
        const content = compiled({
          release,
          setup: {
            ...SETUP,
            paranoiaLevel,
            languages: ['javascript'],
            argumentLimits: { count: 255, nameBytes: 100, valueBytes: 400, totalBytes: 64_000 },
          },
          before: [custom],
          after: [{ ...custom, text: RULE.replace('100001', '100002') }],
          permit: PERMIT,
          exclusions: [
            { rule: 942100, path: '/検索/*', parameter: 'items[0].note', reason: 'x' },
            { rule: 930120, path: '/a.b+c(d)"e', cookie: 'session', reason: 'x' },
            { tag: 'attack-xss', path: '/*', parameter: 'json.html', reason: 'x' },
          ],
        })
        const files = inLoadOrder(content.files.keys()).map((name) => ({ name, text: textIn(content, name) }))
        const { problems, catalogue } = lint({ kind: 'release', files, dataFiles: [...content.files.keys()] })
        t.strictSame(problems.map(asLine), [])
        t.equal(content.rules, catalogue.loaded)
        t.end()
      },
    )

t.test('compile() names what is wrong in the namespace’s rules by file and line', (t) => {
  const broken = `${RULE}SecRule ARGS "@detectSQLI" "id:100002,phase:2,deny"\n`
  t.match(refusals({ before: [{ name: 'rules.conf', text: broken }] }), [
    /^UnknownOperator rules\.conf:2: unknown operator "@detectSQLI"/,
  ])
  t.match(refusals({ after: [{ name: 'late.conf', text: `${RULE}SecRuleEngine Off\n` }] }), [
    /^DirectiveNotAllowed late\.conf:2: /,
  ])
  const same = { name: 'a.conf', text: RULE }
  t.match(refusals({ before: [same], after: [{ ...same, name: 'b.conf' }] }), [
    /^DuplicateId b\.conf:1: id 100001 is taken by a\.conf:1/,
  ])
  t.end()
})

t.test('compile() of a new release bears exclusions of what it no longer has', (t) => {
  const input = { exclusions: [{ rule: 942998, path: '/x', parameter: 'a', reason: 'x' }] }
  t.match(refusals(input), [/^UnknownRule exclusions\[0\]\.rule: rule 942998 does not exist in 4\.25\.0/])
  const { outcome } = compiled({ ...input, unknownRules: 'note' })
  t.match(outcome.notes, [{ code: 'GoneFromRelease', where: 'exclusions[0].rule' }])
  t.end()
})

t.test('compile() takes a file of the namespace in which every rule is commented out', (t) => {
  const content = compiled({
    before: [
      { name: 'rules.conf', text: '# SecAction "id:1"\n' },
      { name: 'b.conf', text: '' },
    ],
  })
  t.equal(content.rules, compiled().rules)
  t.end()
})

t.test('compile() takes no removals in the namespace’s own rules', (t) => {
  const own = `SecRule REQUEST_FILENAME "@streq /x" "id:100001,phase:1,pass,nolog,ctl:ruleRemoveTargetById=942100;ARGS:a"\n`
  t.match(refusals({ before: [{ name: 'rules.conf', text: own }] }), [
    /^CtlNotAllowed rules\.conf:1: ctl:ruleRemoveTargetById=942100;ARGS:a is not allowed here: rules are excluded by spec\.exclusions/,
  ])
  t.end()
})

const wrongSetups: [string, object, RegExp][] = [
  ['level 0', { paranoiaLevel: 0 }, /^BadSetup setup\.paranoiaLevel: a whole number from 1 to 4 is wanted, not 0$/],
  ['level 1.5', { paranoiaLevel: 1.5 }, /paranoiaLevel/],
  ['no method', { allowedMethods: [] }, /allowedMethods: no method is allowed/],
  [
    'a method that ends the rule',
    { allowedMethods: [`GET' "id:1`] },
    /allowedMethods\[0\]: a method is written in capitals/,
  ],
  ['a small body limit', { bodyLimitBytes: 1 }, /bodyLimitBytes: a whole number from 1024/],
  ['fields larger than the body', { bodyLimitBytes: 2048, fieldsLimitBytes: 4096 }, /fieldsLimitBytes: it is larger/],
  [
    'more arguments than the engine reads',
    { argumentLimits: { count: 1001 } },
    /argumentLimits\.count: a whole number from 1 to 1000/,
  ],
  ['an unknown limit', { argumentLimits: { toString: 1 } }, /argumentLimits\.toString: there is no such limit/],
  [
    'a range of addresses that is none',
    { onlyFrom: ['192.0.2.0'] },
    /setup\.onlyFrom\[0\]: a range of addresses such as/,
  ],
  ['a range that holds another line', { onlyFrom: ['192.0.2.0/24\nkey a'] }, /setup\.onlyFrom\[0\]/],
  ['too many ranges', { onlyFrom: Array(257).fill('192.0.2.0/24') }, /setup\.onlyFrom: 257 ranges/],
  ['an unknown language', { languages: ['jaava'] }, /languages\[0\]: unknown language 'jaava' \(nearest: java\)/],
]
for (const [what, change, expected] of wrongSetups)
  t.test(`compile() refuses a setup with ${what}`, (t) => {
    t.match(refusals({ setup: { ...SETUP, ...change } })[0], expected)
    t.end()
  })

t.test('compile() has ranges of addresses sorted and once, and they are part of the address', (t) => {
  const peers = (onlyFrom: string[]) => compiled({ setup: { ...SETUP, onlyFrom } })
  const one = peers(['2001:DB8::/32', '192.0.2.0/24', '192.0.2.0/24'])
  t.strictSame(one.onlyFrom, ['192.0.2.0/24', '2001:db8::/32'])
  t.equal(one.address, peers(['192.0.2.0/24', '2001:db8::/32']).address)
  t.not(one.address, compiled().address)
  t.strictSame(compiled().onlyFrom, [])
  t.end()
})

t.test(
  'compile() adds the attributes of XML to rules on its text, once, and what is said of the rule elsewhere stays',
  (t) => {
    const release = releaseOf({
      ...SMALL,
      'rules/REQUEST-941-APPLICATION-ATTACK-XSS.conf': `${detects(941100, { variables: 'ARGS|XML:/*', tags: ['xss'] })}${detects(941110, { variables: 'XML:/*|XML://@*' })}${detects(941120, { variables: 'XML://@*|XML:/*' })}SecRule REQUEST_URI "@contains /" "id:941130,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=xss;XML:/*"\n`,
    })
    const text = textIn(compiled({ release }), 'REQUEST-941-APPLICATION-ATTACK-XSS.conf')
    t.match(text, /SecRule ARGS\|XML:\/\*\|XML:\/\/@\* /)
    t.match(text, /SecRule XML:\/\*\|XML:\/\/@\* "@contains evil941110"/)
    t.match(text, /SecRule XML:\/\/@\*\|XML:\/\* "@contains evil941120"/)
    t.match(text, /ruleRemoveTargetById=941100;XML:\/\*/)
    t.end()
  },
)

t.test('readRelease() refuses what is no release', (t) => {
  const read = (files: Record<string, string | Buffer>, version = '4.25.0') => {
    const outcome = readRelease(
      version,
      new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text as string) }])),
    )
    return outcome.status === 'refused'
      ? outcome.problems.map(({ code, where, message }) => `${code} ${where}: ${message}`)
      : []
  }
  t.match(read({}), [/^BadRelease release: there is no rule in it/])
  t.match(read({ ...SMALL, 'rules/extra.conf': detects(942999) }), [
    /^BadRelease rules\/extra\.conf: the name says not where/,
  ])
  t.match(read({ ...SMALL, 'rules/REQUEST-930-X.conf': Buffer.from([0xff, 0x20]) }), [
    /^BadRelease rules\/REQUEST-930-X\.conf: the file is not UTF-8/,
  ])
  t.match(read({ ...SMALL, 'rules/REQUEST-930-X.conf': '\nSecRul ARGS x\n' }), [
    /^UnknownDirective rules\/REQUEST-930-X\.conf:2: /,
  ])
  t.match(read(SMALL, '4.25.0; rm'), [/^BadIdentity release: the version is digits and dots/])
  t.end()
})

t.test('inLoadOrder() is the order in which the WAF includes the files', (t) => {
  const { files } = compiled({ release: crs25, before: [{ name: 'rules.conf', text: RULE }] })
  const names = [
    ...files.keys(),
    beforeName(1, 'shop/ルール.conf'),
    beforeName(10, 'a'),
    'RESPONSE-999-20-001-x.conf',
  ].filter((name) => name.endsWith('.conf'))
  const script = `. "$1"; sort_rules`
  const render = join(import.meta.dirname, '../../../waf/lib/render.sh')
  const sorted = execFileSync('sh', ['-c', script, 'sh', render], {
    input: `${names.toReversed().join('\n')}\n`,
    env: { ...process.env, LC_ALL: 'C' },
  })
  t.strictSame(sorted.toString().trim().split('\n'), inLoadOrder(names))
  t.end()
})

t.test('compile() loads plugins, the namespace’s rules and exclusions in the order that gives each its say', (t) => {
  const { files } = compiled({
    before: [{ name: 'a.conf', text: RULE }],
    after: [{ name: 'b.conf', text: RULE.replace('100001', '100002') }],
    exclusions: EXCLUSIONS.slice(0, 1),
  })
  const order = inLoadOrder(files.keys())
  const place = (part: string) => order.findIndex((name) => name.includes(part))
  const parts = [
    'custom-001-a',
    '10-SETUP',
    '20-EXCLUSIONS',
    'login-before',
    'REQUEST-901',
    'RESPONSE-959',
    'login-after',
    '999-20-001-b',
  ]
  t.strictSame(
    parts.map(place),
    parts.map(place).toSorted((a, b) => a - b),
  )
  t.notOk(parts.map(place).includes(-1))
  t.end()
})

t.test('compile() refuses what its own linter complains of', (t) => {
  const release = releaseOf({
    ...SMALL,
    'rules/REQUEST-930-X.conf': 'SecRule ARGS "@rx (unclosed" "id:930001,phase:2,block"\n',
  })
  t.match(refusals({ release }), [/^InvalidRegex REQUEST-930-X\.conf:1: /])
  t.equal(tryCompile({ release: small, hash }).status, 'compiled')
  t.end()
})
