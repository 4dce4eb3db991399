/**
 * What the IDS sees on a wire: each kind of attack gives one alert, however many packets it has, everyday traffic gives none, and nothing of
 * it is lost while rules are reloaded. The canary's alert goes to the agent alone.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type Alert, ownRules, startStation } from './station.ts'
import { eventually } from './wire.ts'

const C2 = '198.51.100.7'
const station = await startStation({ env: { SEKISHO_IDS_C2: `${C2},2001:db8:c2::/48` } })
t.teardown(() => station.close())
const { node, outside } = station

const oneAlert = async (sid: number) => {
  const log = () => `the container's log:\n${station.ids.stdout()}${station.ids.stderr()}`
  await eventually(async () => (station.alerts(sid).length > 0 ? true : undefined), log)
  // A second one would come within the same second; the wait is that of the slowest rule to be wrong.
  await sleep(2000)
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

/** Sends a datagram from the node as the agent does: to the group, on the interface with the node's address. */
const send = async (payload: Buffer, port = 20530, group = '239.255.83.75') => {
  const { stdout } = await node.run(
    process.execPath,
    '-e',
    `const socket = require('node:dgram').createSocket('udp4')
    socket.bind(0, () => {
      socket.setMulticastInterface('${node.address}')
      socket.setMulticastTTL(1)
      socket.send(Buffer.from('${payload.toString('hex')}', 'hex'), ${port}, '${group}', () => { console.log('sent'); socket.close() })
    })`,
  )
  if (stdout !== 'sent\n') throw new Error('the datagram was not sent')
}
const query = (...labels: string[]): Buffer =>
  Buffer.concat([
    Buffer.from('010201000001000000000000', 'hex'),
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from('0000010001', 'hex'),
  ])
const canary = (nonce: string) => query(nonce, 'canary', 'sekisho', 'invalid')

await station.capturing('eth0')

t.test('sekisho-ids runs as 65532 with NET_RAW alone, its shell with nothing', async (t) => {
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

t.test('rule 1000000: a canary is told to the agent with its nonce and interface, and to nobody else', async (t) => {
  const nonce = '0123456789abcdef'.repeat(2)
  await send(canary(nonce.toUpperCase()))
  await send(canary(nonce.slice(1)))
  await send(query(nonce, 'canary', 'sekisho', 'example'))
  await send(canary(nonce), 20531)
  await send(canary(nonce), 20530, '239.255.83.76')
  await send(canary(nonce))
  const told = () => station.eve.filter(({ event_type }) => event_type === 'alert') as unknown as Alert[]
  await eventually(
    async () => (told().length > 0 ? true : undefined),
    () => station.ids.stdout(),
  )
  await sleep(1500)
  t.equal(told().length, 1)
  t.match(told()[0], { in_iface: 'eth0', src_ip: node.address, alert: { signature_id: 1000000 } })
  t.equal(Buffer.from(told()[0]!.payload!, 'base64').toString('latin1', 13, 45), nonce)
  t.notMatch(station.ids.stdout(), /canary/i)
})

t.test('everyday traffic gives no alert: 300 new connections to an open port within seconds', async (t) => {
  await node.serve(SERVER)
  t.equal((await get('/')).stdout, '200')
  const { stdout } = await outside.run(
    process.execPath,
    '-e',
    `let left = 300
    const next = () => left-- > 0 && require('node:net').connect(8080, '${node.address}', function () { this.end().resume() }).on('close', next)
    for (let lane = 0; lane < 8; lane++) next()
    process.on('exit', () => console.log('done'))`,
  )
  t.equal(stdout.trim(), 'done')
  await sleep(2000)
  t.same(
    station.lines().filter((line) => line['event_type'] === 'alert'),
    [],
  )
})

t.test('each attack is one alert while rules are reloaded 20 times', async (t) => {
  const loaded = async () => {
    const { message } = await station.command('ruleset-stats')
    const time = (await station.command('ruleset-reload-time')).message[0].last_reload as string
    return { rules: message[0].rules_loaded as number, failed: message[0].rules_failed as number, time }
  }
  let reloads = 0
  let attacking = true
  const reloading = (async () => {
    let last = await loaded()
    let now = last
    for (let round = 1; round <= 20 || attacking; round++) {
      // One rule more or less each time, so that what is loaded shows that this very file was.
      const rules = Array.from(
        { length: round % 7 },
        (_, at) =>
          `alert tcp any any -> any 1 (msg:"n${at}"; content:"nobody says this ${at}"; sid:${2_000_000 + at};)\n`,
      )
      writeFileSync(join(station.runFolder, 'rules/sets/baseline/suricata.rules'), rules.join(''))
      // Refused while the last one is not yet at its end, which comes some time after its rules are there.
      await eventually(
        async () => ((await station.command('ruleset-reload-nonblocking')).return === 'OK' ? true : undefined),
        () => `reload ${round} was not begun`,
      )
      const before = last
      last = await eventually(
        async () => {
          now = await loaded()
          return now.time > before.time && now.rules === ownRules().size + rules.length ? now : undefined
        },
        () =>
          `reload ${round} of ${rules.length} rules did not show: ${JSON.stringify({ before, now })}\n${station.ids.stdout()}`,
        20_000,
      )
      t.equal(last.failed, 0)
      reloads++
    }
  })()

  t.match((await outside.run('nmap', '-sS', '-n', '-Pn', '-p', '9000-9999', '-T4', node.address)).stdout, '1 host up')
  const flood = ['--tcp', '--flags', 'syn', '-S', 'rand', '-p', '8080', '--rate', '3000', '-c', '6000', '-N', '-HNqqq']
  t.equal((await outside.run('nping', ...flood, node.address)).code, 0)
  // Somebody has to answer ARP for what lies behind the gateway; nobody answers the call itself.
  for (let call = 0; call < 20; call++) await send(Buffer.from(`call ${call}`), 4444, C2)
  for (let call = 0; call < 5; call++) t.equal((await get('/id')).stdout, '200')
  // A canary in each part of a reload, none of which may be missed.
  const nonces = Array.from({ length: 20 }, (_, at) => at.toString(16).padStart(32, '0'))
  for (const nonce of nonces) {
    await send(canary(nonce))
    await sleep(150)
  }
  attacking = false
  await reloading
  t.ok(reloads >= 20, `${reloads} reloads`)

  const scan = await oneAlert(1000001)
  t.equal(scan.length, 1)
  t.match(scan[0], { host: 'node-a', flow: { src_ip: outside.address, dest_ip: node.address } })
  t.equal((await oneAlert(1000002)).length, 1)
  const shell = await oneAlert(1000003)
  t.equal(shell.length, 1)
  t.match(shell[0], { src_ip: node.address, alert: { signature: ownRules().get(1000003), action: 'allowed' } })
  const calls = await oneAlert(1000004)
  t.equal(calls.length, 1)
  t.match(calls[0], { src_ip: node.address, dest_ip: C2 })
  const caught = station.eve
    .filter((record) => record['event_type'] === 'alert' && record['alert'].signature_id === 1000000)
    .map((record) => Buffer.from(record['payload'], 'base64').toString('latin1', 13, 45))
  t.same(
    nonces.filter((nonce) => !caught.includes(nonce)),
    [],
    'canaries that no alert came for',
  )
})

t.test('every line of the log is JSON, and no alert holds a payload or what was requested', async (t) => {
  const alerts = station.lines().filter((line) => line['event_type'] === 'alert')
  t.equal(alerts.length, 4)
  t.same(
    new Set(alerts.map((line) => (line as { alert: { signature_id: number } }).alert.signature_id)),
    new Set([...ownRules().keys()].filter((sid) => sid !== 1000000)),
  )
  for (const key of ['payload', 'payload_printable', 'packet', 'http'])
    for (const alert of alerts) t.notOk(key in alert, key)
})

t.test('TERM ends it with exit code 0 within seconds', async (t) => {
  const begin = performance.now()
  t.equal(await station.ids.stop(20_000), 0)
  t.ok(performance.now() - begin < 15_000)
})
