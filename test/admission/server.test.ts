/** createServer: what a client of the webhook gets, over real TLS. */
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { ADMISSION_ERRORS } from '../../src/admission/errors.ts'
import type { Reviewer, Reviewers } from '../../src/admission/review.ts'
import { allow, deny } from '../../src/api/verdict.ts'
import { ALLOW_ALL, POD, post, review, startServer } from './support.ts'

const only = (reviewer: Reviewer): Reviewers => new Map([['mutate pods', reviewer]])

t.test('createServer() answers a review with the uid it came with', async (t) => {
  const running = await startServer(t)
  const { status, headers, response } = await post(running, review())
  t.equal(status, 200)
  t.match(headers['content-type'], /^application\/json/)
  t.same(response, { uid: 'b1a3f0f2-0000-4000-8000-000000000001', allowed: true, auditAnnotations: { reason: 'Fine' } })
})

t.test('createServer() answers a refusal as a decision, with status 200', async (t) => {
  const running = await startServer(t, { reviewers: only(async () => deny('Blind', 'Node a is blind.', ['look'])) })
  const { status, response } = await post(running, review())
  t.equal(status, 200)
  t.match(response, {
    allowed: false,
    status: { code: 403, reason: 'Blind', message: 'Node a is blind.' },
    warnings: ['look'],
  })
})

t.test('createServer() writes one line a decision, with names and without objects', async (t) => {
  const running = await startServer(t, { reviewers: only(async () => deny('Blind', 'Node a is blind.')) })
  const secret = { ...POD, spec: { containers: [{ name: 'app', env: [{ name: 'TOKEN', value: 'hunter2' }] }] } }
  await post(running, review({ object: secret, dryRun: true }))
  const lines = running.lines.filter(({ msg }) => msg === 'reviewed')
  t.match(lines, [
    {
      level: 'info',
      'sekisho.review.uid': /^b1a3/,
      'sekisho.review.path': 'mutate',
      'sekisho.review.operation': 'CREATE',
      'sekisho.review.kind': 'Pod',
      'k8s.namespace.name': 'shop',
      'k8s.pod.name': 'web-*',
      'user.name': 'alice',
      'sekisho.verdict': 'deny',
      'sekisho.reason': 'Blind',
      'sekisho.detail': 'Node a is blind.',
      'sekisho.review.dry_run': true,
      'sekisho.review.duration_seconds': Number,
    },
  ])
  t.notMatch(JSON.stringify(running.lines), /hunter2/)
})

t.test('createServer() cuts what an attacker names a thing before it is logged', async (t) => {
  const running = await startServer(t)
  await post(running, review({ name: 'n'.repeat(100_000), userInfo: { username: 'u\n'.repeat(100_000) } }))
  const line = running.lines.find(({ msg }) => msg === 'reviewed')
  t.ok(JSON.stringify(line).length < 2000)
})

const deep = (depth: number, leaf = '1') => '['.repeat(depth) + leaf + ']'.repeat(depth)
const raw = JSON.stringify(review())
const malformed: [
  what: string,
  body: string | Buffer,
  code: keyof typeof ADMISSION_ERRORS,
  headers?: Record<string, string>,
  path?: string,
][] = [
  ['no body', '', 'BadJson'],
  ['half a body', raw.slice(0, -20), 'BadJson'],
  ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0x80]), 'BadJson'],
  ['two documents', raw + raw, 'BadJson'],
  ['a bare word', 'hello', 'BadJson'],
  ['a number', '5', 'BadReview'],
  ['null', 'null', 'BadReview'],
  ['another content type', raw, 'BadContentType', { 'content-type': 'text/plain' }],
  ['protobuf', raw, 'BadContentType', { 'content-type': 'application/vnd.kubernetes.protobuf' }],
  ['no content type', raw, 'BadContentType', { 'content-type': '' }],
  ['a __proto__ key', raw.replace('"labels":{', '"labels":{"__proto__":{"allowed":true},'), 'BadJson'],
  ['an escaped __proto__ key', raw.replace('"labels":{', '"labels":{"\\u005f_proto__":{"allowed":true},'), 'BadJson'],
  [
    'a constructor with a prototype',
    raw.replace('"labels":{', '"labels":{"constructor":{"prototype":{"x":1}},'),
    'BadJson',
  ],
  ['a __proto__ key deep inside', `{"a":${deep(50, '{"__proto__":{"allowed":true}}')}}`, 'BadJson'],
  [
    'a constructor with an escaped prototype',
    raw.replace('"labels":{', '"labels":{"constructor":{"\\u0070rototype":{"x":1}},'),
    'BadJson',
  ],
  ['v1beta1', raw.replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'), 'UnsupportedVersion'],
  [
    'a huge list in the wrong place',
    `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":[${'0,'.repeat(500_000)}0]}`,
    'BadReview',
  ],
  ['three million brackets', deep(3_000_000), 'BadReview'],
  ['a timeout that is none', raw, 'BadTimeout', {}, '/mutate?timeout=soon'],
  ['two timeouts', raw, 'BadTimeout', {}, '/mutate?timeout=1s&timeout=2s'],
  ['a resource nobody judges', raw.replace('"resource":"pods"', '"resource":"secrets"'), 'NoReviewer'],
  ['another path', raw, 'UnknownPath', {}, '/other'],
  ['more than the limit', Buffer.alloc(7 * 1024 * 1024 + 1, 0x20), 'BodyTooLarge'],
]
t.test('createServer() and malformed input', async (t) => {
  const running = await startServer(t)
  for (const [what, body, code, headers = {}, path] of malformed) {
    t.test(`createServer() answers ${what} with ${ADMISSION_ERRORS[code].status} and what is wrong`, async (t) => {
      const { status, text } = await post(running, body, { headers, ...(path ? { path } : {}) })
      t.equal(status, ADMISSION_ERRORS[code].status)
      t.match(text, new RegExp(`^Cannot .*\\(${code}\\)$`))
      t.ok(text.length < 600, 'short')
      t.equal((await post(running, raw)).status, 200, 'and goes on serving')
    })
  }
  t.test('createServer() pollutes no prototype', async (t) => {
    t.notOk('allowed' in {})
    t.notOk('x' in {})
  })
})

t.test('createServer() takes a body of 7 MiB', async (t) => {
  const running = await startServer(t)
  const padded = { ...POD, metadata: { ...POD.metadata, annotations: { a: 'x'.repeat(7 * 1024 * 1024 - 2000) } } }
  t.equal((await post(running, review({ object: padded }))).status, 200)
})

t.test('createServer() says that a body is nested too deeply when a reviewer runs over the stack', async (t) => {
  const walk = (value: unknown): number => (Array.isArray(value) ? 1 + walk(value[0]) : 0)
  const running = await startServer(t, {
    reviewers: only(async ({ object }) => allow('Fine', String(walk(object?.['x'])))),
  })
  const { status, text } = await post(
    running,
    raw.replace('"apiVersion":"v1",', `"apiVersion":"v1","x":${deep(500_000)},`),
  )
  t.equal(status, 400)
  t.match(text, /TooDeep/)
})

t.test('createServer() answers faults of ours with 500 and no detail, and logs them', async (t) => {
  const running = await startServer(t, {
    reviewers: only(async () => {
      throw new TypeError('secret internals')
    }),
  })
  const { status, text } = await post(running, review())
  t.equal(status, 500)
  t.match(
    text,
    /^Cannot judge: the review b1a3.* ended in a fault of ours\. .*log of sekisho-webhook.*\(ReviewFailed\)$/,
  )
  t.notMatch(text, /secret internals/)
  t.match(
    running.lines.filter(({ level }) => level === 'error'),
    [{ msg: 'review failed', 'sekisho.review.uid': /^b1a3/ }],
  )
  t.match(JSON.stringify(running.lines), /secret internals/)
})

t.test('createServer() answers 503 while the cluster is not known', async (t) => {
  const running = await startServer(t, {
    reviewers: only(async () => {
      throw Object.assign(new Error('Cannot tell: nodes are not listed yet'), { name: 'NotSyncedError' })
    }),
  })
  const { status, text } = await post(running, review())
  t.equal(status, 503)
  t.match(text, /^Cannot tell: nodes are not listed yet\. Try again/)
})

t.test('createServer() answers 504 before the deadline of the API server', async (t) => {
  const running = await startServer(t, {
    reviewers: only(
      (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ),
  })
  const begin = performance.now()
  const { status, text } = await post(running, review(), { path: '/mutate?timeout=1s' })
  const took = performance.now() - begin
  t.equal(status, 504)
  t.match(text, /900 ms were over.*\(DeadlineOver\)/)
  t.ok(took >= 890 && took < 5000, `${took} ms`)
})

t.test('createServer() never answers a validating review with a patch', async (t) => {
  const running = await startServer(t, {
    reviewers: new Map([
      ['validate pods', async () => ({ ...allow('Fine', 'x'), patch: [{ op: 'remove' as const, path: '/x' }] })],
    ]),
  })
  t.equal((await post(running, review(), { path: '/validate' })).status, 500)
})

t.test('createServer() speaks HTTP/1.1 only, and TLS 1.2 or newer', async (t) => {
  const { port, ca } = await startServer(t)
  const shake = (options: object) =>
    new Promise<{ alpn: string | false | null; protocol: string | null } | string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem, ...options }, () => {
        resolve({ alpn: socket.alpnProtocol, protocol: socket.getProtocol() })
        socket.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  t.match(await shake({ ALPNProtocols: ['h2', 'http/1.1'] }), { alpn: 'http/1.1', protocol: 'TLSv1.3' })
  t.match(await shake({ maxVersion: 'TLSv1.2' }), { protocol: 'TLSv1.2' })
  t.match(await shake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), /^ERR_SSL/)
})

t.test('createServer() keeps an idle connection longer than the 90 s of the API server', async (t) => {
  const running = await startServer(t)
  const { headers } = await post(running, review(), { agent: new https.Agent({ keepAlive: true }) })
  const seconds = Number(/timeout=(\d+)/.exec(String(headers['keep-alive']))?.[1])
  t.ok(seconds > 90, `${seconds} s`)
})

t.test('createServer() answers on a connection that idled for most of its keep-alive', async (t) => {
  const running = await startServer(t, { keepAliveMs: 1500 })
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ports = new Set<number | undefined>()
  agent.on('free', (socket) => ports.add(socket.localPort))
  await post(running, review(), { agent })
  await sleep(1000)
  t.equal((await post(running, review(), { agent })).status, 200)
  t.equal(ports.size, 1, 'the same connection')
})

t.test('createServer() outlives bytes that are no HTTP, no TLS, or that never end', async (t) => {
  const running = await startServer(t)
  const net = await import('node:net')
  const send = (bytes: string | Buffer, secure: boolean) =>
    new Promise<void>((resolve) => {
      const options = { port: running.port, host: '127.0.0.1' }
      const socket = secure
        ? connect({ ...options, servername: 'localhost', ca: running.ca.certPem })
        : net.connect(options)
      socket.on('error', () => {}).on('close', () => resolve())
      socket.write(bytes)
      setTimeout(() => socket.destroy(), 200)
    })
  await Promise.all([
    send('GET / HTTP/1.1\r\n\r\n', false),
    send(Buffer.from('160301ffff0100', 'hex'), false),
    send('\0\0\0\0', true),
    send('POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{"a"', true),
    send('POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n', true),
    send('POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', true),
    send(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`, true),
    send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', true),
  ])
  t.equal((await post(running, review())).status, 200)
})

t.test('createServer() judges pods/resize by its own reviewer', async (t) => {
  const running = await startServer(t, {
    reviewers: new Map([...ALLOW_ALL, ['validate pods/resize', async () => deny('No', 'no')]]),
  })
  const { response } = await post(running, review({ subResource: 'resize' }), { path: '/validate' })
  t.equal(response.allowed, false)
})
