import t from 'tap'
import type { Exclusion } from '../../../src/rules/compile/input.ts'
import { pathPattern } from '../../../src/rules/compile/paths.ts'
import { compiled, realRelease, refusals, SETUP, textIn } from './support.ts'

const FILE = 'REQUEST-900-20-EXCLUSIONS.conf'
const release = await realRelease('4.25.0')
const exclusion = (change: Partial<Exclusion> = {}): Exclusion => ({
  rule: 942100,
  path: '/api/notes',
  parameter: 'text',
  reason: 'notes',
  ...change,
})
/** `ctl` actions of all exclusions, without the ids and patterns around them. */
const actions = (exclusions: readonly Exclusion[], more = {}): string[] =>
  [
    ...textIn(compiled({ release, exclusions, permit: { tags: true, wholeRules: true }, ...more }), FILE).matchAll(
      /ctl:([^,"]+)/g,
    ),
  ].map((hit) => hit[1]!)

/** The engine's regex as one of JavaScript: the same language, without its guards against backtracking. */
const matcher = (path: string): RegExp => {
  const made = pathPattern(path)
  if (!made.ok) throw new Error(made.why)
  return new RegExp(
    made.pattern
      .replace('\\A', '^')
      .replaceAll('\\z', '$')
      .replaceAll(/([*+])\+/g, '$1'),
  )
}

// Path of the exclusion; addresses that it means; addresses that it must not.
const PATHS: [string, string[], string[]][] = [
  [
    '/api/notes',
    ['/api/notes', '/api/notes?', '/api/notes?text=1', '/api/notes?a=/../x'],
    [
      '/api/notes/',
      '/api/note',
      '/api/notesx',
      '/x/api/notes',
      '/API/notes',
      '//api/notes',
      '/api//notes',
      '/api/./notes',
      '/api/x/../notes',
      '/api/notes/../admin',
      '/api/notes%3F/../admin',
      '/api/notes%3f',
      '/api%2Fnotes',
      '/api/note%73',
      '/%61pi/notes',
      '/api/notes;x=1',
      '/api/notes%00',
      '/api/notes#x',
      '/api/notes%0a',
      '/api/notes\n',
      'http://shop.example/api/notes',
      '/api/notes%2e',
      '/api\\notes',
    ],
  ],
  ['/', ['/', '/?a=1'], ['', '/x', '//', '/.']],
  ['/index.php', ['/index.php', '/index.php?x'], ['/indexxphp', '/index.php/x', '/index%2Ephp']],
  [
    '/a+b(c)[d]$^|{1}',
    ['/a+b(c)%5Bd%5D$%5E%7C%7B1%7D', '/a%2Bb%28c%29%5bd%5d%24%5e%7c%7b1%7d'],
    ['/aab(c)%5Bd%5D$%5E%7C%7B1%7D', '/a+b(c)[d]$^|{1}'],
  ],
  ['/a"b\'c', ["/a%22b'c", '/a%22b%27c'], ['/a"b\'c', "/ab'c"]],
  [
    '/検索',
    ['/%E6%A4%9C%E7%B4%A2', '/%e6%a4%9c%e7%b4%a2?q=1'],
    ['/検索', '/%E6%A4%9C', '/%25E6%25A4%259C%25E7%25B4%25A2'],
  ],
  ['/%E6%A4%9C%E7%B4%A2', ['/%e6%a4%9c%e7%b4%a2'], ['/x']],
  ['/a b', ['/a%20b'], ['/a+b', '/a b']],
  ['/100%25', ['/100%25'], ['/100%', '/100%2525']],
  ['/group%2Fproject', ['/group%2Fproject', '/group%2fproject'], ['/group/project']],
  ['/%61pi', ['/api'], ['/%61pi']],
  ['/user@host:1,2;v=3', ['/user@host:1,2;v=3', '/user%40host%3A1%2C2%3Bv%3D3'], ['/user@host:1,2']],
  ['/star%2A', ['/star*', '/star%2A'], ['/star', '/starx']],
  [
    '/api/*',
    [
      '/api/',
      '/api/a',
      '/api/a/',
      '/api/a/b.c?x',
      '/api/...',
      '/api/.well-known/x',
      '/api/%E6%A4%9C',
      '/api/a%20b',
      '/api/a@b:c',
      '/api/%F0%9F%98%80',
      '/api/?a=../..',
    ],
    [
      '/api',
      '/apix/',
      '/api/..',
      '/api/../admin',
      '/api/a/../../admin',
      '/api/a/..',
      '/api/./a',
      '/api/%2e%2e/admin',
      '/api/.%2e/admin',
      '/api/..%2fadmin',
      '/api/%2E./admin',
      '/api/a%2f..%2fadmin',
      '/api/..;/admin',
      '/api/a;/../x',
      '/api/..\\admin',
      '/api/..%5cadmin',
      '/api/%252e%252e/admin',
      '/api//admin',
      '/api/%c0%ae%c0%ae/admin',
      '/api/%e0%80%ae/x',
      '/api/%f0%80%80%ae/x',
      '/api/%ef%bc%8e%ef%bc%8e/admin',
      '/api/%u002e/x',
      '/api/a%00',
      '/api/a%0d',
      '/api/a%7f',
      '/api/a%3f/../../admin',
      '/api/..?x',
      '/api/a%23',
      '/api/a#/../x',
      '/api/%',
      '/api/%2',
      '/x/api/a',
      '/api/%e6%a4',
      '/api/\u0000',
    ],
  ],
  ['/*', ['/', '/a', '/a/b?c'], ['//a', '/../a', '/%2e%2e/a', '']],
]
for (const [path, meant, others] of PATHS)
  t.test(`pathPattern() of ${path} means only the plain spellings of that very path`, (t) => {
    const pattern = matcher(path)
    for (const address of meant) t.ok(pattern.test(address), `excluded: ${address}`)
    for (const address of others) t.notOk(pattern.test(address), `inspected: ${JSON.stringify(address)}`)
    t.end()
  })

const BAD_PATHS: [string, RegExp][] = [
  ['api', /a path begins with \/, not 'api'/],
  ['', /begins with \//],
  ['/a?b', /has no query/],
  ['/a#b', /has no query/],
  ['/a%2', /two hexadecimal digits/],
  ['/a%zz', /two hexadecimal digits/],
  ['/a//b', /no empty part/],
  ['/a/../b', /no \. or \.\./],
  ['/a/%2e%2e/b', /no \. or \.\./],
  ['/a/.', /no \. or \.\./],
  ['/a\\b', /no backslash/],
  ['/a\nb', /no control characters/],
  ['/a%00', /no control characters/],
  ['/a*', /a \* stands only at the end/],
  ['/a/*/b', /a \* stands only at the end/],
  ['/a/**', /a \* stands only at the end/],
  [`/${'a'.repeat(1000)}`, /at most 1000/],
  ['/\ud800', /a path is text/],
]
for (const [path, expected] of BAD_PATHS)
  t.test(`compile() refuses an exclusion on the path ${JSON.stringify(path).slice(0, 20)}`, (t) => {
    const [line, ...more] = refusals({ release, exclusions: [exclusion({ path })] })
    t.match(line, /^BadPath exclusions\[0\]\.path: /)
    t.match(line, expected)
    t.strictSame(more, [])
    t.end()
  })

const NAMES: [string, string | undefined][] = [
  ['text', 'ARGS:text'],
  ['Text', 'ARGS:Text'],
  ['items[]', 'ARGS:items[]'],
  ['items[0][note]', 'ARGS:items[0][note]'],
  ['json.order.items.array_0.sku', 'ARGS:json.order.items.array_0.sku'],
  ['user:name', 'ARGS:user:name'],
  ['a-b_c/d*e$f@g', 'ARGS:a-b_c/d*e$f@g'],
  ['/.*/', 'ARGS:/.*/'],
  ['', undefined],
  ['a b', undefined],
  ['a;b', undefined],
  ['a,ctl:ruleEngine=Off', undefined],
  ['a"b', undefined],
  ["a'b", undefined],
  ['a|b', undefined],
  ['a\\b', undefined],
  ['a%{tx.x}', undefined],
  ['a\nb', undefined],
  ['検索', undefined],
  ['a+b', undefined],
  ['x'.repeat(201), undefined],
]
for (const [parameter, target] of NAMES)
  t.test(
    `compile() ${target === undefined ? 'refuses' : 'excludes'} a parameter named ${JSON.stringify(parameter).slice(0, 40)}`,
    (t) => {
      if (target === undefined)
        t.match(refusals({ release, exclusions: [exclusion({ parameter })] }), [
          /^BadTarget exclusions\[0\]\.parameter: the engine cannot exclude /,
        ])
      else t.ok(actions([exclusion({ parameter })]).includes(`ruleRemoveTargetById=942100;${target}`))
      t.end()
    },
  )

t.test('compile() excludes in each collection that the rule looks at, and no other', (t) => {
  t.strictSame(actions([exclusion()]), [
    'ruleRemoveTargetById=942100;ARGS:text',
    'ruleRemoveTargetById=942100;ARGS_NAMES:text',
  ])
  const cookie = { rule: 942100, path: '/', cookie: 'sid', reason: 'x' }
  t.strictSame(actions([cookie]), [
    'ruleRemoveTargetById=942100;REQUEST_COOKIES:sid',
    'ruleRemoveTargetById=942100;REQUEST_COOKIES_NAMES:sid',
  ])
  t.end()
})

t.test('compile() excludes a header in the spellings that clients send', (t) => {
  const header = { rule: 942100, path: '/', header: 'USER-agent', reason: 'x' }
  t.strictSame(
    actions([header]),
    ['USER-agent', 'User-Agent', 'user-agent'].map((name) => `ruleRemoveTargetById=942100;REQUEST_HEADERS:${name}`),
  )
  t.match(refusals({ release, exclusions: [{ ...header, header: 'a:b' }] }), [
    /^BadTarget exclusions\[0\]\.header: .* letters, digits and _ \. -$/,
  ])
  t.match(refusals({ release, exclusions: [{ ...header, header: 'X-Other' }] }), [
    /^LooksElsewhere exclusions\[0\]\.header: rule 942100 begins with .*REQUEST_HEADERS/,
  ])
  t.end()
})

t.test('compile() turns a tag into the loaded rules that detect, look there and bear it', (t) => {
  const tag = { tag: 'attack-sqli', path: '/q', parameter: 'sql', reason: 'an SQL console' }
  const ids = (paranoiaLevel: number) =>
    new Set(actions([tag], { setup: { ...SETUP, paranoiaLevel } }).map((action) => Number(/\d+/.exec(action)![0])))
  const [one, two] = [ids(1), ids(2)]
  t.ok(one.has(942100) && one.has(942190))
  t.notOk(one.has(942120))
  t.ok(two.has(942120))
  t.ok([...two].every((id) => id >= 942000 && id < 943000))
  t.notOk(
    textIn(compiled({ release, exclusions: [tag], permit: { tags: true, wholeRules: false } }), FILE).includes(
      'attack-sqli',
    ),
  )
  t.end()
})

t.test('compile() writes one rule for a path, its ids in the order of the paths', (t) => {
  const text = textIn(
    compiled({
      release,
      exclusions: [
        exclusion({ path: '/b' }),
        exclusion({ path: '/a' }),
        exclusion({ path: '/%62', rule: 941100 }),
        exclusion({ path: '/b' }),
      ],
    }),
    FILE,
  )
  t.strictSame(
    [...text.matchAll(/^SecRule \S+ "@rx ([^"]+)" \\\n\s+"id:(\d+)/gm)].map((hit) => [hit[1], hit[2]]),
    [
      [String.raw`\A/a(?:\?|\z)`, '501000'],
      [String.raw`\A/b(?:\?|\z)`, '501001'],
    ],
  )
  t.equal(text.match(/;ARGS:text/g)!.length, 3)
  t.end()
})

t.test('compile() leaves an exclusion out from the instant it expires, and says when the next one does', (t) => {
  const exclusions = [
    exclusion({ expires: '2027-03-01T00:00:00Z' }),
    exclusion({ parameter: 'title', expires: '2027-02-01T09:00:00+09:00' }),
    exclusion({ parameter: 'body' }),
  ]
  const at = (now: string) => {
    const content = compiled({ release, exclusions, now: Date.parse(now) })
    const { nextExpiry, notes } = content.outcome
    return {
      names: [...textIn(content, FILE).matchAll(/;ARGS:(\w+)/g)].map((hit) => hit[1]),
      next: nextExpiry === undefined ? undefined : new Date(nextExpiry).toISOString(),
      expired: notes.filter(({ code }) => code === 'Expired').map(({ where }) => where),
    }
  }
  t.strictSame(at('2027-01-01T00:00:00Z'), {
    names: ['body', 'text', 'title'],
    next: '2027-02-01T00:00:00.000Z',
    expired: [],
  })
  t.strictSame(at('2027-01-31T23:59:59Z').names, ['body', 'text', 'title'])
  t.strictSame(at('2027-02-01T00:00:00Z'), {
    names: ['body', 'text'],
    next: '2027-03-01T00:00:00.000Z',
    expired: ['exclusions[1]'],
  })
  t.strictSame(at('2028-01-01T00:00:00Z'), {
    names: ['body'],
    next: undefined,
    expired: ['exclusions[0]', 'exclusions[1]'],
  })
  t.end()
})

t.test('compile() tells of an exclusion for a rule that is not loaded, and makes nothing of it', (t) => {
  const content = compiled({ release, exclusions: [exclusion({ rule: 942120 })] })
  t.notOk(content.files.has(FILE))
  t.match(content.outcome.notes, [
    { code: 'NotLoaded', where: 'exclusions[0].rule', message: /^rule 942120 is not loaded with this setup/ },
  ])
  t.end()
})

t.test('compile() takes whole rules and tags out only where the platform permits it', (t) => {
  const whole = { rule: 942100, path: '/q', reason: 'x' }
  const tag = { tag: 'attack-sqli', path: '/q', parameter: 'q', reason: 'x' }
  t.match(refusals({ release, exclusions: [whole, tag] }), [
    /^TooWide exclusions\[0\]: it needs a parameter/,
    /^TooWide exclusions\[1\]\.tag: exclusions by tag/,
  ])
  t.strictSame(actions([whole]), ['ruleRemoveById=942100'])
  t.end()
})

const WRONG: [string, Partial<Exclusion>, RegExp][] = [
  ['neither rule nor tag', { rule: undefined as never }, /^BadExclusion exclusions\[0\]: it needs one of rule and tag/],
  ['rule and tag', { tag: 'attack-sqli' }, /^BadExclusion exclusions\[0\]: it needs one of rule and tag/],
  ['parameter and cookie', { cookie: 'a' }, /^BadExclusion exclusions\[0\]: it names more than one/],
  ['an empty reason', { reason: ' ' }, /^BadExclusion exclusions\[0\]\.reason/],
  ['a date without time', { expires: '2027-01-01' }, /^BadExclusion exclusions\[0\]\.expires: a time such as/],
  ['a time without zone', { expires: '2027-01-01T00:00:00' }, /\.expires/],
  ['a month 13', { expires: '2027-13-01T00:00:00Z' }, /\.expires/],
  ['a rule that decides', { rule: 949110 }, /^TooWide exclusions\[0\]\.rule: rule 949110 cannot be excluded/],
  ['a rule that sets up', { rule: 901120 }, /^TooWide/],
  ['a rule of the namespace', { rule: 100001 }, /^TooWide/],
  [
    'a rule that does not exist',
    { rule: 942999 },
    /^UnknownRule exclusions\[0\]\.rule: rule 942999 does not exist in 4\.25\.0/,
  ],
  ['a rule that is no number', { rule: Number.NaN }, /^BadExclusion exclusions\[0\]\.rule/],
  [
    'a rule that looks elsewhere',
    { rule: 920270, parameter: undefined as never, cookie: 'x' },
    /^LooksElsewhere exclusions\[0\]\.cookie: rule 920270 begins with /,
  ],
  [
    'a parameter of a rule that looks at it only in its chain',
    { rule: 920380 },
    /^LooksElsewhere exclusions\[0\]\.parameter: rule 920380 begins with TX, not with the parameter 'text'/,
  ],
]
for (const [what, change, expected] of WRONG)
  t.test(`compile() refuses an exclusion with ${what}`, (t) => {
    t.match(refusals({ release, exclusions: [exclusion(change)] })[0], expected)
    t.end()
  })

t.test('compile() refuses more exclusions than a person can have read', (t) => {
  const exclusions = Array.from({ length: 1001 }, (_, i) => exclusion({ path: `/${i}` }))
  t.match(refusals({ release, exclusions }), [/^TooWide exclusions: 1001 exclusions: at most 1000/])
  t.end()
})
