/**
 * Rules from an archive, on the real image. Each untruth that Suricata and suricata-update are known for: what the agent says of it, and that
 * what was in use before still detects.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { archiveOf, rulesFrom, startAgentStation } from './agent-station.ts'
import { beginWithGoodSet, GOOD } from './good-set.ts'

const station = await startAgentStation({ rules: { from: 'none' } })
t.teardown(() => station.close())
const { serve, goodDetects } = beginWithGoodSet(t, station, async (t, rules) => {
  t.match(await station.counts(), { rules_loaded: rules, rules_failed: 0 })
})

const sources: Record<string, { bytes: Uint8Array; event: string; note: RegExp }> = {
  '200 with a web page': {
    bytes: Buffer.from('<!doctype html><title>404</title>'),
    event: 'SourceRefused',
    note: /^HtmlInsteadOfArchive: /,
  },
  'an archive that ends too early': {
    bytes: GOOD.subarray(0, GOOD.length - 60),
    event: 'SourceRefused',
    note: /^Truncated: /,
  },
  'an archive without a file of rules': {
    bytes: archiveOf({ 'classification.config': 'config classification: a,b,1\n' }),
    event: 'SourceRefused',
    note: /^MissingFiles: /,
  },
  'an archive of comments': {
    bytes: archiveOf({ 'a.rules': rulesFrom(2_100_000, 40).replaceAll(/^/gm, '#') }),
    event: 'SourceRefused',
    note: /^TooFewRules: .*: 0 rules are in it/,
  },
  'half of the rules': {
    bytes: archiveOf({ 'a.rules': rulesFrom(2_100_000, 10) }),
    event: 'RulesRefused',
    note: /^ShrunkTooMuch: The set has 10 active rules, the one in use 20: at least 16 are wanted/,
  },
  'fewer rules than the minimum': {
    bytes: archiveOf({ 'a.rules': rulesFrom(2_100_000, 4) }),
    event: 'RulesRefused',
    note: /^TooFewRules: The set has 4 active rules, at least 5 are wanted/,
  },
  'a rule that Suricata does not take': {
    bytes: archiveOf({
      'a.rules': `${rulesFrom(2_100_000, 25)}alert tcp any any -> any any (msg:"x"; nosuch:1; sid:2100099; rev:1;)\n`,
    }),
    event: 'RulesRefused',
    note: /^EngineRefused: 1 rules are refused; the first: .*nosuch.*sid:2100099/,
  },
}
for (const [what, { bytes, event, note }] of Object.entries(sources))
  t.test(`startAgentRules() tells of ${what}, and what was in use stays`, async (t) => {
    const { confirmedAt } = await goodDetects(t)
    serve(bytes)
    await station.event(event, note)
    const state = await goodDetects(t)
    await sleep(2000)
    t.ok(station.state()!.confirmedAt - confirmedAt < 2000, 'what is refused confirms nothing')
    t.equal(state.fetched, true)
    serve(GOOD)
    await station.until((now) => now.confirmedAt > state.confirmedAt + 1000, 'confirmed again')
  })
