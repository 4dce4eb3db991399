/** What both files about the rule pipeline on the real image begin with: nothing fetched yet, then a good archive in use that detects. */
import type { Test } from 'tap'
import { type AgentStation, ARCHIVE_PATH, archiveOf, rulesFrom } from './agent-station.ts'

/** The archive that is in use, with its first rule. */
export const GOOD = archiveOf({ 'a.rules': rulesFrom(2_100_000, 20) })

export interface GoodSet {
  serve(bytes: Uint8Array): void
  /** How many rules the image has; 0 until the first test ran. */
  base(): number
  /** A set of so many rules, `GOOD` if nothing is said, runs, as Suricata itself says and as an attack shows. */
  goodDetects(t: Test, word?: number, rules?: number): ReturnType<AgentStation['until']>
}

/**
 * Registers the first two tests.
 * @param counted holds that Suricata has so many rules, and none failed
 */
export function beginWithGoodSet(
  t: Test,
  station: AgentStation,
  counted: (t: Test, rules: number) => Promise<void>,
): GoodSet {
  const { upstream } = station
  let base = 0
  const serve = (bytes: Uint8Array) => void upstream.files.set(ARCHIVE_PATH, bytes)
  const goodDetects = async (t: Test, word = 2_100_003, rules = 20) => {
    const state = await station.until(
      ({ reload, expected }) => reload === 'verified' && expected === base + rules,
      'good',
    )
    await counted(t, base + rules)
    await station.detects(`word-${word}-end`, word)
    return state
  }

  t.test('startAgentRules() is verified with the rules of the image before anything is fetched', async (t) => {
    const state = await station.until(({ reload }) => reload === 'verified', 'verified')
    t.equal(state.set, 'baseline')
    base = (await station.counts()).rules_loaded
    t.equal(state.expected, base)
    t.equal(state.measured, false)
  })

  t.test('startAgentRules() takes an archive into use, and its rules detect', async (t) => {
    serve(GOOD)
    await station.startAgent({})
    t.match(await station.event('RulesChanged', /20 rules beside those of the image/), /before it baseline/)
    const { confirmedAt } = await goodDetects(t)
    await station.until((state) => state.confirmedAt > confirmedAt, 'confirmed once more by a 304')
    t.ok(upstream.requests.some((line) => line.endsWith(' 304')))
  })

  return { serve, base: () => base, goodDetects }
}
