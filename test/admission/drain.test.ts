/** drainWhenAsked, and the server under it: nobody who asks while we stop goes without an answer. */
import { once } from 'node:events'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import t from 'tap'
import { drainWhenAsked } from '../../src/admission/drain.ts'
import { allow } from '../../src/api/verdict.ts'
import { logOf, post, review, startServer } from './support.ts'

const promise = <T>() => Promise.withResolvers<T>()
const quiet = () => logOf([])

t.test('drainWhenAsked() first stops being ready, then waits, then closes', async (t) => {
  const steps: string[] = []
  const asked = promise<string>()
  const server = { startDraining: () => steps.push('draining'), close: async () => void steps.push('closed') }
  const wait = async (ms: number) => void steps.push(`waited ${ms}`)
  const done = drainWhenAsked({
    server,
    drainMs: 5000,
    log: quiet(),
    asked: asked.promise,
    insisted: promise<string>().promise,
    wait,
  })
  await sleep(5)
  t.same(steps, [], 'nothing before it is asked')
  asked.resolve('SIGTERM')
  t.equal(await done, 'drained')
  t.same(steps, ['draining', 'waited 5000', 'closed'])
})

t.test('drainWhenAsked() ends at once when it is asked again', async (t) => {
  const insisted = promise<string>()
  const done = drainWhenAsked({
    server: { startDraining: () => {}, close: async () => {} },
    drainMs: 60_000,
    log: quiet(),
    asked: Promise.resolve('SIGTERM'),
    insisted: insisted.promise,
    wait: () => new Promise(() => {}),
  })
  insisted.resolve('SIGTERM')
  t.equal(await done, 'cut off')
})

t.test('createServer() while draining is not ready, still answers, and asks for another connection', async (t) => {
  const running = await startServer(t)
  const ready = () => fetch(`http://127.0.0.1:${running.healthPort}/healthz/ready`)
  t.equal((await ready()).status, 200)
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  t.equal((await post(running, review(), { agent })).headers['connection'], 'keep-alive')
  running.server.startDraining()
  const probe = await ready()
  t.equal(probe.status, 503)
  t.match(await probe.text(), /^serving: stopping\ncertificate: ok\n/)
  t.equal((await fetch(`http://127.0.0.1:${running.healthPort}/healthz/live`)).status, 200, 'but alive')
  const old = await post(running, review(), { agent })
  t.equal(old.status, 200, 'on the old connection')
  t.equal(old.headers['connection'], 'close')
  const fresh = await post(running, review())
  t.equal(fresh.status, 200, 'on a new connection')
  t.equal(fresh.headers['connection'], 'close')
  t.equal((await post(running, '{')).headers['connection'], 'close', 'refusals say it too')
})

t.test('createServer() gives what was being judged its answer when it closes', async (t) => {
  const gate = promise<void>()
  const running = await startServer(t, {
    reviewers: new Map([
      [
        'mutate pods',
        async () => {
          await gate.promise
          return allow('Fine', 'x')
        },
      ],
    ]),
  })
  const agent = new https.Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const late = post(running, review(), { agent })
  await sleep(100)
  let closed = false
  const closing = running.server.close().then(() => {
    closed = true
  })
  await sleep(100)
  t.equal(closed, false, 'it waits')
  await t.rejects(post(running, review()), { code: 'ECONNREFUSED' }, 'nobody new comes in')
  gate.resolve()
  t.equal((await late).status, 200)
  await closing
})

t.test('createServer() closes without waiting for connections on which nothing was asked', async (t) => {
  const running = await startServer(t)
  const raw = net.connect(running.port, '127.0.0.1')
  const secure = tls.connect({ port: running.port, host: '127.0.0.1', rejectUnauthorized: false })
  for (const socket of [raw, secure]) socket.on('error', () => {})
  t.teardown(() => [raw, secure].forEach((socket) => void socket.destroy()))
  await Promise.all([once(raw, 'connect'), once(secure, 'secureConnect')])
  t.equal((await post(running, review())).status, 200)
  const begin = performance.now()
  await running.server.close()
  t.ok(performance.now() - begin < 5000, `it took ${Math.round(performance.now() - begin)} ms`)
})
