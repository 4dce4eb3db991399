/** brokenRegex() says of each pattern what the engine's own PCRE2 says. */
import t from 'tap'
import { parse } from '../../../src/rules/language/parse.ts'
import { brokenRegex, compiledSize } from '../../../src/rules/language/pcre/compile.ts'
import { coreRuleSet } from './crs.ts'
import { startEngine } from './engine.ts'
import { PATTERNS, PIECES, REFUSED_ON_PURPOSE } from './patterns.ts'

const MUTATIONS = process.env['SEKISHO_TEST_FULL'] === '1' ? 500_000 : 20_000
const engine = await startEngine()
t.teardown(() => engine.stop())
t.comment(`PCRE2 ${engine.pcreVersion}`)

const { files } = await coreRuleSet()
const core = files.flatMap(({ name, text }) =>
  parse(text, name).nodes.flatMap((node) =>
    node.kind === 'rule' && node.operator.name === 'rx' ? [node.operator.argument] : [],
  ),
)

/** The patterns of which the two say otherwise. */
async function disagreements(patterns: readonly string[]): Promise<string[]> {
  const real = await engine.compile(patterns)
  return patterns.flatMap((pattern, i) => {
    const broken = brokenRegex(pattern)
    const { ok, message } = real[i]!
    return ok === (broken === undefined)
      ? []
      : [`${JSON.stringify(pattern)}: PCRE2 says ${ok ? 'sound' : message}, we say ${broken?.message ?? 'sound'}`]
  })
}

t.test('brokenRegex() agrees with PCRE2 on a table of corners', async (t) => {
  t.strictSame(await disagreements(PATTERNS), [])
  const real = await engine.compile(PATTERNS)
  t.ok(real.filter(({ ok }) => !ok).length > 100)
})

t.test('brokenRegex() gives the reason that PCRE2 gives', async (t) => {
  const real = await engine.compile(PATTERNS)
  const other = PATTERNS.filter((pattern, i) => !real[i]!.ok && brokenRegex(pattern)?.message !== real[i]!.message)
  t.ok(other.length < PATTERNS.length / 20, other.join('  '))
})

t.test('brokenRegex() refuses on purpose only what is listed', async (t) => {
  for (const pattern of REFUSED_ON_PURPOSE) t.ok(brokenRegex(pattern), pattern)
  for (const { ok } of await engine.compile(REFUSED_ON_PURPOSE)) t.ok(ok)
})

t.test('brokenRegex() agrees with PCRE2 on every pattern of the Core Rule Set', async (t) => {
  t.ok(core.length > 200)
  t.strictSame(await disagreements(core), [])
  const real = await engine.compile(core)
  t.strictSame(
    real.filter(({ ok }) => !ok),
    [],
  )
})

t.test('compiledSize() is never less than PCRE2 needs by more than a tenth, nor twice of it', async (t) => {
  const large = core.filter((pattern) => compiledSize(pattern) > 500)
  const real = await engine.compile(large)
  t.ok(large.length > 20)
  for (const [i, pattern] of large.entries()) {
    const ratio = compiledSize(pattern) / real[i]!.size
    t.ok(ratio > 0.9 && ratio < 2, `${ratio.toFixed(2)} for ${pattern.slice(0, 60)}`)
  }
})

t.test(`brokenRegex() agrees with PCRE2 on ${MUTATIONS} patterns made at random`, async (t) => {
  // A generator of our own: the same patterns each time, and none of them so long that the run is about length.
  let state = Number(process.env['SEKISHO_SEED'] ?? 1)
  const below = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * limit)
  }
  const pool = [...PATTERNS.filter(({ length }) => length < 400), ...core.filter(({ length }) => length < 400)]
  const piece = (): string => PIECES[below(PIECES.length)]!
  const patterns = Array.from({ length: MUTATIONS }, () => {
    if (below(3) === 0) return Array.from({ length: below(8) + 1 }, piece).join('')
    let pattern = pool[below(pool.length)]!
    for (let edits = below(3) + 1; edits > 0; edits--) {
      const at = below(pattern.length + 1)
      pattern = pattern.slice(0, at) + (below(2) ? piece() + pattern.slice(at) : pattern.slice(at + 1 + below(2)))
    }
    return pattern
  })
  const found = (await disagreements(patterns)).filter(
    (line) =>
      !/PCRE2 says sound, we say (?:length of lookbehind|\(\*VERB\)|unrecognized character after \(\?)/.test(line),
  )
  t.strictSame(found.slice(0, 20), [])
  const sound = patterns.filter((pattern) => brokenRegex(pattern) === undefined).length
  t.ok(sound > MUTATIONS / 10 && sound < MUTATIONS * 0.9, `${sound} are sound`)
})
