/** createUpdateServer: what updaters are answered, over real TLS. */
import { once } from 'node:events'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect } from 'node:tls'
import t from 'tap'
import { pollSettings } from '../../../src/config/rules.ts'
import { makeLeaf, placePair } from '../../admission/support.ts'
import {
  BANK,
  type Call,
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
const [web, bank] = await Promise.all([sign(key, claimsOf(WEB)), sign(key, claimsOf(BANK))])
const STRANGER = { namespace: 'shop', name: 'stranger', uid: 'dddddddd-0000-4000-8000-000000000001' }

t.test('createUpdateServer() tells a Pod what it should run, in the lines of the protocol', async (t) => {
  const shelf = shelfOf(WEB, BANK)
  const running = await startUpdateServer(t, { shelf, keys })
  const { generation, sha256, orders } = shelf.wants.get('shop')!
  const answer = await get(running, CURRENT, { token: web, headers: reportOf(REPORT) })
  t.equal(answer.status, 200)
  t.equal(
    answer.text,
    [
      'sekisho-current 1',
      `generation ${generation}`,
      `sha256 ${sha256}`,
      'bytes 14',
      `orders ${Buffer.from(orders.text).toString('base64')}`,
      `orders-signature ${Buffer.from(orders.signature).toString('base64')}`,
      '',
    ].join('\n'),
  )
  t.match(answer.headers, {
    etag: `"${generation}/${orders.id}"`,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(answer.body.length),
    'sekisho-interval': '5',
    'sekisho-jitter': '1',
    'cache-control': 'no-store',
  })
})

t.test('createUpdateServer() answers 304 to what a Pod has, and 200 when its orders or its rules change', async (t) => {
  const shelf = shelfOf(WEB)
  const running = await startUpdateServer(t, { shelf, keys })
  const ask = (tag: string) => get(running, CURRENT, { token: web, headers: { 'if-none-match': tag } })
  const wanted = shelf.wants.get('shop')!
  const tag = `"${wanted.generation}/${wanted.orders.id}"`
  const same = await ask(tag)
  t.equal(same.status, 304)
  t.equal(same.text, '')
  t.match(same.headers, { etag: tag, 'sekisho-interval': '5', 'sekisho-jitter': '1' })
  for (const other of [
    `"${wanted.generation}/-"`,
    `"-/${wanted.orders.id}"`,
    '"-/-"',
    '-',
    '',
    `W/${tag}`,
    `*`,
    `${tag}, ${tag}`,
    'x'.repeat(5000),
  ])
    t.equal((await ask(other)).status, 200, other.slice(0, 60))
  shelf.wants.set('shop', { ...wanted, orders: { ...wanted.orders, id: '0'.repeat(16) } })
  t.equal((await ask(tag)).status, 200)
})

t.test(
  'createUpdateServer() sends orders alone where no bundle was published, until the Pod follows them',
  async (t) => {
    const shelf = shelfOf(WEB)
    const wanted = shelf.wants.get('shop')!
    shelf.wants.set('shop', { ...wanted, generation: '', sha256: '', bytes: 0 })
    const running = await startUpdateServer(t, { shelf, keys })
    const ask = (tag: string) => get(running, CURRENT, { token: web, headers: { 'if-none-match': tag } })
    const answer = await ask('"crs-4.22.0-0123456789abcdef/-"')
    t.equal(answer.status, 200)
    t.match(answer.text, /^sekisho-current 1\norders \S+\norders-signature \S+\n$/)
    t.equal(answer.headers['etag'], `"-/${wanted.orders.id}"`)
    t.equal((await ask(`"crs-4.22.0-0123456789abcdef/${wanted.orders.id}"`)).status, 304)
    t.equal((await ask(`"-/${wanted.orders.id}"`)).status, 304)
  },
)

t.test('createUpdateServer() answers 304 without ETag where there is nothing for a Pod', async (t) => {
  const shelf = shelfOf(WEB)
  shelf.wants.clear()
  const running = await startUpdateServer(t, { shelf, keys })
  const answer = await get(running, CURRENT, { token: web, headers: { 'if-none-match': '"a/b"' } })
  t.equal(answer.status, 304)
  t.notOk(answer.headers['etag'])
  t.equal(answer.headers['sekisho-interval'], '5')
})

t.test('createUpdateServer() hears what a Pod says, and asks the shelf with it', async (t) => {
  const shelf = shelfOf(WEB)
  const running = await startUpdateServer(t, { shelf, keys, now: () => Date.now() })
  await get(running, CURRENT, { token: web, headers: reportOf(REPORT) })
  const { status, ...rest } = REPORT
  const { crs, nginx, time, ...kept } = status
  const heard = { ...WEB, ...rest, ...kept }
  t.match(running.server.heard.all(), [heard])
  t.same(shelf.asked, running.server.heard.all())
  t.same(Object.keys(shelf.asked[0]!).sort(), [...Object.keys(heard), 'at'].sort(), 'and nothing else')
})

t.test('createUpdateServer() knows no Pod but those of the shelf', async (t) => {
  const shelf = shelfOf(WEB)
  const running = await startUpdateServer(t, { shelf, keys })
  const ask = async (pod: typeof WEB, path = CURRENT) =>
    get(running, path, { token: await sign(key, claimsOf(pod)), headers: reportOf(REPORT) })
  for (const pod of [
    STRANGER,
    { ...WEB, uid: STRANGER.uid },
    { ...WEB, name: 'web-2' },
    { ...WEB, namespace: 'bank' },
  ]) {
    const answer = await ask(pod)
    t.equal(answer.status, 403)
    t.equal(answer.reason, 'PodUnknown')
    t.equal((await ask(pod, `/v1/waf/bundles/${shelf.wants.get('shop')!.generation}`)).status, 403)
  }
  t.equal(running.server.heard.all().length, 0)
  shelf.facts.delete(WEB.uid)
  t.equal((await ask(WEB)).status, 403, 'nor one that was there')
})

t.test('createUpdateServer() cannot tell while the shelf is not complete', async (t) => {
  let missing: string | undefined = 'Pods are not listed yet'
  const running = await startUpdateServer(t, { shelf: shelfOf(), keys, known: () => missing })
  const answer = await get(running, CURRENT, { token: web })
  t.equal(answer.status, 503)
  t.match(JSON.parse(answer.text), { reason: 'NotKnownYet', message: /Pods are not listed yet/ })
  t.equal(running.server.checks['cluster']!(), missing)
  missing = undefined
  t.equal((await get(running, CURRENT, { token: web })).reason, 'PodUnknown')
})

t.test('createUpdateServer() sends a bundle to Pods of its namespace alone', async (t) => {
  const shelf = shelfOf(WEB, BANK)
  const running = await startUpdateServer(t, { shelf, keys })
  const path = `/v1/waf/bundles/${shelf.wants.get('shop')!.generation}`
  const ours = await get(running, path, { token: web })
  t.equal(ours.status, 200)
  t.equal(ours.text, 'bundle of shop')
  t.match(ours.headers, {
    'content-type': 'application/gzip',
    'cache-control': /immutable/,
    'content-length': '14',
    'sekisho-interval': '5',
  })
  const theirs = await get(running, path, { token: bank })
  t.equal(theirs.status, 404)
  t.equal(theirs.reason, 'BundleUnknown')
  t.equal((await get(running, path)).status, 401)
})

const paths: [path: string, status: number, reason: string | undefined, call?: Call][] = [
  ['/', 404, 'PathUnknown'],
  ['/v1/waf', 404, 'PathUnknown'],
  ['/v1/waf/current/', 404, 'PathUnknown'],
  ['/v1/waf/Current', 404, 'PathUnknown'],
  ['//v1/waf/current', 404, 'PathUnknown'],
  ['/v1/waf/bundles/', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/../current', 404, 'PathUnknown'],
  ['/v1/waf/bundles/..%2Fcurrent', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/..', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/%2e%2e%2f%2e%2e%2fetc%2fpasswd', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/bank%2Fx', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/crs%00', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/__proto__', 404, 'BundleUnknown'],
  ['/v1/waf/bundles/%zz', 400, 'RequestMalformed'],
  [`/v1/waf/bundles/${'a'.repeat(5000)}`, 400, 'RequestMalformed'],
  [CURRENT, 405, 'MethodUnknown', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }],
  [CURRENT, 405, 'MethodUnknown', { method: 'PUT' }],
  [CURRENT, 405, undefined, { method: 'HEAD' }],
  ['/v1/waf/bundles/x', 405, 'MethodUnknown', { method: 'DELETE' }],
  ['/metrics', 404, 'PathUnknown'],
  ['/v1/peers/heard', 403, 'PeerUnknown'],
]
t.test('createUpdateServer() and paths', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB, BANK), keys })
  for (const [path, status, reason, call] of paths)
    t.test(`createUpdateServer() answers ${call?.method ?? 'GET'} ${path.slice(0, 60)} with ${status}`, async (t) => {
      const answer = await get(running, path, { token: web, ...call })
      t.equal(answer.status, status)
      t.equal(answer.reason, reason)
      if (status === 405) t.equal(answer.headers['allow'], 'GET')
    })
})

t.test('createUpdateServer() tells a longer interval to more Pods, and a shorter one with more replicas', async (t) => {
  const shelf = shelfOf(WEB)
  shelf.pods = 10_000
  const poll = pollSettings.parse({ pollsPerSecond: 100 })
  const running = await startUpdateServer(t, { shelf, keys, poll })
  t.match((await get(running, CURRENT, { token: web })).headers, { 'sekisho-interval': '100', 'sekisho-jitter': '25' })
})

t.test('createUpdateServer() sends away what it could not answer in time, spread over an interval', async (t) => {
  const shelf = shelfOf(WEB)
  shelf.pods = 10_000
  let overloaded = true
  const chances = [0, 0.5, 0.999]
  const running = await startUpdateServer(t, {
    shelf,
    keys,
    load: { overloaded: () => overloaded, close: () => {} },
    random: () => chances.shift() ?? 0,
  })
  for (const seconds of ['1', '51', '100']) {
    const answer = await get(running, CURRENT, { token: web })
    t.equal(answer.status, 503)
    t.equal(answer.reason, 'Overloaded')
    t.equal(answer.headers['retry-after'], seconds)
  }
  t.equal(shelf.asked.length, 0)
  overloaded = false
  t.equal((await get(running, CURRENT, { token: web })).status, 200)
})

t.test('createUpdateServer() says nothing of a fault of ours, and logs it', async (t) => {
  const shelf = shelfOf(WEB)
  const running = await startUpdateServer(t, {
    shelf: {
      ...shelf,
      wanted: () => {
        throw new Error('secret internals')
      },
    },
    keys,
  })
  const answer = await get(running, CURRENT, { token: web })
  t.equal(answer.status, 500)
  t.equal(answer.reason, 'Failed')
  t.notMatch(answer.text, /secret/)
  t.match(JSON.stringify(running.lines), /secret internals/)
})

t.test('createUpdateServer() does not let strangers fill the log', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
  for (let i = 0; i < 20; i++) await get(running, CURRENT, { token: 'a.b.c' })
  t.equal(running.lines.filter(({ msg }) => msg === 'request refused').length, 1)
})

const speak = ({ port, ca }: Running, bytes: string | Buffer, secure = true): Promise<string> =>
  new Promise((resolve) => {
    const socket = secure
      ? connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem })
      : net.connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (part) => {
      text += part
    })
    socket.on('error', () => {}).on('close', () => resolve(text))
    socket.write(bytes)
  })

t.test('createUpdateServer() outlives bytes that are no TLS or no HTTP, and heads that are too large', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys, limits: { headMs: 300 } })
  const answers = await Promise.all([
    speak(running, 'GET / HTTP/1.1\r\n\r\n', false),
    speak(running, Buffer.from('160301ffff0100', 'hex'), false),
    speak(running, '\0\0\0\0\r\n\r\n'),
    speak(running, `GET ${CURRENT} HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`),
    speak(running, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    speak(running, `GET ${CURRENT} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`),
  ])
  for (const answer of answers.slice(2)) t.match(answer, /^HTTP\/1\.1 400 .*"reason":"RequestMalformed"/s)
  t.equal((await get(running, CURRENT, { token: web })).status, 200)
})

t.test('createUpdateServer() cuts off who sends a head too slowly', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys, limits: { headMs: 200 } })
  await Promise.all([speak(running, `GET ${CURRENT} HTTP/1.1\r\nhost: a\r\n`), speak(running, '', false)])
  t.pass('both connections ended')
})

t.test('createUpdateServer() cuts off who reads a bundle too slowly', async (t) => {
  const shelf = shelfOf(WEB)
  shelf.bundles.set('shop/large', Buffer.alloc(64 * 1024 * 1024))
  const running = await startUpdateServer(t, { shelf, keys, limits: { answerMs: 300 } })
  const request = https.get({
    host: '127.0.0.1',
    port: running.port,
    path: '/v1/waf/bundles/large',
    servername: 'localhost',
    ca: running.ca.certPem,
    agent: false,
    headers: { authorization: `Bearer ${web}` },
  })
  const [response] = await once(request, 'response')
  response.pause()
  await sleep(600)
  const ended = await new Promise((resolve) => {
    response.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code)).on('end', () => resolve('whole'))
    response.resume()
  })
  t.equal(ended, 'ECONNRESET')
})

/** Another address of the same machine. Node takes `localAddress`; its types for TLS do not know. */
const neighbour = ({ port, ca }: Running) => {
  const options = { port, host: '127.0.0.1', localAddress: '127.0.0.2', servername: 'localhost', ca: ca.certPem }
  return options as ConnectionOptions
}
t.test('createUpdateServer() sends one Pod two bundles at once, and others theirs', async (t) => {
  const shelf = shelfOf(WEB, BANK)
  shelf.bundles.set('shop/large', Buffer.alloc(32 * 1024 * 1024))
  const running = await startUpdateServer(t, { shelf, keys })
  const unread = async () => {
    const request = https.get({
      host: '127.0.0.1',
      port: running.port,
      path: '/v1/waf/bundles/large',
      servername: 'localhost',
      ca: running.ca.certPem,
      agent: false,
      headers: { authorization: `Bearer ${web}` },
    })
    request.on('error', () => {})
    const [response] = await once(request, 'response')
    response.pause()
    t.equal(response.statusCode, 200)
    return request
  }
  const [one, other] = [await unread(), await unread()]
  const third = await get(running, '/v1/waf/bundles/large', { token: web })
  t.equal(third.status, 503)
  t.equal(third.reason, 'Overloaded')
  t.equal((await get(running, `/v1/waf/bundles/${shelf.wants.get('bank')!.generation}`, { token: bank })).status, 200)
  t.equal((await get(running, CURRENT, { token: web })).status, 200, 'it is still told what to run')
  one.destroy()
  let status = 503
  for (let i = 0; i < 100 && status === 503; i++) {
    await sleep(20)
    status = (await get(running, `/v1/waf/bundles/${shelf.wants.get('shop')!.generation}`, { token: web })).status
  }
  t.equal(status, 200, 'what was broken off counts no more')
  other.destroy()
})

t.test('createUpdateServer() gives one address no more connections than it may have, and others theirs', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys, limits: { ofOneAddress: 5, inAll: 8 } })
  const held = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = connect(neighbour(running))
      await once(socket, 'secureConnect')
      return socket
    }),
  )
  t.teardown(() => {
    for (const socket of held) socket.destroy()
  })
  const more = connect(neighbour(running))
  await once(more, 'error')
  t.equal((await get(running, CURRENT, { token: web })).status, 200, 'another address is answered')
  t.match(await running.registry.metrics(), /sekisho_rules_connections_refused_total 1/)
  for (const socket of held) socket.destroy()
  const again = async () => {
    const socket = connect(neighbour(running))
    const how = await new Promise<string>((resolve) => {
      socket.on('secureConnect', () => resolve('taken')).on('error', ({ message }) => resolve(message))
    })
    socket.destroy()
    return how
  }
  let how = ''
  for (let i = 0; i < 100 && how !== 'taken'; i++) {
    await sleep(20)
    how = await again()
  }
  t.equal(how, 'taken', 'what was ended counts no more')
})

t.test('createUpdateServer() speaks HTTP/1.1 over TLS 1.2 or newer, and resumes sessions', async (t) => {
  const { port, ca } = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
  let session: Buffer | undefined
  const shake = (options: object) =>
    new Promise<object | string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem, ...options }, () => {
        resolve({ alpn: socket.alpnProtocol, protocol: socket.getProtocol(), reused: socket.isSessionReused() })
        // Tickets come after the handshake: they are read while waiting for the answer.
        socket.end('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      })
      socket.on('session', (ticket) => {
        session = ticket
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.resume()
    })
  t.match(await shake({ ALPNProtocols: ['h2', 'http/1.1'] }), { alpn: 'http/1.1', protocol: 'TLSv1.3', reused: false })
  for (let i = 0; i < 100 && session === undefined; i++) await sleep(20)
  t.match(await shake({ session }), { reused: true })
  t.match(await shake({ maxVersion: 'TLSv1.2' }), { protocol: 'TLSv1.2' })
  t.match(await shake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), /^ERR_SSL/)
})

t.test('createUpdateServer() takes a renewed certificate while it serves', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
  const before = running.server.certificate!.fingerprint
  placePair(running.directory, await makeLeaf(running.ca))
  for (let i = 0; i < 200 && running.server.certificate!.fingerprint === before; i++) {
    t.equal((await get(running, CURRENT, { token: web })).status, 200)
    await sleep(20)
  }
  t.not(running.server.certificate!.fingerprint, before)
  const socket = connect({ port: running.port, host: '127.0.0.1', servername: 'localhost', ca: running.ca.certPem })
  await once(socket, 'secureConnect')
  t.equal(socket.getPeerCertificate().fingerprint256, running.server.certificate!.fingerprint)
  socket.destroy()
})

t.test('createUpdateServer() drains: not ready, still answering, each connection ended', async (t) => {
  const running = await startUpdateServer(t, { shelf: shelfOf(WEB), keys })
  const { checks } = running.server
  t.same(Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, check()])), {
    serving: undefined,
    certificate: undefined,
    keys: undefined,
    cluster: undefined,
  })
  running.server.startDraining()
  t.equal(checks['serving']!(), 'stopping')
  const agent = new https.Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const answer = await get(running, CURRENT, { token: web, agent })
  t.equal(answer.status, 200)
  t.equal(answer.headers['connection'], 'close')
  await running.server.close()
  await t.rejects(get(running, CURRENT, { token: web }), { code: 'ECONNREFUSED' })
})
