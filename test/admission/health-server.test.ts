/** The health server: what the kubelet and Prometheus see. */
import t from 'tap'
import { post, review, startServer, temporaryDirectory } from './support.ts'

const get = (port: number, path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)

t.test('createHealthServer() names each check and why it does not pass', async (t) => {
  let synced = false
  const running = await startServer(t, { checks: { caches: () => (synced ? undefined : 'nodes are not listed yet') } })
  const before = await get(running.healthPort, '/healthz/ready')
  t.equal(before.status, 503)
  t.equal(await before.text(), 'serving: ok\ncertificate: ok\ncaches: nodes are not listed yet\n')
  t.match(await (await get(running.healthPort, '/metrics')).text(), /sekisho_ready\{check="caches"\} 0/)
  synced = true
  const after = await get(running.healthPort, '/healthz/ready')
  t.equal(after.status, 200)
  t.match(await (await get(running.healthPort, '/metrics')).text(), /sekisho_ready\{check="caches"\} 1/)
})

t.test('createHealthServer() is not ready without a certificate, or with one that expired', async (t) => {
  const bare = await startServer(t, { tls: { directory: temporaryDirectory(t) } })
  const none = await get(bare.healthPort, '/healthz/ready')
  t.equal(none.status, 503)
  t.match(await none.text(), /certificate: Cannot read tls.crt and tls.key in .*: they are not there yet\./)
  const old = await startServer(t, { now: () => Date.now() + 31 * 86_400_000 })
  const expired = await get(old.healthPort, '/healthz/ready')
  t.equal(expired.status, 503)
  t.match(await expired.text(), /certificate: the certificate expired at 20/)
})

t.test('createHealthServer() counts decisions and errors', async (t) => {
  const running = await startServer(t)
  await post(running, review())
  await post(running, '{')
  await post(running, '{}', { path: '/other' })
  const metrics = await (await get(running.healthPort, '/metrics')).text()
  t.match(metrics, /sekisho_admission_reviews_total\{path="mutate",resource="pods",verdict="allow",reason="Fine"\} 1/)
  t.match(metrics, /sekisho_admission_errors_total\{code="BadJson"\} 1/)
  t.match(metrics, /sekisho_admission_errors_total\{code="UnknownPath"\} 1/)
  t.match(metrics, /sekisho_admission_errors_total\{code="ReviewFailed"\} 0/)
  t.match(metrics, /sekisho_admission_duration_seconds_bucket\{le="0.0005",path="mutate",resource="pods"\} \d/)
  t.match(metrics, /sekisho_admission_in_flight 0/)
  t.match(metrics, /sekisho_tls_certificate_not_after_timestamp_seconds 1\d{9}/)
  t.match(metrics, /sekisho_build_info\{version="test"\} 1/)
})

t.test('createHealthServer() answers nothing else', async (t) => {
  const { healthPort } = await startServer(t)
  t.equal((await get(healthPort, '/mutate')).status, 404)
  t.equal((await get(healthPort, '/metrics', { method: 'POST', body: 'x' })).status, 405)
  const head = await get(healthPort, '/healthz/live', { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
})
