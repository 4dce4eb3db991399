/** IDS rules from `sekisho rules`: a TLS server plays its two routes, the API server's answers are handed in. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { issueCa, issueLeaf } from '../../../certs-job/issue.ts'
import type { ApiClient } from '../../../src/cluster/api-client.ts'
import { idsConfig } from '../../../src/config/ids.ts'
import { serviceSource } from '../../../src/ids/rules/service-source.ts'
import { type Known, systemClock } from '../../../src/rules/sources/source.ts'
import { archiveOf, rulesFrom } from './agent-station.ts'

const NAME = 'sekisho-rules.sekisho-system.svc'
const terms = { now: Date.now(), days: 30, backdateMs: 60_000 }
const certificate = async () => {
  const ca = await issueCa(terms)
  const leaf = await issueLeaf({ ...ca, notAfter: terms.now + 30 * 86_400_000 }, [NAME], terms)
  return { ca: ca.certPem, cert: leaf.certPem, key: leaf.keyPem }
}
const [first, second] = [await certificate(), await certificate()]
const archive = archiveOf({ 'a.rules': rulesFrom(2_100_000, 7) })
const sha256 = createHash('sha256').update(archive).digest('hex')

const folder = mkdtempSync(join(tmpdir(), 'sekisho-source-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const tokenFile = join(folder, 'token')
writeFileSync(tokenFile, 'one\n')

const seen: { path: string; host: string; token: string; etag: string }[] = []
let answer: { status: number; body?: string | Buffer; headers?: Record<string, string> } | undefined
let bytes = archive
const server = https.createServer({ cert: first.cert, key: first.key }, (request, response) => {
  const { authorization = '', host = '', 'if-none-match': etag = '' } = request.headers
  seen.push({ path: request.url!, host, token: authorization, etag })
  if (answer && request.url === '/v1/ids/current') response.writeHead(answer.status, answer.headers).end(answer.body)
  else if (request.url === `/v1/ids/archives/${sha256}`) response.writeHead(200).end(bytes)
  else if (request.url !== '/v1/ids/current') response.writeHead(404).end('{}')
  else if (etag === `"${sha256}"`)
    response.writeHead(304, { 'sekisho-interval': '90', 'sekisho-confirmed-seconds': '7200' }).end()
  else {
    response.writeHead(200, { etag: `"${sha256}"` })
    response.end(JSON.stringify({ version: 'content-1', sha256, bytes: archive.length }))
  }
})
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
const { port } = server.address() as AddressInfo

let ca = first.ca
const asked: string[] = []
const client: ApiClient = {
  request: async (_method, path) => {
    asked.push(path)
    return (path.includes('/services/') ? { spec: { clusterIP: '127.0.0.1' } } : { data: { 'ca.crt': ca } }) as never
  },
  open: () => Promise.reject(new Error('unused')),
  close: () => {},
}
const settings = idsConfig.parse({ rules: { service: { url: `https://${NAME}:${port}`, tokenFile } } }).rules.service
const source = serviceSource(settings, client)
const ask = (known?: Known, from = source) =>
  from.ask({
    known,
    signal: AbortSignal.timeout(30_000),
    clock: systemClock,
    http: { get: () => Promise.reject(new Error('unused')) },
  })
let known: Known

t.test('serviceSource() fetches what is current, by the address of the Service and under its name', async (t) => {
  const got = await ask()
  t.match(got, { status: 'new', release: { rules: 7, sha256 } })
  known = (got as { known: Known }).known
  t.same(asked, [
    '/api/v1/namespaces/sekisho-system/configmaps/sekisho-rules-public',
    '/api/v1/namespaces/sekisho-system/services/sekisho-rules',
  ])
  t.same(
    seen.map(({ path, host, token }) => [path, host, token]),
    [
      ['/v1/ids/current', `${NAME}:${port}`, 'Bearer one'],
      [`/v1/ids/archives/${sha256}`, `${NAME}:${port}`, 'Bearer one'],
    ],
  )
})

t.test(
  'serviceSource() takes a 304 as a confirmation, with the token of now and the interval of the service',
  async (t) => {
    writeFileSync(tokenFile, 'two')
    t.match(await ask(known), { status: 'unchanged', reason: 'NotModified' })
    t.match(seen.at(-1), { token: 'Bearer two', etag: `"${sha256}"` })
    t.equal(source.leastWaitMs(), 90_000)
    t.equal(source.confirmedMsAgo(), 7_200_000, 'its source told two hours ago')
  },
)

t.test('serviceSource() reads the CA again where TLS is refused', async (t) => {
  server.setSecureContext({ cert: second.cert, key: second.key })
  server.closeAllConnections()
  t.match(await ask(known), { status: 'refused', reason: 'TlsRefused' }, 'a server of another CA is not believed')
  ca = second.ca
  t.match(await ask(known), { status: 'unchanged' })
})

t.test('serviceSource() refuses an archive that is not what was announced', async (t) => {
  bytes = archiveOf({ 'a.rules': rulesFrom(2_100_000, 8) })
  t.match(await ask(), { status: 'refused', reason: 'WrongDigest' })
  bytes = archive
})

const answers: Record<string, [typeof answer, object]> = {
  'follows no rules': [{ status: 404, body: '{"reason":"FollowsNone"}' }, { status: 'none' }],
  'cannot tell yet': [
    { status: 503, headers: { 'retry-after': '7' } },
    { status: 'refused', reason: 'UpstreamFault', retryAfterMs: 7000 },
  ],
  'does not know the token': [{ status: 401 }, { status: 'refused', reason: 'Unauthorized' }],
  'answers a web page': [
    { status: 200, body: '<html>' },
    { status: 'refused', reason: 'UpstreamFault' },
  ],
  'answers without an end': [
    { status: 200, body: Buffer.alloc(70_000, 32) },
    { status: 'refused', reason: 'DownloadTooLarge' },
  ],
  'names no sha256': [
    { status: 200, body: '{"version":"1","sha256":"../x","bytes":1}' },
    { status: 'refused', reason: 'UpstreamFault' },
  ],
}
for (const [what, [given, wanted]] of Object.entries(answers))
  t.test(`serviceSource() where the service ${what}`, async (t) => {
    answer = given
    t.match(await ask(known), wanted)
    t.equal(source.confirmedMsAgo(), undefined, 'which confirms nothing')
    answer = undefined
  })

t.test('serviceSource() connects where connectTo says, and asks nobody for an address', async (t) => {
  asked.length = 0
  const named = serviceSource({ ...settings, url: `https://${NAME}`, connectTo: `127.0.0.1:${port}` }, client)
  t.match(await ask(known, named), { status: 'unchanged' })
  t.same(asked, ['/api/v1/namespaces/sekisho-system/configmaps/sekisho-rules-public'])
  t.equal(seen.at(-1)!.host, NAME)
  const wrong = serviceSource({ ...settings, connectTo: 'somewhere' }, client)
  t.match(await ask(known, wrong), { status: 'refused', reason: 'AddressRefused' })
})
