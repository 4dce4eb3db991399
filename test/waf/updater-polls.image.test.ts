import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { inOwnNetwork } from './own-network.ts'
import { until } from './pod.ts'
import { type Bundle, bundleOf, issueCertificates, startUpdateService } from './update-service.ts'
import { startUpdater } from './updater.ts'

await inOwnNetwork(import.meta.filename)
const service = await startUpdateService()
/** Small enough to be fetched in no time: what the WAF would say of it is the test's to decide. */
const bundle = (name: string, more: Record<string, string> = {}): Promise<Bundle> => {
  const files = { 'REQUEST-901-X.conf': name, manifest: `sekisho-manifest 2\n${name}\n`, ...more }
  return bundleOf(new Map(Object.entries(files).map(([file, body]) => [file, Buffer.from(body)])))
}
const first = await bundle('first')
service.publish(first)
const updater = await startUpdater(service)
t.teardown(async () => {
  await updater.stop()
  await service.stop()
})
const last = () => service.current().at(-1)!
// One failure must not become that of all that follow.
t.afterEach(() => {
  service.faults.length = 0
})
const said = (pattern: RegExp) => until(`${pattern} in the log`, () => pattern.test(updater.container.stderr()))
/** Waits until so many more polls came. */
const polls = async (count = 1) => {
  const before = service.current().length
  await until(`${count} more polls`, () => service.current().length >= before + count)
}

t.test('sekisho-rules places the service’s bundle first in a new Pod, and tells it with the next poll', async (t) => {
  await until('the bundle to be wanted', () => updater.wanted() === first.generation)
  t.ok(await updater.started())
  t.strictSame(updater.sets(), [first.generation], 'no baseline was built before')
  t.strictSame(updater.files(first.generation), ['REQUEST-901-X.conf', 'manifest'])
  const [poll] = service.current()
  t.equal(poll!.headers['if-none-match'], '"-/-"')
  const nothing = { generation: '', state: 'waiting', engine: /^3\.\d+\.\d+$/ }
  t.match(poll!.report, { protocol: 1, image: /^sekisho-waf:/, requests: 0, blocked: 0, status: nothing })
  const id = service.order({ mode: 'block', sequence: 2 })
  await until('304', () => last().status === 304)
  t.equal(last().headers['if-none-match'], `"${first.generation}/${id}"`)
  const told = { generation: first.generation, wanted: first.generation, state: 'active', orders: id }
  t.match(last().report!.status, told)
  t.equal(service.downloads().length, 1)
  t.match(updater.read('orders'), /\nsequence 2\nmode block\n/)
  t.equal(Buffer.byteLength(updater.read('orders.sig'), 'latin1') > 0, true)
})

t.test('sekisho-rules takes a new bundle and new orders at the next poll, each asked of the WAF', async (t) => {
  const next = await bundle('next')
  service.publish(next)
  await until('the new bundle', () => updater.kicks.includes(next.generation))
  await until('304', () => last().status === 304)
  const asked = updater.kicks.length
  const id = service.order({ mode: 'detect', sequence: 3 })
  await until('the new orders', () => last().headers['if-none-match'] === `"${next.generation}/${id}"`)
  t.strictSame(updater.kicks.slice(asked), [':orders'], 'the bundle was not asked for again')
})

t.test('sekisho-rules counts what requests.prom counts', async (t) => {
  await updater.container.exec([
    'sh',
    '-c',
    `mkdir -p /run/sekisho/waf/metrics
     printf 'sekisho_waf_requests_total{outcome="%s"} %s\\n' passed 90 blocked 7 rejected 2 failed 1 > /run/sekisho/waf/metrics/requests.prom`,
  ])
  await until('the counts', () => last().report!.requests === 100)
  t.equal(last().report!.blocked, 7)
})

t.test('sekisho-rules cuts a report to 4 KiB, whatever status.json says', async (t) => {
  const detail = '\u0001"\\\u{1f980}'.repeat(300)
  updater.say({ detail })
  await until('the cut report', () => String(last().report!.status['detail']).length > 100)
  t.ok(Buffer.from(String(last().headers['sekisho-report']), 'base64').length <= 4096)
  t.ok(detail.startsWith(String(last().report!.status['detail'])))
  updater.say({ detail: '' })
  await polls(2)
})

t.test('sekisho-rules reads the token anew for each poll, and keeps what it has while it is not taken', async (t) => {
  const { generation } = service.wanted!
  service.setToken('renewed.token.x')
  await until('the new token', () => last().headers.authorization === 'Bearer renewed.token.x' && last().status === 304)
  service.setToken('not.known.x', { known: false })
  await until('401', () => last().status === 401)
  await said(/HTTP 401: .*TokenInvalid/)
  t.equal(updater.wanted(), generation)
  for (const bad of ['', 'two words', 'quote"\\']) {
    service.setToken(bad, { known: false })
    const { length } = service.polls
    await sleep(2500)
    t.equal(service.polls.length, length, `nothing is asked with the token '${bad}'`)
  }
  service.setToken('known.again.x')
  await until('the token', () => last().headers.authorization === 'Bearer known.again.x' && last().status === 304, 90)
  await said(/The service answers again/)
})

/** Answers with this as the text. */
const answers = (body: string | Buffer, status = 200, headers: Record<string, string> = {}) =>
  service.faults.push([/current$/, (_, response) => void response.writeHead(status, headers).end(body)])
const good = () => {
  service.faults.length = 0
}
const ORDERS = `orders ${Buffer.from('x').toString('base64')}\norders-signature ${'A'.repeat(86)}==\n`
const HASH = '0'.repeat(64)
const NAMED = `generation crs-1-x\nsha256 ${HASH}\nbytes 9\n`
const wrongTexts: [what: string, text: string, said: RegExp][] = [
  ['HTML', '<!DOCTYPE html>\n<html><body>Sign in to the network</body></html>\n', /line 1 is not/],
  ['nothing', '', /it ends after 0 lines/],
  ['another version', `sekisho-current 2\n${NAMED}${ORDERS}`, /line 1 is not/],
  [
    'a name that is a path',
    `sekisho-current 1\n${NAMED.replace('crs-1-x', '../../etc')}${ORDERS}`,
    /line 2: the value/,
  ],
  ['a name with two dots', `sekisho-current 1\n${NAMED.replace('crs-1-x', 'crs..x')}${ORDERS}`, /line 2: the value/],
  ['a short sum', `sekisho-current 1\n${NAMED.replace(HASH, '0')}${ORDERS}`, /line 3: the value/],
  ['a size with a sign', `sekisho-current 1\n${NAMED.replace('bytes 9', 'bytes -9')}${ORDERS}`, /line 4: the value/],
  ['lines in another order', `sekisho-current 1\n${ORDERS}${NAMED}`, /line 4 is one too many/],
  ['a line more', `sekisho-current 1\n${NAMED}${ORDERS}more x\n`, /line 7 is one too many/],
  ['no orders', `sekisho-current 1\n${NAMED}`, /it ends after 4 lines/],
  [
    'orders that are no base64',
    `sekisho-current 1\n${NAMED}${ORDERS.replace('orders e', 'orders $(e')}`,
    /line 5: the value/,
  ],
  ['carriage returns', `sekisho-current 1\n${NAMED}${ORDERS}`.replaceAll('\n', '\r\n'), /line 1 is not/],
  ['a megabyte', `sekisho-current 1\n${'x'.repeat(1 << 20)}`, /[Ee]xceeded the maximum allowed file size/],
]
for (const [what, body, expected] of wrongTexts)
  t.test(`sekisho-rules takes nothing from an answer with ${what}`, async (t) => {
    const before = [updater.wanted(), ...updater.sets(), updater.read('orders'), updater.read('orders.sig')]
    const { length } = updater.container.stderr()
    answers(body)
    await until(`${expected} in the log`, () => expected.test(updater.container.stderr().slice(length)))
    t.strictSame([updater.wanted(), ...updater.sets(), updater.read('orders'), updater.read('orders.sig')], before)
    good()
    await until('a good answer', () => last().status === 304)
    t.strictSame(updater.left(), [])
  })

t.test('sekisho-rules follows no redirect', async (t) => {
  const { length } = service.polls
  service.faults.push([
    /current$/,
    (_, response) => void response.writeHead(302, { location: '/elsewhere', 'sekisho-interval': '1' }).end(),
  ])
  await said(/HTTP 302/)
  t.ok(service.polls.slice(length).every(({ path }) => path !== '/elsewhere'))
  good()
  await until('a good answer', () => last().status === 304)
})

t.test('sekisho-rules ends an answer whose headers do not end, and one that never comes', async (t) => {
  service.faults.push([
    /current$/,
    (request) => void request.socket.write(`HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(1000)}\r\n`.repeat(2000)}`),
  ])
  await said(/[Tt]oo large response headers|Failed reading the chunked|Failure when receiving|header/)
  good()
  await until('a good answer', () => last().status === 304)
  service.faults.push([/current$/, () => {}])
  await said(/timed out/)
  t.ok(await updater.started(), 'other commands go on')
  good()
  await until('a good answer', () => last().status === 304)
})

t.test('sekisho-rules keeps to the interval that it is told, within bounds', async (t) => {
  service.interval = 4
  service.jitter = 2
  await polls(2)
  const from = service.current().length
  await polls(4)
  const gaps = service
    .current()
    .slice(from)
    .map(({ at }, i) => at - service.current()[from + i - 1]!.at)
  t.comment(gaps.join(' '))
  t.ok(
    gaps.every((gap) => gap >= 1000),
    'never sooner than interval − jitter, to a second',
  )
  service.interval = 0
  await polls(2)
  const { length } = service.current()
  await sleep(5000)
  t.ok(service.current().length - length <= 6, '0 is 1')
  service.interval = 1
  service.jitter = 0
})

t.test('sekisho-rules believes the CA it was given, and no other', async (t) => {
  await service.close()
  await service.listen(await issueCertificates())
  const { length } = service.polls
  await said(/SSL certificate/)
  t.equal(service.polls.length, length, 'no token was shown to it')
  await service.close()
  await service.listen()
  await until('a good answer', () => last().status === 304 && Date.now() - last().at < 2000)
})

t.test('sekisho-rules believes a renewed CA from the last bundle that passed its probes', async (t) => {
  const renewed = await issueCertificates()
  const carrying = await bundle('carries a CA', { 'ca.crt': renewed.ca })
  service.publish(carrying)
  await until('it to be active', () => last().headers['if-none-match']!.includes(carrying.generation))
  await service.close()
  await service.listen(renewed)
  await until('a poll with the renewed certificate', () => Date.now() - last().at < 1500 && last().status === 304)
  await service.close()
  await service.listen()
  await until('a poll with the first one', () => Date.now() - last().at < 1500 && last().status === 304)
  // What cannot be read must not lock out.
  const broken = await bundle('carries nonsense', {
    'ca.crt': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  })
  service.publish(broken)
  await until('it to be active', () => last().headers['if-none-match']!.includes(broken.generation), 90)
  await polls(2)
  t.equal(updater.wanted(), broken.generation)
})

t.test(
  'sekisho-rules waits longer and longer while the service is away, and asks no storm when it is back',
  async (t) => {
    await service.close()
    await sleep(20_000)
    await service.listen()
    const back = Date.now()
    const { length } = service.current()
    await until('a poll', () => service.current().length > length, 120)
    t.comment(`asked ${((service.current()[length]!.at - back) / 1000).toFixed(1)} s after it was back`)
    await sleep(3500)
    t.ok(service.current().length - length <= 5, 'then at the interval again')
    t.ok(await updater.started())
  },
)

t.test('sekisho-rules ends at once when it is told to', async (t) => {
  const since = Date.now()
  t.equal(await updater.container.stop(), 0)
  t.ok(Date.now() - since < 5000)
})
