import t from 'tap'
import { difference } from '../../../src/rules/compile/diff.ts'
import { catalogue } from '../../../src/rules/language/catalogue.ts'
import { parse } from '../../../src/rules/language/parse.ts'
import { realRelease } from './support.ts'

const set = (text: string) => catalogue([{ name: 'a.conf', nodes: parse(text, 'a.conf').nodes }])
const RULE = `SecRule ARGS "@rx a" "id:942100,phase:2,block,msg:'SQL',ver:'OWASP_CRS/4.22.0',tag:'x'"\n`
const CASES: [string, string, string, object][] = [
  [
    'nothing for another version or other spaces',
    RULE,
    RULE.replace('4.22.0', '4.25.0').replace(' "@rx', '   \\\n  "@rx'),
    { added: [], removed: [], changed: [] },
  ],
  [
    'a rule more',
    RULE,
    `${RULE}SecAction "id:942101,phase:1,pass"\n`,
    { added: [{ id: 942101, message: undefined }], removed: [], changed: [] },
  ],
  ['a rule less', RULE, '', { added: [], removed: [{ id: 942100, message: 'SQL' }], changed: [] }],
  ['another pattern', RULE, RULE.replace('@rx a', '@rx b'), { changed: [{ id: 942100, parts: ['operator'] }] }],
  [
    'another variable and tag',
    RULE,
    RULE.replace('ARGS', 'ARGS|FILES').replace("tag:'x'", "tag:'y'"),
    { changed: [{ parts: ['variables', 'tag'] }] },
  ],
  ['an action less', RULE, RULE.replace(",tag:'x'", ''), { changed: [{ parts: ['tag'] }] }],
  [
    'a chained rule more',
    RULE,
    `${RULE.replace('block', 'block,chain')}SecRule ARGS "@rx b"\n\n`,
    { changed: [{ parts: ['variables', 'operator', 'chain'] }] },
  ],
]
for (const [what, before, after, expected] of CASES)
  t.test(`difference() tells ${what}`, (t) => {
    t.match(difference(set(before), set(after)), expected)
    t.end()
  })

t.test('difference() of two real releases tells some of each, and the other way round the reverse', async (t) => {
  const [old, young] = await Promise.all([realRelease('4.22.0'), realRelease('4.25.0')])
  const forth = difference(old.catalogue, young.catalogue)
  const back = difference(young.catalogue, old.catalogue)
  t.ok(forth.added.length > 0 && forth.changed.length > 0)
  t.strictSame(back.added, forth.removed)
  t.strictSame(
    back.changed.map(({ id }) => id),
    forth.changed.map(({ id }) => id),
  )
})
