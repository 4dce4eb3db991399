/** Rules from an archive, on the real image: each untruth that Suricata and suricata-update are known for, and what is in use afterwards. */
import t from 'tap'
import { ARCHIVE_PATH, archiveOf, rulesFrom, startAgentStation } from './agent-station.ts'

const station = await startAgentStation({ rules: { from: 'none' } })
t.teardown(() => station.close())
const { upstream } = station

t.test('startAgentRules() is verified with the rules of the image before anything is fetched', async (t) => {
  const state = await station.until(({ reload }) => reload === 'verified', 'verified')
  t.equal(state.set, 'baseline')
  const { rules_loaded } = await station.counts()
  t.equal(state.expected, rules_loaded)
  t.equal(state.measured, false)
})

t.test('startAgentRules() takes an archive into use, and its rules detect', async (t) => {
  upstream.files.set(ARCHIVE_PATH, archiveOf({ 'a.rules': rulesFrom(2_100_000, 20) }))
  const base = (await station.counts()).rules_loaded
  await station.startAgent({})
  const note = await station.event('RulesChanged', /20 rules beside those of the image/)
  t.match(note, /before it baseline/)
  const state = await station.until(({ set, reload }) => set !== 'baseline' && reload === 'verified', 'verified')
  t.equal(state.expected, base + 20)
  t.same(await station.counts(), { id: 0, rules_loaded: base + 20, rules_failed: 0, rules_skipped: 0 })
  await station.detects('word-2100003-end', 2_100_003)
})
