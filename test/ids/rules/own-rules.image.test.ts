/** Rules and filters of ConfigMaps, by a real API server, to the real Suricata: taken, refused, taken back, deleted. */
import t from 'tap'
import { startCluster } from '../../cluster/start.ts'
import { ARCHIVE_PATH, archiveOf, rulesFrom, startAgentStation } from './agent-station.ts'

const cluster = await startCluster({ size: 'control-plane', name: `ids-rules-${process.pid}` })
t.teardown(() => cluster.stop())
await cluster.createNamespace('sekisho-node')
await cluster.createNamespace('shop')
const station = await startAgentStation({ rules: { from: 'none' }, kubeconfig: cluster.kubeconfig })
t.teardown(() => station.close())

const own = (word: string, sid: number) =>
  `alert tcp any any -> any any (msg:"${word}"; content:"${word}"; sid:${sid}; rev:1;)\n`
const apply = async (name: string, data: Record<string, string>, namespace = 'sekisho-node') => {
  const labels = { 'sekisho.dev/rules': 'ids' }
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const body = { metadata: { name, labels }, data }
  const made = await cluster.api('POST', path, body)
  if (made.status === 409) await cluster.api('PUT', `${path}/${name}`, body)
}
const runs = (rules: number) =>
  station.until(({ reload, expected }) => reload === 'verified' && expected === base + rules, `${rules} rules`)
let base = 0

t.test('startAgentRules() takes rules of ConfigMaps of the IDS namespace into use, and of no other', async (t) => {
  await station.until(({ reload }) => reload === 'verified', 'verified')
  base = (await station.counts()).rules_loaded
  await apply('tenant', { 'a.rules': own('tenant-word', 1_002_000) }, 'shop')
  await apply('web', { 'a.rules': own('first-word', 1_001_000), 'notes.txt': 'not read' })
  const state = await runs(1)
  t.equal(state.fetched, false)
  t.match(await station.counts(), { rules_loaded: base + 1, rules_failed: 0 })
  await station.detects('first-word', 1_001_000)
})

t.test('startAgentRules() leaves a file with a mistake out as a whole; its last good version stays', async (t) => {
  await apply('web', {
    'a.rules': `${own('second-word', 1_001_001)}${own('x', 1_001_002).replace('content', 'contnet')}`,
  })
  const note = await station.event('RulesRefused', /^FileRefused: web\/a\.rules:2: /)
  t.match(note, /contnet.*its last good version stays/)
  await apply('more', { 'b.rules': own('third-word', 1_001_003) })
  await runs(2)
  await station.detects('first-word', 1_001_000)
  await station.detects('third-word', 1_001_003)
})

t.test('startAgentRules() keeps the last good version through a restart of the agent', async () => {
  await station.killAgent()
  await station.startAgent()
  await runs(2)
  await station.detects('first-word', 1_001_000)
})

t.test('startAgentRules() takes the other files although Suricata refuses a rule that looks right', async (t) => {
  // Two contents that contradict each other: only the engine knows.
  const bad = `alert tcp any any -> any any (msg:"x"; content:"abc"; depth:2; sid:1001009; rev:1;)\n`
  await apply('web', { 'a.rules': own('fourth-word', 1_001_004) })
  await runs(2)
  await apply('worse', { 'c.rules': bad, 'd.rules': own('fifth-word', 1_001_005) })
  t.match(await station.event('RulesRefused', /worse\/c\.rules/), /sid:1001009|depth/)
  await runs(3)
  await station.detects('fifth-word', 1_001_005)
  await station.detects('fourth-word', 1_001_004)
})

t.test('startAgentRules() filters what the source brings, and tells where a filter leaves too little', async (t) => {
  station.upstream.files.set(ARCHIVE_PATH, archiveOf({ 'a.rules': rulesFrom(2_100_000, 20) }))
  await station.startAgent({ rules: { from: 'archive' }, kubeconfig: cluster.kubeconfig })
  await runs(23)
  await apply('filters', {
    'disable.conf': '2100000\nre:word-2100001-\n',
    'modify.conf': '2100002 "word-2100002" "changed"\n',
  })
  await runs(21)
  await station.detects('changed-end', 2_100_002)
  await apply('filters', { 'disable.conf': 're:word-21000\n' })
  await station.event('RulesRefused', /^(TooFewRules|ShrunkTooMuch): /)
  await runs(21)
  t.match(await station.counts(), { rules_loaded: base + 21, rules_failed: 0 })
})

t.test('startAgentRules() takes no rule into use that a filter turns into one that hides', async (t) => {
  await apply('filters', { 'modify.conf': 're:word-2100005 "word-2100005-end\\";" "x\\"; bypass;"\n' })
  await station.event('RulesRefused', /bypass/)
  await apply('filters', { 'disable.conf': '2100000\n' })
  await runs(22)
  t.match(await station.counts(), { rules_failed: 0 })
})

t.test('startAgentRules() forgets a ConfigMap that is deleted', async (t) => {
  for (const name of ['web', 'more', 'worse', 'filters'])
    await cluster.api('DELETE', `/api/v1/namespaces/sekisho-node/configmaps/${name}`)
  await runs(20)
  t.match(await station.counts(), { rules_loaded: base + 20 })
})
