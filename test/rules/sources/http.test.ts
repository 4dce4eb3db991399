/** The HTTP client against real servers that do what they should not. */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createHttp, type HttpOptions } from '../../../src/rules/sources/http.ts'
import type { Refusal } from '../../../src/rules/sources/refusals.ts'
import type { GetOptions } from '../../../src/rules/sources/source.ts'
import { startUpstream } from './upstream.ts'

const open = async (t: Test, options: Partial<HttpOptions> = {}) => {
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const client = createHttp({ env: {}, timeoutMs: 10_000, ca: upstream.ca, userAgent: 'sekisho/test', ...options })
  t.teardown(() => client.close())
  const get = (path: string, more: Partial<GetOptions> = {}) =>
    client.get(path.startsWith('/') ? `${upstream.address}${path}` : path, {
      signal: new AbortController().signal,
      accept: '*/*',
      maxBytes: 10_000,
      ...more,
    })
  const refused = async (path: string, more: Partial<GetOptions> = {}): Promise<Refusal> =>
    get(path, more).then(
      (got) => t.fail(`answered ${got.status}`) as never,
      (error) => error,
    )
  upstream.files.set('/file', Buffer.from('hello'))
  return { upstream, client, get, refused }
}
const listen = async (t: Test, server: http.Server | ReturnType<typeof createServer>): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return (server.address() as AddressInfo).port
}

t.test('createHttp().get() gives body, type and ETag, and 304 for what is known', async (t) => {
  const { get, upstream } = await open(t)
  const got = await get('/file')
  if (got.status !== 200) throw new Error('304')
  t.match(got, { status: 200, body: Buffer.from('hello'), type: 'application/octet-stream', etag: /^"[0-9a-f]{16}"$/ })
  t.same(await get('/file', { etag: got.etag! }), { status: 304 })
  t.match(upstream.headers[0], { 'user-agent': 'sekisho/test', 'accept-encoding': 'identity' })
})

t.test(
  'createHttp().get() follows redirects, but not many, not to http, and with no token to another place',
  async (t) => {
    const { get, refused, upstream } = await open(t)
    const to = (pattern: RegExp, location: string, status = 302) =>
      upstream.faults.push([pattern, (_, response) => void response.writeHead(status, { location }).end()])
    to(/^\/relative/, '/file', 307)
    t.match(await get('/relative', { token: 's3cret' }), { status: 200 })
    t.equal(upstream.headers.at(-1)?.authorization, 'Bearer s3cret', 'the same origin')
    to(/^\/elsewhere/, `${upstream.address.replace('localhost', '127.0.0.1')}/file`)
    t.match(
      await refused('/elsewhere', { token: 's3cret' }),
      { code: 'TlsRefused' },
      'the certificate is for localhost alone',
    )
    to(/^\/loop/, '/loop')
    upstream.requests.length = 0
    t.match(await refused('/loop'), { code: 'RedirectRefused', message: /more than 5 times/ })
    t.equal(upstream.requests.length, 6)
    to(/^\/plain/, 'http://localhost:1/file?secret=1')
    t.match(await refused('/plain'), {
      code: 'RedirectRefused',
      message: /"http:\/\/localhost:1\/file", which is not followed/,
    })
    to(/^\/script/, 'file:///etc/passwd')
    t.match(await refused('/script'), { code: 'RedirectRefused' })
    to(/^\/nowhere/, 'http://[')
    t.match(await refused('/nowhere'), { code: 'RedirectRefused', message: /without a usable address/ })
    to(/^\/user/, 'https://user:password@localhost/')
    const refusal = await refused('/user')
    t.match(refusal, { code: 'RedirectRefused' })
    t.notMatch(refusal.message, /password/)
  },
)

t.test('createHttp().get() takes a token along to its own origin only', async (t) => {
  const { upstream: other } = await open(t)
  const { get, upstream } = await open(t)
  upstream.faults.push([
    /^\/away/,
    (_, response) => void response.writeHead(302, { location: `${other.address}/file` }).end(),
  ])
  t.match(await get('/away', { token: 's3cret' }), { status: 200 })
  t.equal(upstream.headers[0]?.authorization, 'Bearer s3cret')
  t.equal(other.headers[0]?.authorization, undefined)
})

t.test('createHttp().get() asks by https alone, unless loopback is allowed', async (t) => {
  const plain = http.createServer((_, response) => void response.end('plain'))
  const port = await listen(t, plain)
  const strict = await open(t)
  for (const address of [`http://localhost:${port}/`, 'ftp://localhost/', 'https://a:b@localhost/', 'not an address'])
    t.match(await strict.refused(address), { code: 'AddressRefused' }, address)
  t.notMatch((await strict.refused('https://user:pa55@localhost/?q=s3cret')).message, /pa55|s3cret/)
  const loose = await open(t, { plainOnLoopback: true })
  t.match(await loose.get(`http://127.0.0.1:${port}/`), { body: Buffer.from('plain') })
  t.match(await loose.refused('http://example.com/'), { code: 'AddressRefused' })
  t.match(await loose.refused('http://127.0.0.1.example.com/'), { code: 'AddressRefused' })
})

t.test('createHttp().get() refuses by status, and tells how long upstream wants to be left alone', async (t) => {
  const { refused, upstream } = await open(t, { now: () => 1_000_000 })
  const cases: [path: string, status: number, headers: Record<string, string>, expected: object][] = [
    ['/a', 404, {}, { code: 'NotFound' }],
    ['/b', 410, {}, { code: 'NotFound' }],
    ['/c', 401, {}, { code: 'Unauthorized' }],
    ['/d', 403, {}, { code: 'Unauthorized' }],
    [
      '/e',
      403,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1060' },
      { code: 'RateLimited', retryAfterMs: 60_000 },
    ],
    ['/f', 429, { 'retry-after': '120' }, { code: 'RateLimited', retryAfterMs: 120_000 }],
    ['/g', 429, { 'retry-after': new Date(1_030_000).toUTCString() }, { code: 'RateLimited', retryAfterMs: 30_000 }],
    ['/h', 429, { 'retry-after': 'soon' }, { code: 'RateLimited', retryAfterMs: undefined }],
    ['/i', 500, {}, { code: 'UpstreamFault', retryAfterMs: undefined }],
    ['/j', 503, { 'retry-after': '7' }, { code: 'UpstreamFault', retryAfterMs: 7000 }],
    ['/k', 206, {}, { code: 'UpstreamFault' }],
    ['/l', 204, {}, { code: 'UpstreamFault' }],
  ]
  for (const [path, status, headers] of cases)
    upstream.faults.push([new RegExp(`^${path}$`), (_, response) => void response.writeHead(status, headers).end()])
  for (const [path, status, , expected] of cases) t.match(await refused(path), expected, `${status} ${path}`)
})

t.test('createHttp().get() counts bytes, declared or not', async (t) => {
  const { refused, upstream } = await open(t)
  upstream.files.set('/large', Buffer.alloc(10_001))
  t.match(await refused('/large'), { code: 'DownloadTooLarge', message: /10001 bytes or more come, at most 10000/ })
  let sent = 0
  upstream.faults.push([
    /^\/endless/,
    (_, response) => {
      const more = () => {
        if (response.destroyed) return
        sent += 4096
        response.write(Buffer.alloc(4096), () => setImmediate(more))
      }
      more()
    },
  ])
  t.match(await refused('/endless'), { code: 'DownloadTooLarge' })
  t.ok(sent < 4_000_000, 'it did not read on')
})

t.test('createHttp().get() waits no longer than its deadline, for headers or for the body', async (t) => {
  const { refused, upstream } = await open(t, { timeoutMs: 400 })
  upstream.faults.push([/^\/silent/, () => {}])
  t.match(await refused('/silent'), { code: 'TimedOut' })
  upstream.faults.push([
    /^\/slow/,
    (_, response) => {
      const drip = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(drip))
    },
  ])
  t.match(await refused('/slow'), { code: 'TimedOut' }, 'however busy it keeps us')
})

t.test('createHttp().get() ends at once when its signal does', async (t) => {
  const { get, upstream } = await open(t)
  const control = new AbortController()
  upstream.faults.push([/^\/silent/, () => control.abort()])
  await t.rejects(get('/silent', { signal: control.signal }))
})

t.test('createHttp().get() names what is wrong below HTTP', async (t) => {
  const { refused, upstream } = await open(t)
  const closed = createServer()
  const port = await listen(t, closed)
  closed.close()
  await once(closed, 'close')
  t.match(await refused(`https://localhost:${port}/`), { code: 'Unreachable', message: /ECONNREFUSED/ })
  t.match(await refused('https://no-such-host.invalid/'), { code: 'Unreachable' })
  const { refused: untrusting } = await open(t, { ca: '' })
  t.match(await untrusting(`${upstream.address}/file`), { code: 'TlsRefused' })
  const plain = await listen(
    t,
    http.createServer((_, response) => void response.end()),
  )
  t.match(await refused(`https://localhost:${plain}/`), { code: 'TlsRefused' }, 'http where https is expected')
  const loose = await open(t, { plainOnLoopback: true })
  const raw = (answer: string) =>
    createServer((socket) => void socket.on('data', () => socket.end(answer)).on('error', () => {}))
  const garbage = await listen(t, raw('SSH-2.0-OpenSSH\r\n\r\n'))
  t.match(await loose.refused(`http://127.0.0.1:${garbage}/`), { code: 'UpstreamFault' })
  const short = await listen(t, raw('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello'))
  t.match(await loose.refused(`http://127.0.0.1:${short}/`), { code: 'ConnectionCut', message: /after 5 bytes/ })
  const chunked = await listen(t, raw('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'))
  t.match(await loose.refused(`http://127.0.0.1:${chunked}/`), { code: 'ConnectionCut' })
  const torrent = await listen(t, raw(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`))
  t.match(await loose.refused(`http://127.0.0.1:${torrent}/`), { message: /HEADER|HPE/ }, 'headers without end')
})

t.test('createHttp() goes through the proxy that the environment names, and round it for NO_PROXY', async (t) => {
  const asked: string[] = []
  const sockets: Socket[] = []
  const proxy = http.createServer((_, response) => void response.writeHead(405).end())
  proxy.on('connect', (request, client: Socket, head: Buffer) => {
    asked.push(request.url ?? '')
    const [, port] = (request.url ?? '').split(':')
    const server = connect(Number(port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      server.write(head)
      server.pipe(client).pipe(server)
    })
    for (const socket of [client, server]) sockets.push(socket.on('error', () => {}) as Socket)
  })
  const port = await listen(t, proxy)
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()))
  const through = { https_proxy: `http://127.0.0.1:${port}` }
  const { get, upstream } = await open(t, { env: through })
  t.match(await get('/file'), { body: Buffer.from('hello') })
  t.same(asked, [upstream.address.replace('https://', '')])
  const capitals = await open(t, { env: { HTTPS_PROXY: `http://127.0.0.1:${port}` } })
  await capitals.get('/file')
  t.equal(asked.length, 2)
  const round = await open(t, { env: { ...through, NO_PROXY: 'example.com,localhost' } })
  await round.get('/file')
  t.equal(asked.length, 2, 'not asked')
  const broken = await open(t, { env: { HTTPS_PROXY: 'http://127.0.0.1:1' } })
  t.match(await broken.refused('/file'), { code: 'Unreachable' })
  const refusing = await listen(
    t,
    http.createServer().on('connect', (_, client: Socket) => void client.end('HTTP/1.1 407 No\r\n\r\n')),
  )
  const denied = await open(t, { env: { HTTPS_PROXY: `http://127.0.0.1:${refusing}` } })
  t.match(await denied.refused('/file'), { code: 'Unreachable', message: /connecting/ })
})
