import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createEveStream, type EveAlert, type EveFlow, MAX_EVE_LINE } from '../../src/ids/eve-stream.ts'

const start = async (t: Test) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-eve-'))
  const path = join(folder, 'eve.socket')
  writeFileSync(path, 'left behind')
  const alerts: EveAlert[] = []
  const flows: EveFlow[] = []
  const eve = createEveStream({ path, alert: (one) => alerts.push(one), flow: (one) => flows.push(one) }, 1000000)
  await eve.listen()
  t.teardown(() => {
    eve.close()
    rmSync(folder, { recursive: true })
  })
  /** Writes and waits until all of it was read. */
  const write = (...chunks: (string | Buffer)[]) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(path)
      socket.on('error', reject)
      for (const chunk of chunks) socket.write(chunk)
      socket.end()
      const look = setInterval(() => {
        if (socket.writableFinished && eve.connections() === 0) {
          clearInterval(look)
          setImmediate(resolve)
        }
      }, 5)
    })
  return { eve, path, alerts, flows, write }
}
const alert = (sid: number, more: object = {}) =>
  `${JSON.stringify({ timestamp: '', in_iface: 'eth0', event_type: 'alert', proto: 'UDP', alert: { action: 'allowed', gid: 1, signature_id: sid, rev: 1 }, payload: Buffer.from('hello').toString('base64'), ...more })}\n`
const flow = (more: object = {}) =>
  `${JSON.stringify({ event_type: 'flow', proto: 'TCP', app_proto: 'tls', src_ip: '10.0.0.1', dest_ip: '10.0.0.2', flow: { state: 'closed' }, ...more })}\n`

t.test('createEveStream() takes alerts of the canary alone, with their interface and payload', async (t) => {
  const { alerts, write, path, eve } = await start(t)
  t.equal(statSync(path).mode & 0o777, 0o660)
  await write(alert(2100498), alert(1000000), alert(10000001), '{"event_type":"stats"}\n')
  t.strictSame(alerts, [{ signature: 1000000, interface: 'eth0', payload: Buffer.from('hello') }])
  t.equal(eve.dropped(), 0)
})

t.test('createEveStream() counts flows of TCP that got beyond their first packet', async (t) => {
  const { flows, write } = await start(t)
  await write(
    flow(),
    flow({ app_proto: 'http' }),
    flow({ proto: 'UDP' }),
    flow({ flow: { state: 'new' } }),
    flow({ src_ip: 7 }),
  )
  t.strictSame(flows, [
    { source: '10.0.0.1', destination: '10.0.0.2', tls: true },
    { source: '10.0.0.1', destination: '10.0.0.2', tls: false },
  ])
})

t.test('createEveStream() believes no text of an attacker for an event', async (t) => {
  const { alerts, flows, write, eve } = await start(t)
  const text = '"signature_id":1000000,"event_type":"flow"'
  await write(
    alert(2100498, { http: { url: text }, payload: text }),
    // What a field of another event says is not the event's own.
    `${JSON.stringify({ event_type: 'http', alert: { signature_id: 1000000, x: 1 }, in_iface: 'eth0', payload: '' })}\n`,
    alert(1000000, { payload: 5 }),
    alert(1000000, { in_iface: null }),
    '{"signature_id":1000000,\n',
    'null "signature_id":1000000,\n',
  )
  t.strictSame([alerts, flows], [[], []])
  t.equal(eve.dropped(), 2)
})

t.test('createEveStream() hears the next line after one that is too long, in bounded memory', async (t) => {
  const { alerts, write, eve } = await start(t)
  const junk = Buffer.alloc(1024 * 1024, '"event_type":"flow"')
  const before = process.memoryUsage().rss
  await write(
    ...Array.from({ length: 200 }, () => junk),
    '\n',
    alert(1000000, { pad: 'x'.repeat(MAX_EVE_LINE) }),
    alert(1000000),
  )
  t.equal(alerts.length, 1)
  t.equal(eve.dropped(), 2)
  t.ok(process.memoryUsage().rss - before < 150 * 1024 * 1024)
})
