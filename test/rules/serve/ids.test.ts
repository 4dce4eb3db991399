/** IDS rules over the wire: who gets them, ETag, what there is to say where there are none, limits, and what is counted. */
import { randomBytes } from 'node:crypto'
import https from 'node:https'
import t from 'tap'
import { sha256 } from '../../../src/rules/publish/hash.ts'
import type { IdsRules, IdsShelf } from '../../../src/rules/serve/ids.ts'
import {
  claimsOf,
  get,
  jwksOf,
  type PodName,
  type Running,
  shelfOf,
  sign,
  signingKey,
  startUpdateServer,
  WEB,
} from './support.ts'

const CURRENT = '/v1/ids/current'
const key = await signingKey('k1')
const AGENT: PodName = { namespace: 'sekisho-node', name: 'sekisho-ids-x', uid: 'cccccccc-0000-4000-8000-000000000001' }
const token = await sign(key, claimsOf(AGENT, 'sekisho-ids'))
const archive = randomBytes(3_000_000)
const RULES: IdsRules = { version: 'content-1', sha256: sha256(archive), archive, confirmedAt: Date.now() - 90_000 }

const start = async (
  t: Parameters<typeof startUpdateServer>[0],
  shelf: Partial<IdsShelf> & { rules?: IdsRules } = {},
) => {
  const ids: IdsShelf = { follows: true, current: () => shelf.rules, ...shelf }
  return startUpdateServer(t, { shelf: shelfOf(WEB), keys: async () => jwksOf(key), ids })
}
const polls = async ({ registry }: Running) =>
  Object.fromEntries(
    [...(await registry.metrics()).matchAll(/^sekisho_rules_ids_polls_total\{answer="(\w+)"\} (\d+)/gm)]
      .filter(([, , count]) => count !== '0')
      .map(([, answer, count]) => [answer, Number(count)]),
  )

t.test('serveIds() tells an agent what is current, and gives it', async (t) => {
  const running = await start(t, { rules: RULES })
  const current = await get(running, CURRENT, { token })
  t.match(current, {
    status: 200,
    headers: { etag: `"${RULES.sha256}"`, 'sekisho-interval': '60', 'sekisho-jitter': '15' },
  })
  t.strictSame(JSON.parse(current.text), { version: 'content-1', sha256: RULES.sha256, bytes: 3_000_000 })
  const age = Number(current.headers['sekisho-confirmed-seconds'])
  t.ok(age >= 90 && age < 400, `${age} s ago the source was asked`)
  const again = await get(running, CURRENT, { token, headers: { 'if-none-match': `"${RULES.sha256}"` } })
  t.match(again, { status: 304, headers: { etag: `"${RULES.sha256}"`, 'sekisho-confirmed-seconds': /^\d+$/ } })
  t.equal((await get(running, CURRENT, { token, headers: { 'if-none-match': '"other"' } })).status, 200)
  const got = await get(running, `/v1/ids/archives/${RULES.sha256}`, { token })
  t.match(got, { status: 200, headers: { 'content-type': 'application/gzip', 'content-length': '3000000' } })
  t.equal(sha256(got.body), RULES.sha256)
  t.match(await get(running, `/v1/ids/archives/${'0'.repeat(64)}`, { token }), {
    status: 404,
    reason: 'ArchiveUnknown',
  })
  t.strictSame(await polls(running), { changed: 2, unchanged: 1 })
  t.match(await running.registry.metrics(), /^sekisho_rules_ids_downloads_total 1$/m)
})

t.test('serveIds() gives nothing to whoever is no agent', async (t) => {
  const running = await start(t, { rules: RULES })
  const others = [
    [undefined, 'TokenMissing'],
    [await sign(key, claimsOf(AGENT, 'sekisho-ids'), { audience: 'api' }), 'TokenAudience'],
    [await sign(key, claimsOf(AGENT, 'default')), 'AgentUnknown'],
    [await sign(key, claimsOf(WEB, 'sekisho-ids')), 'AgentUnknown'],
    [await sign(key, claimsOf(WEB)), 'AgentUnknown'],
  ] as const
  for (const path of [CURRENT, `/v1/ids/archives/${RULES.sha256}`])
    for (const [other, reason] of others)
      t.equal((await get(running, path, other === undefined ? {} : { token: other })).reason, reason, path)
  const claims = claimsOf(AGENT, 'sekisho-ids')
  const { pod: _, ...unbound } = claims['kubernetes.io'] as Record<string, unknown>
  const loose = await sign(key, { ...claims, 'kubernetes.io': unbound })
  t.equal((await get(running, CURRENT, { token: loose })).reason, 'TokenNotOfPod')
  t.match(await get(running, CURRENT, { token, method: 'POST' }), { status: 405, reason: 'MethodUnknown' })
  t.strictSame(await polls(running), { refused: 6 })
})

t.test('serveIds() says whether there will be any', async (t) => {
  const none = await start(t, { follows: false })
  t.match(await get(none, CURRENT, { token }), { status: 404, reason: 'IdsRulesNone' })
  t.strictSame(await polls(none), { none: 1 })
  const later = await start(t)
  const answer = await get(later, CURRENT, { token })
  t.match(answer, { status: 503, reason: 'IdsRulesNotYet', headers: { 'retry-after': /^\d+$/ } })
  t.match(await get(later, `/v1/ids/archives/${RULES.sha256}`, { token }), { status: 503, reason: 'IdsRulesNotYet' })
  t.strictSame(await polls(later), { unable: 1 })
})

t.test('serveIds() sends one Pod two archives at once', async (t) => {
  // More than the sockets of both sides hold, so that whoever does not read keeps it on its way.
  const large = randomBytes(32_000_000)
  const rules = { ...RULES, archive: large, sha256: sha256(large) }
  const running = await start(t, { rules })
  const path = `/v1/ids/archives/${rules.sha256}`
  const open = () =>
    new Promise<() => void>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: running.port,
        path,
        servername: 'localhost',
        ca: running.ca.certPem,
        agent: false as const,
      }
      const request = https.get({ ...options, headers: { authorization: `Bearer ${token}` } }, (response) => {
        response.pause()
        response.on('error', () => {})
        resolve(() => void response.destroy())
      })
      request.on('error', reject)
    })
  const [first, second] = [await open(), await open()]
  t.match(await get(running, path, { token }), { status: 503, reason: 'Overloaded' })
  const other = await sign(key, claimsOf({ ...AGENT, uid: 'dddddddd-0000-4000-8000-000000000001' }, 'sekisho-ids'))
  t.equal((await get(running, path, { token: other })).status, 200, 'others get theirs')
  first()
  second()
  for (let tries = 0; (await get(running, path, { token })).status !== 200; tries++) {
    if (tries > 100) throw new Error('its places are never free again')
    await new Promise((done) => setTimeout(done, 50))
  }
})
