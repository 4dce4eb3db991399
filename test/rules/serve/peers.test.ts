/** followPeers: two replicas that serve, and what each knows of the other's Pods. Over real TLS, with real tokens. */
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { PeerSettings } from '../../../src/rules/serve/peers.ts'
import { makeCa, makeLeaf } from '../../admission/support.ts'
import {
  BANK,
  CURRENT,
  claimsOf,
  get,
  jwksOf,
  REPORT,
  type Running,
  reportOf,
  shelfOf,
  sign,
  signingKey,
  startUpdateServer,
  WEB,
} from './support.ts'

const key = await signingKey('one')
const keys = async () => jwksOf(key)
const SELF = { namespace: 'sekisho-system', name: 'sekisho-rules-1', uid: 'eeeeeeee-0000-4000-8000-000000000001' }
const [web, bank, self] = await Promise.all([
  sign(key, claimsOf(WEB)),
  sign(key, claimsOf(BANK)),
  sign(key, claimsOf(SELF, 'sekisho-rules')),
])
const until = async (what: string, holds: () => boolean) => {
  for (let i = 0; i < 300; i++) {
    if (holds()) return
    await sleep(20)
  }
  throw new Error(`never: ${what}`)
}

/** Two replicas that know each other's address, and their own among them. */
const two = async (t: Parameters<typeof startUpdateServer>[0], changes: Partial<PeerSettings> = {}, pods = 2) => {
  const addresses: string[] = []
  const shelf = shelfOf(WEB, BANK)
  shelf.pods = pods
  let ca = ''
  const peers: PeerSettings = {
    addresses: () => addresses,
    token: () => self,
    ca: () => ca,
    serverName: 'localhost',
    everyMs: 20,
    ...changes,
  }
  const running = await Promise.all([
    startUpdateServer(t, { shelf, keys, peers }),
    startUpdateServer(t, { shelf, keys, peers }),
  ])
  ca = running[0].ca.certPem
  addresses.push(...running.map(({ port }) => `127.0.0.1:${port}`))
  return { shelf, addresses, one: running[0], other: running[1] }
}
const requestsOf = ({ server }: Running, uid: string) => server.heard.of(uid)?.requests

t.test('followPeers() gives each replica what was said to the other, and the newest of it', async (t) => {
  const { one, other } = await two(t)
  await get(one, CURRENT, { token: web, headers: reportOf({ ...REPORT, requests: 1 }) })
  await get(other, CURRENT, { token: bank, headers: reportOf({ ...REPORT, requests: 2 }) })
  await until('both know both', () => [one, other].every((running) => running.server.heard.all().length === 2))
  t.match(one.server.heard.of(BANK.uid), { ...BANK, requests: 2, engine: '3.0.16', state: 'active' })
  await sleep(5)
  await get(other, CURRENT, { token: web, headers: reportOf({ ...REPORT, requests: 3 }) })
  await until('the newer words come over', () => requestsOf(one, WEB.uid) === 3)
  await get(one, CURRENT, { token: web, headers: reportOf({ ...REPORT, requests: 4 }) })
  await until('and back', () => requestsOf(other, WEB.uid) === 4)
})

t.test('followPeers() counts replicas that answer, not itself twice; the interval follows', async (t) => {
  const { one, other } = await two(t, {}, 10_000)
  await until('two', () => one.server.replicas === 2 && other.server.replicas === 2)
  t.match((await get(one, CURRENT, { token: web })).headers, { 'sekisho-interval': '50', 'sekisho-jitter': '12' })
  t.match(await one.registry.metrics(), /sekisho_rules_replicas 2/)
})

t.test('followPeers() believes only the CA, and goes on alone', async (t) => {
  const stranger = await makeCa()
  const { one, other } = await two(t, { ca: () => stranger.certPem })
  await get(other, CURRENT, { token: bank })
  await until('it is said', () => one.lines.some(({ msg }) => msg === 'the other replica does not answer'))
  t.equal(one.server.heard.of(BANK.uid), undefined)
  t.equal(one.server.replicas, 1)
  t.equal((await get(one, CURRENT, { token: web })).status, 200)
  await sleep(200)
  t.equal(one.lines.filter(({ msg }) => msg === 'the other replica does not answer').length, 2, 'once for each address')
})

t.test('followPeers() goes on when the other replica comes back as another instance', async (t) => {
  const { one, other, addresses, shelf } = await two(t)
  await get(other, CURRENT, { token: bank, headers: reportOf({ ...REPORT, requests: 1 }) })
  await until('heard', () => requestsOf(one, BANK.uid) === 1)
  await other.server.close()
  const again = await startUpdateServer(t, { shelf, keys, listen: { address: '127.0.0.1', port: other.port } })
  t.ok(addresses.includes(`127.0.0.1:${again.port}`))
  await get(again, CURRENT, { token: bank, headers: reportOf({ ...REPORT, requests: 7 }) })
  await until('heard again', () => requestsOf(one, BANK.uid) === 7)
})

/** A replica played by hand: what it is asked, and what it answers to that. */
const played = async (t: { teardown(fn: () => void): void }, answer: (url: URL) => string) => {
  const ca = await makeCa()
  const leaf = await makeLeaf(ca)
  const asked: URL[] = []
  const server = https.createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
    const url = new URL(request.url!, 'https://localhost')
    asked.push(url)
    response.end(answer(url))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const peers: PeerSettings = {
    addresses: () => [`127.0.0.1:${port}`],
    token: () => self,
    ca: () => ca.certPem,
    serverName: 'localhost',
    everyMs: 20,
  }
  return { asked, peers }
}
const wordsOf = (pod: typeof WEB, requests: number) => {
  const { status, ...rest } = REPORT
  const { crs, nginx, time, ...kept } = status
  return { ...rest, ...kept, ...pod, at: Date.now(), requests }
}

t.test('followPeers() reads all pages, and then asks for what came since', async (t) => {
  const { asked, peers } = await played(t, ({ searchParams }) => {
    const since = searchParams.get('since')
    const page = { instance: 'other', cursor: since === null ? 'one' : 'two', more: since === null }
    return JSON.stringify({
      ...page,
      heard: since === null ? [wordsOf(WEB, 1)] : since === 'one' ? [wordsOf(BANK, 2)] : [],
    })
  })
  const { server } = await startUpdateServer(t, { shelf: shelfOf(WEB, BANK), keys, peers })
  await until('both pages are read', () => server.heard.all().length === 2)
  await until('it asks again', () => asked.length > 3)
  t.same(
    asked.slice(0, 4).map(({ searchParams }) => searchParams.get('since')),
    [null, 'one', 'two', 'two'],
  )
})

const nonsense: [what: string, text: string][] = [
  ['no JSON', 'hello'],
  ['another form', '{"heard":[]}'],
  [
    'words of another type',
    JSON.stringify({ instance: 'x', cursor: 'y', more: false, heard: [{ ...wordsOf(WEB, 1), rules: 'many' }] }),
  ],
  [
    'a state that is none',
    JSON.stringify({ instance: 'x', cursor: 'y', more: false, heard: [{ ...wordsOf(WEB, 1), state: 'fine' }] }),
  ],
  [
    'more than 8 MiB',
    JSON.stringify({ instance: 'x', cursor: 'y', more: false, heard: [wordsOf(WEB, 1)] }) + ' '.repeat(9 * 1024 * 1024),
  ],
]
for (const [what, text] of nonsense)
  t.test(`followPeers() takes nothing from a replica that answers ${what}`, async (t) => {
    const { asked, peers } = await played(t, () => text)
    const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys, peers })
    await until('it asks again and again', () => asked.length > 2)
    t.same(running.server.heard.all(), [])
    t.equal(running.server.replicas, 1)
    t.equal((await get(running, CURRENT, { token: web })).status, 200)
  })

const strangers: [who: string, token: () => Promise<string> | string | undefined, status: number][] = [
  ['nobody', () => undefined, 401],
  ['a protected Pod', () => web, 403],
  [
    'the same name in another namespace',
    () => sign(key, claimsOf({ ...SELF, namespace: 'shop' }, 'sekisho-rules')),
    403,
  ],
  ['another ServiceAccount of the same namespace', () => sign(key, claimsOf(SELF, 'sekisho-webhook')), 403],
  [
    'the service with a token for the API server',
    () => sign(key, claimsOf(SELF, 'sekisho-rules'), { audience: 'https://kubernetes.default.svc' }),
    401,
  ],
]
for (const [who, token, status] of strangers)
  t.test(`createUpdateServer() tells ${who} nothing of what it heard`, async (t) => {
    const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
    await get(running, CURRENT, { token: web, headers: reportOf(REPORT) })
    const given = await token()
    const answer = await get(running, '/v1/peers/heard', given === undefined ? {} : { token: given })
    t.equal(answer.status, status)
    t.notMatch(answer.text, /web-1/)
    t.match((await get(running, '/v1/peers/heard', { token: self })).text, /web-1/)
  })

t.test('createUpdateServer() answers a cursor that is none from the beginning', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
  await get(running, CURRENT, { token: web })
  for (const query of [
    '',
    '?since=',
    '?since=x',
    '?since=a&since=b',
    '?since=0123456789abcdef.1',
    `?since=${'1'.repeat(5000)}`,
  ])
    t.equal(
      JSON.parse((await get(running, `/v1/peers/heard${query}`, { token: self })).text).heard.length,
      1,
      query.slice(0, 30),
    )
})
