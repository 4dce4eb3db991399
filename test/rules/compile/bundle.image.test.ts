import t from 'tap'
import type { Exclusion } from '../../../src/rules/compile/input.ts'
import { inOwnNetwork } from '../../waf/own-network.ts'
import { type AuditRecord, ask, startApp, startPod, until } from '../../waf/pod.ts'
import { load } from './place.ts'
import { compiled, realRelease, SETUP } from './support.ts'
import { send, upstreamRequests } from './upstream-requests.ts'

await inOwnNetwork(import.meta.filename)
const STEP = process.env['SEKISHO_TEST_FULL'] === '1' ? 1 : 12
const [crs25, crs22] = await Promise.all([realRelease('4.25.0'), realRelease('4.22.0')])
const { server } = await startApp()
let pod = await startPod({ updater: false })
t.teardown(async () => {
  server.closeAllConnections()
  server.close()
  await pod.stop()
})
const PERMIT = { tags: true, wholeRules: true }
const CUSTOM = `SecRule REQUEST_FILENAME "@beginsWith /internal" "id:100001,phase:1,deny,status:403,msg:'internal page'"\n`

interface Decided {
  readonly status: string
  /** Of a denial: which rules matched. */
  readonly rules: string
}
/** What the served set makes of upstream's own requests, good and bad ones. */
async function decisions(requests: readonly Buffer[]): Promise<Decided[]> {
  const answers: string[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < requests.length; i = next++) answers[i] = await send(requests[i]!)
  }
  await Promise.all(Array.from({ length: 6 }, worker))
  const ids = answers.map((answer) =>
    /^HTTP\/1\.\d 403/.test(answer) ? /x-request-id: (\w+)/i.exec(answer)?.[1] : undefined,
  )
  // All at once: reading the log anew for each would take longer than the requests.
  const audits = await until('the audit records of all denials', () => {
    const found = new Map(
      pod
        .records()
        .map((record) => [record['type'] === 'audit' ? record['request_id'] : '', record as unknown as AuditRecord]),
    )
    return ids.every((id) => id === undefined || found.has(id)) ? found : undefined
  })
  return answers.map((answer, i) => ({
    status: /^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1] ?? 'none',
    rules:
      audits
        .get(ids[i])
        ?.rules.map((rule) => `${rule.id} ${rule.variable}`)
        .join(', ') ?? '',
  }))
}

const decidesAsBefore = (paranoiaLevel: number) =>
  t.test(
    `compile() decides as the whole release does at level ${paranoiaLevel}, on upstream’s own requests`,
    async (t) => {
      const requests = await upstreamRequests(STEP)
      const before = await decisions(requests)
      const content = compiled({ release: crs25, setup: { ...SETUP, paranoiaLevel } })
      t.match(await load(pod, content), { state: 'active', reason: 'Active' })
      const after = await decisions(requests)
      const denied = before.filter(({ status }) => status === '403').length
      t.comment(`${requests.length} requests, ${denied} denied`)
      t.ok(denied > requests.length / 4)
      t.ok(denied < requests.length)
      t.strictSame(after, before)
    },
  )
// The first set that a Pod serves is the baseline of the image: the release with its rules of all levels.
decidesAsBefore(1)

for (const [what, content] of [
  [
    'CRS 4.22.0, level 2, one language',
    compiled({ release: crs22, setup: { ...SETUP, paranoiaLevel: 2, languages: ['java'] } }),
  ],
  ['CRS 4.25.0, level 4', compiled({ release: crs25, setup: { ...SETUP, paranoiaLevel: 4 } })],
  [
    'CRS 4.25.0, level 3, rules before and after, a plugin’s worth of limits',
    compiled({
      release: crs25,
      setup: {
        ...SETUP,
        paranoiaLevel: 3,
        languages: [],
        argumentLimits: { count: 200, nameBytes: 100, valueBytes: 400, totalBytes: 64_000 },
      },
      before: [{ name: 'shop/rules.conf', text: CUSTOM }],
      after: [{ name: 'late.conf', text: `${CUSTOM.replace('100001', '100002')}SecMarker CUSTOM-END\n` }],
    }),
  ],
] as const)
  t.test(`the engine counts in a bundle of ${what} as many rules as its manifest`, async (t) => {
    t.match(await load(pod, content), { state: 'active', reason: 'Active', rules: content.rules, crs: content.release })
    t.equal((await ask('/')).status, 200)
    t.equal((await ask(`/?q=${encodeURIComponent("1' UNION SELECT user,password FROM users--")}`)).status, 403)
  })

t.test('the setup of a bundle goes before that of the WAF', async (t) => {
  const setup = { ...SETUP, allowedMethods: ['GET'], argumentLimits: { count: 3, valueBytes: 10 } }
  t.match(await load(pod, compiled({ release: crs25, setup, before: [{ name: 'rules.conf', text: CUSTOM }] })), {
    state: 'active',
  })
  t.equal((await ask('/', { method: 'DELETE' })).status, 403)
  t.equal((await ask('/?a=1&b=2&c=3')).status, 200)
  t.equal((await ask('/?a=1&b=2&c=3&d=4')).status, 403)
  t.equal((await ask('/?a=12345678901')).status, 403)
  t.equal((await ask('/internal/x')).status, 403)
})

t.test('a bundle looks at the attributes of XML, as the image’s own rules do', async (t) => {
  t.match(await load(pod, compiled({ release: crs25 })), { state: 'active' })
  const post = (value: string) =>
    ask('/', { method: 'POST', headers: { 'content-type': 'application/xml' }, body: `<a><b c="${value}"/></a>` })
  t.equal((await post('harmless')).status, 200)
  for (const attack of [
    "1' UNION SELECT user,password FROM users--",
    '&lt;script>alert(1)&lt;/script>',
    '../../../etc/passwd',
  ])
    t.equal((await post(attack)).status, 403, attack)
})

// Each attack is denied by one rule alone, so that an exclusion decides.
const SQLI = encodeURIComponent("1234' OR '1'='1")
const EXCLUSIONS: readonly Exclusion[] = [
  { tag: 'attack-sqli', path: '/api/notes', parameter: 'text', reason: 'notes about SQL' },
  { tag: 'attack-sqli', path: '/api/notes', parameter: 'items[0].note', reason: 'the same' },
  { tag: 'attack-sqli', path: '/api/json', parameter: 'json.note.text', reason: 'the same in JSON' },
  { tag: 'attack-sqli', path: '/docs/*', parameter: 'text', reason: 'the same below' },
  { tag: 'attack-sqli', path: '/検索', parameter: 'text', reason: 'a path that is encoded' },
  { tag: 'attack-sqli', path: '/a+b(c).php', parameter: 'text', reason: 'a path like a pattern' },
  { tag: 'attack-sqli', path: '/cookie', cookie: 'prefs', reason: 'a cookie of quotes' },
  { tag: 'attack-sqli', path: '/header', header: 'Referer', reason: 'links of quotes' },
  { tag: 'attack-sqli', path: '/whole', reason: 'a console' },
  { rule: 942100, path: '/one-rule', parameter: 'text', reason: 'one of several rules' },
]
interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
const form = (body: string): Request => ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body })
const json = (value: unknown): Request => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})
const ATTACK = "1234' OR '1'='1"
const REQUESTS: [number, string, Request?][] = [
  [200, `/api/notes?text=${SQLI}`],
  [200, `/api/notes?other=1&text=${SQLI}&text=${SQLI}`],
  [200, '/api/notes', form(`text=${SQLI}`)],
  [200, `/api/notes?items[0].note=${SQLI}`],
  [403, `/api/notes?Text=${SQLI}`],
  [403, `/api/notes?text2=${SQLI}`],
  [403, `/api/notes?text=1&other=${SQLI}`],
  [403, `/api/notes?items[1].note=${SQLI}`],
  [403, `/api/notes?${SQLI}=text`],
  [403, '/api/notes?text=1', { headers: { cookie: `text=${SQLI}` } }],
  [403, '/api/notes', json({ text: ATTACK })],
  // Other rules go on judging the parameter.
  [403, `/api/notes?text=${encodeURIComponent('<script>alert(1)</script>')}`],
  [403, '/api/notes?text=../../../../etc/passwd'],
  // Other paths, and other spellings of this one.
  [403, `/?text=${SQLI}`],
  [403, `/api/notes/?text=${SQLI}`],
  [403, `/api/notes2?text=${SQLI}`],
  [403, `/API/notes?text=${SQLI}`],
  [403, `//api/notes?text=${SQLI}`],
  [403, `/api/%6Eotes?text=${SQLI}`],
  [403, `/api%2Fnotes?text=${SQLI}`],
  [403, `/api/notes%3F/../../admin?text=${SQLI}`],
  [403, `/api/notes;a=1?text=${SQLI}`],
  [403, `/api/x/../notes?text=${SQLI}`],
  [200, '/api/json', json({ note: { text: ATTACK } })],
  [403, '/api/json', json({ note: { title: ATTACK } })],
  [403, '/api/json', json({ note: [{ text: ATTACK }] })],
  [200, `/docs/?text=${SQLI}`],
  [200, `/docs/a/b.html?text=${SQLI}`],
  [200, `/docs/%E6%A4%9C%E7%B4%A2?text=${SQLI}`],
  [403, `/docs?text=${SQLI}`],
  [403, `/docs/a%2Fb?text=${SQLI}`],
  [403, `/docs/a%3B?text=${SQLI}`],
  [403, `/docs/x;/y?text=${SQLI}`],
  [403, `/docs/a//b?text=${SQLI}`],
  [403, `/docs/a?other=${SQLI}`],
  [200, `/%E6%A4%9C%E7%B4%A2?text=${SQLI}`],
  [200, `/%e6%a4%9c%e7%b4%a2?text=${SQLI}`],
  [403, `/%E6%A4%9C?text=${SQLI}`],
  [200, `/a+b(c).php?text=${SQLI}`],
  [200, `/a%2Bb%28c%29.php?text=${SQLI}`],
  [403, `/aab(c).php?text=${SQLI}`],
  [403, `/a+b(c)xphp?text=${SQLI}`],
  [200, '/cookie', { headers: { cookie: `prefs=${SQLI}` } }],
  [403, '/cookie', { headers: { cookie: `other=${SQLI}` } }],
  [403, `/cookie?prefs=${SQLI}`],
  [403, '/', { headers: { cookie: `prefs=${SQLI}` } }],
  [200, '/header', { headers: { Referer: `https://shop.example/?q=${ATTACK}` } }],
  [200, '/header', { headers: { referer: `https://shop.example/?q=${ATTACK}` } }],
  [403, '/header', { headers: { 'User-Agent': `x ${ATTACK}` } }],
  [200, `/whole?anything=${SQLI}`],
  [403, `/whole/x?anything=${SQLI}`],
  // One rule of several: the others still deny.
  [403, `/one-rule?text=${encodeURIComponent("1' UNION SELECT user,password FROM users--")}`],
]
t.test('an exclusion lets exactly its parameter on exactly its path pass', async (t) => {
  t.match(await load(pod, compiled({ release: crs25, exclusions: EXCLUSIONS, permit: PERMIT })), { state: 'active' })
  for (const [status, path, request] of REQUESTS)
    t.equal((await ask(path, request)).status, status, `${status} ${path} ${JSON.stringify(request ?? {})}`)
})

t.test('an exclusion that expired is inspected again', async (t) => {
  const one = { ...EXCLUSIONS[0]!, expires: '2027-06-01T00:00:00Z' }
  const at = (now: string) =>
    load(pod, compiled({ release: crs25, exclusions: [one], permit: PERMIT, now: Date.parse(now) }))
  t.match(await at('2027-05-31T23:59:59Z'), { state: 'active' })
  t.equal((await ask(`/api/notes?text=${SQLI}`)).status, 200)
  t.match(await at('2027-06-01T00:00:00Z'), { state: 'active' })
  t.equal((await ask(`/api/notes?text=${SQLI}`)).status, 403)
})

t.test('every request of the table that must pass is denied without its exclusion', async (t) => {
  t.match(await load(pod, compiled({ release: crs25 })), { state: 'active' })
  for (const [status, path, request] of REQUESTS)
    if (status === 200) t.equal((await ask(path, request)).status, 403, path)
})

t.test('a Pod at level 3', async () => {
  await pod.stop()
  pod = await startPod({ updater: false, env: { SEKISHO_PARANOIA_LEVEL: '3' } })
})
decidesAsBefore(3)
