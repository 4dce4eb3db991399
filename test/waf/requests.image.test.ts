import { once } from 'node:events'
import { connect as connectH2, createServer as createH2Server } from 'node:http2'
import { connect } from 'node:net'
import t from 'tap'
import { inOwnNetwork, POD_IP } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const SQLI = `/?id=${encodeURIComponent("1' UNION SELECT user,password FROM users--")}`
const { server, seen } = await startApp()
server.on('upgrade', (_incoming, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
  socket.on('data', (chunk: Buffer) => socket.write(chunk))
})
const grpc = createH2Server()
grpc.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.from(String(headers[':path'])))
})
await new Promise<void>((done) => grpc.listen(9090, POD_IP, done))
const pod = await startPod()

t.test('sekisho-waf lets a normal request through, whole and with its Host, and says where it came from', async (t) => {
  const answer = await ask('/a//b%2Fc?x=1', {
    method: 'PUT',
    headers: { 'content-type': 'application/json', under_score: 'kept' },
    body: '{"a":1}',
  })
  t.equal(answer.status, 200)
  const app = seen.at(-1)!
  t.match(app, { method: 'PUT', url: '/a//b%2Fc?x=1', bytes: 7 })
  t.match(app.headers, {
    host: 'shop.example',
    under_score: 'kept',
    'x-forwarded-for': POD_IP,
    'x-forwarded-proto': 'http',
  })
  t.match(app.headers['x-sekisho-request-id'], /^[0-9a-f]{32}$/)
  const id = app.headers['x-sekisho-request-id']
  const access = await until(`the access record of ${id}`, () =>
    pod.records().find((record) => record['type'] === 'access' && record['request_id'] === id),
  )
  t.match(access, {
    outcome: 'passed',
    status: 200,
    upstream_status: '200',
    generation: pod.status()!.generation,
    mode: 'block',
    client: POD_IP,
  })
})

t.test(
  'sekisho-waf refuses an SQL injection before the app sees it, with an id that leads to its audit record',
  async (t) => {
    const before = seen.length
    const answer = await ask(SQLI)
    t.equal(answer.status, 403)
    t.equal(seen.length, before)
    const id = answer.headers['x-request-id']
    t.equal(answer.body, `Refused by the web application firewall. Request id: ${id}\n`)
    const audit = await pod.audit(id)
    t.match(audit, {
      action: 'blocked',
      status: 403,
      namespace: 'shop',
      pod: 'shop-1',
      client: { ip: POD_IP },
      request: { method: 'GET', path: '/' },
    })
    t.ok(audit.score! >= 5)
    t.match(audit.rules[0], { id: '942100', variable: 'ARGS:id', file: 'REQUEST-942-APPLICATION-ATTACK-SQLI.conf' })
  },
)

t.test(
  'audit masks secrets by the name of their parameter and never shows bodies, cookies or credentials',
  async (t) => {
    const answer = await ask(
      `/login;jsessionid=S3CRET?access_token=S3CRET&q=${encodeURIComponent("' OR 1=1--")}&p%61ssword=S3CRET`,
      {
        headers: {
          authorization: 'Bearer S3CRETS3CRET',
          cookie: `session=S3CRET' OR 1=1--`,
          'x-api-key': 'S3CRET',
          referer: 'http://shop.example/?token=S3CRET',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: `user%5Bpassword%5D=S3CRET%27+OR+1%3D1--&card=4111111111111111%27+OR+1%3D1--&comment=4111+1111+1111+1111%27+OR+1%3D1--`,
      },
    )
    t.equal(answer.status, 403, answer.body)
    const audit = await pod.audit(answer.headers['x-request-id'])
    const text = `${pod.waf.stdout()}${pod.waf.stderr()}`
    t.notMatch(text, /S3CRET|4111/)
    t.match(audit.request.query, 'access_token=[masked]&q=')
    t.equal(audit.request.path, '/login;jsessionid=[masked]')
    const of = (variable: string) => audit.rules.find((rule) => rule.variable === variable)!
    t.equal(of('ARGS:user[password]').data, '[masked]')
    t.equal(of('ARGS:card').data, '[masked]')
    t.match(of('ARGS:comment').data, /\[masked\]/)
    t.match(of('ARGS:q').data, /OR 1=1/)
    t.strictSame(Object.keys(audit.request.headers).sort(), [
      'accept',
      'content-length',
      'content-type',
      'host',
      'referer',
    ])
  },
)

t.test('audit stays one line of JSON below 4096 bytes, whatever a client sends', async (t) => {
  const value = encodeURIComponent(`\u001b"\\\n}{' UNION SELECT ${'<script>alert(1)</script>日本'.repeat(100)}`)
  const args = Array.from({ length: 20 }, (_, i) => `${encodeURIComponent(`n"}\n${i}`)}=${value.slice(0, 600)}`).join(
    '&',
  )
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      ask(`/${value.slice(0, 2000)}`, {
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'x"\\'.repeat(300) },
        body: args,
      }),
    ),
  )
  for (const answer of answers) {
    t.equal(answer.status, 403, answer.body)
    const audit = await pod.audit(answer.headers['x-request-id'])
    t.ok(Buffer.byteLength(JSON.stringify(audit)) < 4096)
    t.ok(audit.rules_total >= audit.rules.length)
  }
  for (const line of pod.waf.stdout().split('\n')) t.ok(Buffer.byteLength(line) < 4096) || t.comment(line)
})

t.test('sekisho-waf refuses a body that does not parse and a body over the limit, with an id', async (t) => {
  const broken = await ask('/', { headers: { 'content-type': 'application/json' }, body: '{"a":{' })
  t.equal(broken.status, 400)
  t.match(broken.body, /could not be parsed. Request id: [0-9a-f]{32}/)
  const unreadable = await ask('/%00')
  t.equal(unreadable.status, 400)
  t.match(unreadable.body, /could not be parsed. Request id: [0-9a-f]{32}/)
  const large = await ask('/', { headers: { 'content-length': '13107201', expect: '100-continue' }, method: 'POST' })
  t.equal(large.status, 413)
  t.match(large.body, /larger than 13107200 bytes/)
  const json = (text: string) => ask('/', { headers: { 'content-type': 'application/json' }, body: text })
  const fields = await json(JSON.stringify(Array.from({ length: 300 }, () => 'a'.repeat(4000))))
  t.equal(fields.status, 400)
})

t.test('sekisho-waf refuses a value that would keep it busy for minutes, at once', async (t) => {
  const since = Date.now()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await ask('/', { headers, body: `a=${"'".repeat(900_000)}` })
  t.equal(answer.status, 413)
  t.ok(Date.now() - since < 10_000)
  t.match((await pod.audit(answer.headers['x-request-id'])).rules[0], { id: '200010', variable: 'ARGS:a' })
})

t.test(
  'sekisho-waf says 502 when the app does not answer, and its error log holds nothing of the request',
  async (t) => {
    server.closeAllConnections()
    await new Promise<void>((done) => void server.close(() => done()))
    const answer = await ask('/?token=S3CRET2&x=1')
    await new Promise<void>((done) => void server.listen(8080, POD_IP, done))
    t.equal(answer.status, 502)
    t.match(answer.body, /does not answer/)
    await until('the error record', () =>
      pod
        .records()
        .find((record) => record['component'] === 'nginx' && /^connect\(\) failed/.test(String(record['message']))),
    )
    t.notMatch(`${pod.waf.stdout()}${pod.waf.stderr()}`, /S3CRET2/)
  },
)

t.test('sekisho-waf passes a WebSocket upgrade and its frames, and no other upgrade', async (t) => {
  const upgrade = async (protocol: string) => {
    const socket = connect(15080, POD_IP)
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\n\r\n`,
    )
    const [head] = (await once(socket, 'data')) as [Buffer]
    return { socket, head: head.toString() }
  }
  const websocket = await upgrade('websocket')
  t.match(websocket.head, /^HTTP\/1.1 101 /)
  websocket.socket.write('ping')
  const [echo] = (await once(websocket.socket, 'data')) as [Buffer]
  t.equal(echo.toString(), 'ping')
  websocket.socket.destroy()
  const h2c = await upgrade('h2c')
  t.match(h2c.head, /^HTTP\/1.1 200 /)
  t.equal(seen.at(-1)!.headers.upgrade, undefined)
  h2c.socket.destroy()
})

t.test('sekisho-waf speaks HTTP/2 on a grpc port, trailers included, and judges there too', async (t) => {
  const session = connectH2(`http://${POD_IP}:15081`)
  const call = async (path: string) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      ':authority': 'shop.example',
      'content-type': 'application/grpc',
      te: 'trailers',
      accept: '*/*',
    })
    let status = 0
    let trailers = {}
    let body = ''
    stream.on('response', (headers) => {
      status = headers[':status']!
    })
    stream.on('trailers', (all) => {
      trailers = all
    })
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]))
    await once(stream, 'end')
    return { status, trailers, body }
  }
  t.match(await call('/shop.Cart/Get'), { status: 200, trailers: { 'grpc-status': '0' }, body: '/shop.Cart/Get' })
  t.match(await call(`/shop.Cart/Get${SQLI.slice(1)}`), { status: 403 })
  session.close()
})

t.test('metrics count requests by outcome and name the generation', async (t) => {
  // Counters are written every 5 s.
  await new Promise((done) => setTimeout(done, 6000))
  const { body, status } = await ask('/metrics', { port: 15021 })
  t.equal(status, 200)
  t.match(body, /^sekisho_waf_requests_total{outcome="passed"} [1-9]/m)
  t.match(body, /^sekisho_waf_requests_total{outcome="blocked"} [1-9]/m)
  t.match(body, /^sekisho_waf_requests_total{outcome="failed"} 1$/m)
  t.match(body, /^sekisho_waf_connections{state="active"} [1-9]/m)
  t.match(
    body,
    new RegExp(
      `^sekisho_waf_generation_info{generation="${pod.status()!.generation}",mode="block",crs="4.25.0",engine="3.0.16"} 1$`,
      'm',
    ),
  )
  const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  t.equal(new Set(names).size, names.length)
})

t.test('TERM ends the WAF with exit code 0', async (t) => {
  server.closeAllConnections()
  server.close()
  grpc.close()
  t.equal(await pod.stop(), 0)
})
