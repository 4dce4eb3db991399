/**
 * The tables and the judge against Suricata itself: every keyword, protocol and action that we know it knows, and none besides; what it refuses of
 * our mistakes, and that what we take it takes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { judgeIdsRules } from '../../../src/ids/language/judge.ts'
import { ACTIONS, PROTOCOLS } from '../../../src/ids/language/tables/header.ts'
import { KEYWORDS, PRINTED_KEYWORDS } from '../../../src/ids/language/tables/keywords.ts'
import { temporaryDirectory } from '../../admission/support.ts'
import { ensureRootfs, runImage } from '../../images/run.ts'
import { RULE_MISTAKES, rule } from './mistakes.ts'

const YAML = `%YAML 1.1
---
logging: {default-log-level: error, outputs: [{console: {enabled: yes}}]}
outputs: []
vars: {address-groups: {HOME_NET: "[10.0.0.0/8]", EXTERNAL_NET: any}}
`
const work = temporaryDirectory(t)
mkdirSync(work, { recursive: true })
let runs = 0
const suricata = async (args: readonly string[], folder?: string) => {
  const { stdout, stderr } = await runImage('sekisho-ids', {
    command: ['/usr/bin/suricata', ...args],
    ...(folder !== undefined && { binds: [{ source: folder, target: '/etc/lab' }] }),
    tmpfs: [
      { target: '/tmp', sizeBytes: 64 << 20 },
      { target: '/run/suricata', sizeBytes: 1 << 20 },
    ],
    memoryBytes: 512 << 20,
  })
  return `${stdout}\n${stderr}`
}
/** What the engine says of each rule, by its line; nothing of those that it takes. */
const test = async (rules: readonly string[]): Promise<ReadonlyMap<number, string>> => {
  const folder = join(work, String(runs++))
  mkdirSync(folder, { mode: 0o755 })
  writeFileSync(join(folder, 'lab.yaml'), YAML)
  writeFileSync(join(folder, 'lab.rules'), `${rules.join('\n')}\n`)
  const said = await suricata(['-T', '-c', '/etc/lab/lab.yaml', '-S', '/etc/lab/lab.rules', '-l', '/tmp'], folder)
  const found = new Map<number, string>()
  let before = ''
  for (const line of said.split('\n')) {
    const at = /from file \/etc\/lab\/lab\.rules at line (\d+)/.exec(line)?.[1]
    if (at !== undefined) found.set(Number(at) - 1, before)
    before = line
  }
  if (!/lab\.rules|Configuration provided was successfully loaded|^\s*$/.test(said))
    throw new Error(said.slice(0, 2000))
  return found
}
/** Those of `words` that the engine knows in the place that `make` gives them. */
const known = async (words: readonly string[], make: (word: string, i: number) => string, unknown: RegExp) => {
  const said = await test(words.map(make))
  return words.filter((_, i) => !unknown.test(said.get(i) ?? ''))
}

t.test('PRINTED_KEYWORDS are those that suricata --list-keywords prints', async (t) => {
  const listed = (await suricata(['--list-keywords=csv']))
    .split('\n')
    .map((line) => line.split(';')[0]!.trim())
    .filter((name, i, all) => /^[a-z0-9_.-]+$/.test(name) && all.indexOf(name) === i && name !== 'name')
    // Examples for whoever writes a keyword.
    .filter((name) => !/^template2?$/.test(name))
  t.ok(listed.length > 350, `${listed.length} keywords`)
  t.strictSame([...PRINTED_KEYWORDS].toSorted(), listed.toSorted())
})

t.test('KEYWORDS, PROTOCOLS and ACTIONS are known to the engine, and no other word in its program is', async (t) => {
  const { rootfs } = await ensureRootfs('sekisho-ids', (line) => t.comment(line))
  const program = readFileSync(join(rootfs, 'usr/bin/suricata')).toString('latin1')
  const words = new Set(program.match(/[a-z][a-z0-9_.-]{1,27}(?![a-z0-9_.-])/g))
  t.ok(words.size > 10_000, `${words.size} words`)
  const all = [...new Set([...words, ...KEYWORDS, ...PROTOCOLS, ...Object.keys(ACTIONS)])].filter(
    // Names for examples; and those of protocols that our configuration leaves off.
    (word) => !/^template2?$/.test(word),
  )
  const sid = (i: number) => 1_001_000 + i
  const keywords = await known(
    all,
    (word, i) => `alert tcp any any -> any any (msg:"a"; ${word}; sid:${sid(i)};)`,
    /unknown rule keyword/,
  )
  t.strictSame(keywords.toSorted(), [...KEYWORDS].toSorted())
  const protocols = await known(
    all,
    (word, i) => `alert ${word} any any -> any any (msg:"a"; sid:${sid(i)};)`,
    /cannot be used in a signature/,
  )
  t.strictSame(protocols.toSorted(), PROTOCOLS.toSorted())
  const actions = await known(
    all,
    (word, i) => `${word} tcp any any -> any any (msg:"a"; sid:${sid(i)};)`,
    /invalid action|only supported for firewall/,
  )
  t.strictSame(actions.toSorted(), Object.keys(ACTIONS).toSorted())
})

t.test('the engine refuses what the table says, and takes the rest: only we refuse that', async (t) => {
  // A `sid` a line: else it would tell of doubled ones.
  const own = (text: string, i: number) => text.replace(/sid:1001000\b/, `sid:${1_100_000 + i}`)
  const said = await test(RULE_MISTAKES.map(({ text }, i) => own(text, i)))
  for (const [i, { text, engineTakes = false }] of RULE_MISTAKES.entries())
    t.equal(!said.has(i), engineTakes, `${text} ${said.get(i) ?? ''}`)
})

t.test('what we take, the engine takes', async (t) => {
  const rules = [
    rule('', 'alert tcp [1.1.1.0/24, !1.1.1.1] [80:82,!81] <> ![10.0.0.0/8,$HOME_NET] any'),
    rule('content:"a \\; b \\" \\\\"; nocase;'),
    rule('', 'alert http1:request_complete any any -> any any'),
    rule('pcre:"/a(b|c)\\;/i"; flowbits:set,noalerts;'),
    rule('dns.query; dataset:isset,names, type string, memcap 10mb;', 'alert dns any any -> any any'),
    rule('tls_sni; content:"x";', 'alert tls any any -> any any'),
  ].map((text, i) => text.replace('1001000', String(1_001_000 + i)))
  t.strictSame(judgeIdsRules({ files: [{ name: 'a.rules', text: rules.join('\n') }], allow: [] }).problems, [])
  t.strictSame([...(await test(rules))], [])
})
