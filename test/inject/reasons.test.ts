/** docs/reference: inject-reasons.md shows the table of reasons as it is, labels.md every name. `UPDATE_GOLDENS=1` writes the table anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import tap from 'tap'
import {
  ANNOTATION,
  CONTAINER,
  CUSTOM_RULES_CONFIGMAP,
  LABEL,
  VOLUME,
  WAF_FIRST_PORT,
  WAF_HEALTH_PORT,
  WAF_MAX_PORTS,
} from '../../src/api/names.ts'
import { kindOf, note, sentence, shown, wordsOf } from '../../src/inject/note.ts'
import { REASONS, type Reason, type ReasonCode } from '../../src/inject/reasons.ts'
import { podSubject } from '../../src/inject/subject.ts'
import { podWith } from './fixtures.ts'

const PAGE = new URL('../../docs/reference/inject-reasons.md', import.meta.url)
const LABELS = new URL('../../docs/reference/labels.md', import.meta.url)

const cell = (text: string) => (text === '' ? '–' : text.replaceAll('|', '\\|').replaceAll(/\{(\w+)\}/g, '*$1*'))
const rows = Object.entries(REASONS as Record<string, Reason>).map(
  ([code, { kind, what, why, mend }]) => `| \`${code}\` | ${kind} | ${cell(what)} | ${cell(why)} | ${cell(mend)} |`,
)
const table = ['| reason | kind | what | why | what mends it |', '|---|---|---|---|---|', ...rows]

tap.test('REASONS is what docs/reference/inject-reasons.md shows', async (t) => {
  const isTable = (line: string) => /^\| (reason \||`[A-Z])|^\|---\|---\|---\|---\|---\|/.test(line)
  if (process.env['UPDATE_GOLDENS'] === '1') {
    const lines = readFileSync(PAGE, 'utf8').split('\n')
    const first = lines.findIndex(isTable)
    const rest = lines.filter((line) => !isTable(line))
    writeFileSync(PAGE, [...rest.slice(0, first), ...table, ...rest.slice(first)].join('\n'))
  }
  t.same(readFileSync(PAGE, 'utf8').split('\n').filter(isTable), table)
})

tap.test('REASONS say what, and unless nothing has to be mended why and what mends it', async (t) => {
  for (const [code, { kind, what, why, mend }] of Object.entries(REASONS as Record<string, Reason>)) {
    t.equal(mend !== '' && why !== '', kind !== 'done', code)
    t.notMatch(`${what}${why}${mend}`, /\n|\.$/, `${code} is one line, without a full stop`)
  }
})

tap.test('labels.md names every label, annotation, container, volume and port of ours', async (t) => {
  const text = readFileSync(LABELS, 'utf8')
  const names = [LABEL, ANNOTATION, CONTAINER, VOLUME].flatMap((it) => Object.values<string>(it))
  for (const name of [...names, CUSTOM_RULES_CONFIGMAP, String(WAF_HEALTH_PORT)]) t.ok(text.includes(name), name)
  t.ok(text.includes(`${WAF_FIRST_PORT} to ${WAF_FIRST_PORT + WAF_MAX_PORTS - 1}`), 'the listeners')
  const known = new Set(names)
  for (const [key] of text.matchAll(/sekisho\.dev\/[a-z-]+/g)) t.ok(known.has(key), `${key} exists`)
})

tap.test('shown() makes one short printable line of any text', async (t) => {
  t.equal(shown('a\u001b[31m\nb\u2028c\u202ed'), 'a?[31m?b?c?d')
  t.equal([...shown('x'.repeat(500))].length, 120)
  t.equal(shown('関所'), '関所')
})

tap.test('wordsOf() leaves no placeholder, and throws where a value is missing', async (t) => {
  const words = wordsOf(
    note('PortClash', { container: 'web', port: 1, taken: 2 }),
    podSubject(podWith(), 'shop'),
    'is refused',
  )
  t.equal(words.what, 'Pod shop/web is refused: its container web uses port 1')
  t.throws(() => sentence(note('PortClash')), /'container' has no value/)
  t.equal(kindOf(note('PortClash')), 'obstacle')
  const code: ReasonCode = 'UnknownMode'
  t.equal(
    sentence(note(code, { value: '{value}' })),
    'its label sekisho.dev/waf is {value}',
    'a value is never a template',
  )
})
