/**
 * Reloads on the real image: Suricata answers `OK` to each. Spoilt ones, doubled ones, the agent killed and Suricata started anew in the middle: a
 * good set ends up active, proven, and detects.
 */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { eventually } from '../wire.ts'
import { archiveOf, readState, rulesFrom, startAgentStation } from './agent-station.ts'
import { beginWithGoodSet } from './good-set.ts'

const station = await startAgentStation({ rules: { from: 'none' } })
t.teardown(() => station.close())
// Where Suricata is started anew meanwhile, it does not answer for a while, and what was seen before is still told.
const { serve, base, goodDetects } = beginWithGoodSet(t, station, async (t, rules) => {
  let counts: Awaited<ReturnType<typeof station.counts>> | undefined
  await eventually(
    async () => {
      counts = await station.counts().catch(() => undefined)
      return counts?.rules_loaded === rules ? true : undefined
    },
    () => `Suricata has ${JSON.stringify(counts)}, not ${rules} rules`,
  )
  t.equal(counts?.rules_failed, 0)
})

let next = 30
const FULL = process.env['SEKISHO_TEST_FULL'] === '1'
for (const how of FULL ? ['empty', 'comments', 'garbage', 'missing', 'directory'] : ['empty', 'garbage', 'missing'])
  t.test(
    `startAgentRules() puts the good set back where a reload is answered OK and the file was: ${how}`,
    async (t) => {
      const rules = next++
      station.sabotage(how)
      await station.startAgent({ limits: { reloadMs: 5000, againMs: 1000 } })
      serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
      const note = await station.event('RulesTakenBack', /was not seen to run/)
      t.match(note, /Suricata has \d+ rules and \d+ failed|Suricata has not loaded it yet/)
      // What passes is tried again, and taken.
      await goodDetects(t, 2_100_000 + rules - 1, rules)
    },
  )

t.test('startAgentRules() asks again where a reload is answered OK and lost', async (t) => {
  const rules = next++
  station.sabotage('swallow')
  await station.startAgent({ limits: { reloadMs: 9000, againMs: 2000 } })
  serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
  await goodDetects(t, 2_100_000 + rules - 1, rules)
  t.ok(station.said().some(({ sabotage }) => sabotage === 'swallow'))
  t.notOk(station.said().some(({ event }) => event === 'RulesTakenBack'))
})

t.test('startAgentRules() says unverified where the good set does not come back either, and mends it', async (t) => {
  const rules = next++
  station.sabotage('empty', 'comments', 'missing')
  await station.startAgent({ limits: { reloadMs: 5000, againMs: 1000 } })
  serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
  await station.event('RulesUnverified', /neither/)
  t.ok(station.said().some(({ state }) => state?.reload === 'unverified' && state.detail !== ''))
  await goodDetects(t, 2_100_000 + rules - 1, rules)
})

t.test('startAgentRules() asks again where another reload is under way', async (t) => {
  const rules = next++
  station.sabotage('busy', 'busy')
  serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
  await goodDetects(t, 2_100_000 + rules - 1, rules)
  t.notOk(station.said().some(({ event, note }) => event === 'RulesTakenBack' && note!.includes(`${base() + rules} `)))
})

t.test('startAgentRules() killed at any moment of a change: one of both sets runs, and is proven', async (t) => {
  let rules = next
  for (let round = 0; round < (FULL ? 6 : 4); round++) {
    rules = next++
    if (round % 3 === 0) station.sabotage('die')
    serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
    await sleep(round * 400)
    if (round % 3 === 0) await station.agent().exited
    else await station.killAgent()
    await station.startAgent({})
    const state = await station.until(({ reload }) => reload === 'verified', 'verified')
    t.equal((await station.counts()).rules_loaded, state.expected)
  }
  await goodDetects(t, 2_100_000 + rules - 1, rules)
  const sets = readdirSync(join(station.runFolder, 'rules/sets')).filter((name) => name !== 'baseline')
  t.ok(sets.length <= 2, `${sets} are kept`)
})

t.test('startAgentRules() begins anew with an unreadable state.json, and with what is active', async (t) => {
  const rules = next - 1
  await station.killAgent('SIGTERM')
  writeFileSync(join(station.stateFolder, 'state.json'), '{"v":1,"good":')
  station.upstream.faults.push([/./, (_, response) => response.destroy()])
  await station.startAgent({})
  await station.event('SourceRefused', /^(Unreachable|ConnectionCut)/)
  await sleep(3000)
  await goodDetects(t, 2_100_001, rules)
  station.upstream.faults.pop()
  await eventually(
    async () => (readState(station.stateFolder).good.archive === '' ? undefined : true),
    () => 'not fetched again',
  )
  t.equal(readState(station.stateFolder).good.rules, rules)
})

t.test('startAgentRules() holds to the good set while Suricata is started anew during a change', async (t) => {
  const rules = next++
  const start = station.file('interfaces').split('\n')[0]
  serve(archiveOf({ 'a.rules': rulesFrom(2_100_000, rules) }))
  await station.node.run('sh', '-c', 'ip link add br7 type bridge; ip link set br7 up')
  await eventually(
    async () => (station.file('interfaces').split('\n')[0] !== start ? true : undefined),
    () => 'Suricata was not started anew',
  )
  await goodDetects(t, 2_100_000 + rules - 1, rules)
})

t.test(
  'startAgentRules() goes back to the rules of the image where its sets are gone, and makes them anew',
  async (t) => {
    const rules = next - 1
    await station.killAgent('SIGTERM')
    rmSync(join(station.runFolder, 'rules'), { recursive: true })
    await station.startAgent({})
    await goodDetects(t, 2_100_002, rules)
    t.ok(existsSync(join(station.runFolder, 'rules/sets/baseline/suricata.rules')))
  },
)
