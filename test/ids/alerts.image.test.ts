/** What the IDS sees on a wire: each kind of attack gives one alert, however many packets it has, and everyday traffic gives none. */
import t from 'tap'
import { ownRules, startStation } from './station.ts'
import { eventually } from './wire.ts'

const station = await startStation()
t.teardown(() => station.close())
const { node, outside } = station

const oneAlert = async (sid: number) => {
  const log = () => `the container's log:\n${station.ids.stdout()}${station.ids.stderr()}`
  await eventually(async () => (station.alerts(sid).length > 0 ? true : undefined), log)
  // A second one would come within the same second; the wait is that of the slowest rule to be wrong.
  await new Promise((later) => setTimeout(later, 2000))
  return station.alerts(sid)
}

/** A web server on the node: `/id` answers as a program that somebody took over would. */
const SERVER = `require('node:http').createServer((request, response) => {
  response.end(request.url === '/id' ? 'uid=0(root) gid=0(root) groups=0(root)' : 'hello')
}).listen(8080, () => console.log('listening'))`
const get = (path: string) =>
  outside.run(
    'curl',
    '-sS',
    '--max-time',
    '20',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `http://${node.address}:8080${path}`,
  )

t.test('sekisho-ids runs as 65532 with NET_RAW alone, its shell with nothing', async (t) => {
  await station.readyLine(/no packet was seen yet on eth0$/)
  const { stdout } = await station.ids.exec([
    'sh',
    '-c',
    'for p in /proc/[0-9]*; do echo $(cat $p/comm) $(grep -E "^(Uid|CapPrm|CapEff|CapBnd)" $p/status); done',
  ])
  const none = '0000000000000000'
  const raw = '0000000000002000'
  t.match(stdout, `sekisho-ids Uid: 65532 65532 65532 65532 CapPrm: ${none} CapEff: ${none} CapBnd: ${raw}`)
  t.match(stdout, `Suricata-Main Uid: 65532 65532 65532 65532 CapPrm: ${raw} CapEff: ${raw} CapBnd: ${raw}`)
})

t.test('sekisho-ids-ready says not ready before packets and ready after', async (t) => {
  t.match(await station.ready(), { code: 1, line: 'not ready: no packet was seen yet on eth0' })
  await node.serve(SERVER)
  t.equal((await get('/')).stdout, '200')
  await station.readyLine(/^ready: 3 rules, [1-9][0-9]* packets seen on eth0$/)
  t.equal((await station.ready()).code, 0)
})

t.test('everyday traffic gives no alert: 300 new connections to an open port within seconds', async (t) => {
  const { stdout } = await outside.run(
    process.execPath,
    '-e',
    `let left = 300
    const next = () => left-- > 0 && require('node:net').connect(8080, '${node.address}', function () { this.end().resume() }).on('close', next)
    for (let lane = 0; lane < 8; lane++) next()
    process.on('exit', () => console.log('done'))`,
  )
  t.equal(stdout.trim(), 'done')
  await new Promise((later) => setTimeout(later, 2000))
  t.same(
    station.lines().filter((line) => line['event_type'] === 'alert'),
    [],
  )
})

t.test('rule 1000001: a SYN scan of 1000 ports is one alert', async (t) => {
  const { stdout } = await outside.run('nmap', '-sS', '-n', '-Pn', '-p', '9000-9999', '-T4', node.address)
  t.match(stdout, '1 host up')
  const alerts = await oneAlert(1000001)
  t.equal(alerts.length, 1)
  t.match(alerts[0], { host: 'node-a', flow: { src_ip: outside.address, dest_ip: node.address } })
})

t.test('rule 1000002: 6000 SYNs from forged addresses are one alert', async (t) => {
  const { code } = await outside.run(
    'nping',
    ...[
      '--tcp',
      '--flags',
      'syn',
      '-S',
      'rand',
      '-p',
      '8080',
      '--rate',
      '3000',
      '-c',
      '6000',
      '-N',
      '-HNqqq',
      node.address,
    ],
  )
  t.equal(code, 0)
  t.equal((await oneAlert(1000002)).length, 1)
})

t.test('rule 1000003: the reply of id is one alert', async (t) => {
  t.equal((await get('/id')).stdout, '200')
  const alerts = await oneAlert(1000003)
  t.equal(alerts.length, 1)
  t.match(alerts[0], { src_ip: node.address, alert: { signature: ownRules().get(1000003), action: 'allowed' } })
})

t.test('every line of the log is JSON, and no alert holds a payload or what was requested', async (t) => {
  const alerts = station.lines().filter((line) => line['event_type'] === 'alert')
  t.equal(alerts.length, 3)
  t.same(
    new Set(alerts.map((line) => (line as { alert: { signature_id: number } }).alert.signature_id)),
    new Set(ownRules().keys()),
  )
  for (const key of ['payload', 'payload_printable', 'packet', 'http'])
    for (const alert of alerts) t.notOk(key in alert, key)
})

t.test('TERM ends it with exit code 0 within seconds', async (t) => {
  const begin = performance.now()
  t.equal(await station.ids.stop(20_000), 0)
  t.ok(performance.now() - begin < 15_000)
})
