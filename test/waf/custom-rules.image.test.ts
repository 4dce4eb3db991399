import t from 'tap'
import { startLoad } from './load.ts'
import { inOwnNetwork } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const ATTACK = '/?id=1%27%20UNION%20SELECT%20a,b%20FROM%20c--'
const BLOCK_PATH = `# A page that only our own may see.
SecRule REQUEST_FILENAME "@beginsWith /internal" \\
    "id:100001,phase:1,deny,status:403,log,msg:'internal page'"
`
const { server } = await startApp()
const pod = await startPod()
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
})
const baseline = pod.status()!.generation

t.test('sekisho-rules has a ConfigMap enforced without a restart and without one failed request', async (t) => {
  t.equal((await ask('/internal/x')).status, 200)
  const endLoad = startLoad()
  let over = false
  const blocked: unknown[] = []
  const attacks = Array.from({ length: 2 }, async () => {
    while (!over) blocked.push((await ask(ATTACK)).headers['x-request-id'])
  })
  const since = Date.now()
  pod.setCustom({ 'rules.conf': BLOCK_PATH })
  const first = await pod.active(({ generation }) => generation !== baseline)
  t.comment(`from the ConfigMap to the served rule: ${((Date.now() - since) / 1000).toFixed(1)} s`)
  t.match(first, { reason: 'Active', previous: baseline, mode: 'block' })
  t.equal((await ask('/internal/x')).status, 403)
  for (let i = 2; i < 6; i++) {
    pod.setCustom({ 'rules.conf': BLOCK_PATH.replace('100001', `10000${i}`) })
    const { generation } = pod.status()!
    await pod.active((now) => now.generation !== generation)
  }
  over = true
  await Promise.all(attacks)
  const { answered, failed } = await endLoad()
  t.comment(`${answered} requests over keep-alive during 5 reloads, ${failed.length} failed`)
  t.strictSame(failed, [])
  t.ok(answered > 200)
  t.ok(blocked.length > 50)
  await pod.audit(blocked.at(-1))
  const audited = new Set(pod.records().flatMap((record) => (record['type'] === 'audit' ? [record['request_id']] : [])))
  t.strictSame(
    blocked.filter((id) => !audited.has(id)),
    [],
    'no audit record was lost or torn',
  )
})

t.test('audit names the custom rule and its line', async (t) => {
  pod.setCustom({ 'rules.conf': BLOCK_PATH })
  await until('the first rule again', async () => {
    const answer = await ask('/internal/x')
    return (await pod.audit(answer.headers['x-request-id'])).rules[0]?.id === '100001'
  })
  const audit = await pod.audit((await ask('/internal/x')).headers['x-request-id'])
  t.match(audit.rules[0], { id: '100001', message: 'internal page', file: 'custom-rules.conf', line: '2', data: '' })
})

t.test('sekisho-rules refuses a broken rule with its line, and the last good set stays', async (t) => {
  // Requests meet new rules a moment before status.json tells of them.
  await pod.active((now) => now.generation === pod.customStatus().generation)
  const { generation } = pod.status()!
  pod.setCustom({
    'rules.conf': `${BLOCK_PATH}SecRule ARGS "@rx (unclosed" "id:100002,phase:2,deny"\nSecRuleEngine Off\n`,
  })
  await until('the refusal', () => pod.customStatus().state === 'refused')
  const { refusals } = pod.customStatus()
  t.match(refusals[0], /^rules\.conf:5: 'SecRuleEngine' is not allowed here/)
  t.match(refusals[1], /^rules\.conf:4: the pattern of @rx does not compile: /)
  await until('the line in the log', () =>
    /rules\.conf:5: 'SecRuleEngine' is not allowed here/.test(pod.rules!.stderr()),
  )
  t.match(pod.status(), { generation, state: 'active' })
  t.equal((await ask('/internal/x')).status, 403)
})

t.test('sekisho-waf refuses rules that would refuse everybody, before any traffic meets them', async (t) => {
  const { generation } = pod.status()!
  const endLoad = startLoad()
  pod.setCustom({ 'all.conf': 'SecRule REQUEST_URI "@beginsWith /" "id:1,phase:1,deny"\n' })
  const status = await pod.failed()
  t.match(status, { generation, reason: 'GoodRequestRefused', detail: /a harmless request. GET \/ was answered 403/ })
  await until('the refusal', () => pod.customStatus().refusals[0]?.startsWith('GoodRequestRefused'))
  t.strictSame((await endLoad()).failed, [])
  t.ok(await pod.ready())
})

t.test('sekisho-rules says the reason of the rules that are there, not of those the WAF refused before', async (t) => {
  const { generation } = pod.status()!
  const refusal = async (rules: string, reason: RegExp) => {
    pod.setCustom({ 'rules.conf': rules })
    await until(`the refusal ${reason}`, () => reason.test(pod.customStatus().refusals[0] ?? ''))
    // Long enough for another look, which must not put the old reason back.
    await new Promise((done) => setTimeout(done, 3000))
    t.match(pod.customStatus(), { state: 'refused', generation, refusals: [reason] })
  }
  await refusal('SecRuleEngine Off\n', /^rules\.conf:1: 'SecRuleEngine' is not allowed here/)
  const same = 'SecRule ARGS "@rx a" "id:7,phase:2,deny"\n'
  await refusal(same + same, /^rules\.conf:2: id 7 is taken by rules\.conf:1/)
  t.match(await pod.active(), { generation, wanted: generation })
})

t.test('sekisho-rules refuses too many rules and too much text within seconds', async (t) => {
  const rules = (n: number, fill = '') =>
    Array.from({ length: n }, (_, i) => `SecRule ARGS "@rx a${i}${fill}" "id:${i + 1},phase:2,deny"\n`).join('')
  for (const [text, reason] of [
    [rules(3000), /^rules\.conf:501: more than 500 rules/],
    [rules(9000, 'x'.repeat(40)), /^all files: \d+ bytes, more than 262144/],
  ] as const) {
    const since = Date.now()
    pod.setCustom({ 'rules.conf': text })
    await until('the refusal', () => reason.test(pod.customStatus().refusals[0] ?? ''))
    t.ok(Date.now() - since < 20_000)
  }
})

t.test('sekisho-rules goes back to the baseline when the ConfigMap is taken away', async (t) => {
  pod.setCustom(undefined)
  await pod.active(({ generation }) => generation === baseline)
  t.equal((await ask('/internal/x')).status, 200)
  t.equal(pod.customStatus().state, 'absent')
})

t.test('sekisho-waf loads an unchanged set no second time', async (t) => {
  const reloads = async () =>
    /^sekisho_waf_reloads_total{outcome="active"} (\d+)$/m.exec((await ask('/metrics', { port: 15021 })).body)![1]
  const before = await reloads()
  pod.setCustom({})
  pod.kick(baseline)
  await new Promise((done) => setTimeout(done, 3000))
  t.equal(await reloads(), before)
})

t.test('a new Pod with a broken ConfigMap serves the baseline, blocking', async (t) => {
  await pod.stop()
  for (const custom of ['SecRuleEngine Off\n', 'SecRule REQUEST_URI "@beginsWith /" "id:1,phase:1,deny"\n']) {
    const other = await startPod({
      custom: { 'rules.conf': custom },
      env: { SEKISHO_WITHOUT_BUNDLE: 'baseline-detect' },
    })
    t.match(await other.active(({ wanted }) => wanted === baseline), { generation: baseline, mode: 'block' })
    t.equal(other.customStatus().state, 'refused')
    t.equal((await ask(ATTACK)).status, 403)
    await other.stop()
  }
})
