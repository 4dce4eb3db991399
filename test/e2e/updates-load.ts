/**
 * A process on the node that loads a Service as visitors do: `node updates-load.ts ADDRESS`. Requests over keep-alive connections, uploads of
 * 3 MB, attacks, and WebSockets that echo. It ends with its stdin, and prints what happened as one line of JSON: each answer that was none, or
 * another than it must be, is a failure.
 */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Loaded {
  readonly requests: number
  readonly uploads: number
  readonly attacks: number
  readonly echoes: number
  /** WebSockets that the WAF closed between two messages; each was opened again. */
  readonly closed: number
  /** The shortest life of such a one, in seconds. */
  readonly shortestSeconds: number
  readonly failed: readonly string[]
}

const SQLI = `/?id=${encodeURIComponent("1' UNION SELECT user,password FROM users--")}`
const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const upload = Buffer.concat([
  Buffer.from(
    '--limit\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n',
  ),
  Buffer.alloc(3 << 20, 'tea '),
  Buffer.from('\r\n--limit--\r\n'),
])
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=limit', 'content-length': String(upload.length) }

if (import.meta.main) {
  const host = process.argv[2]!
  const count = { requests: 0, uploads: 0, attacks: 0, echoes: 0, closed: 0, shortestSeconds: Number.POSITIVE_INFINITY }
  const failed: string[] = []
  const fail = (what: string) => void failed.push(`${new Date().toISOString()} ${what}`)
  let over = false

  const ask = (agent: Agent, path: string, body?: Buffer) =>
    new Promise<{ status: number; text: string } | Error>((resolve) => {
      const headers = { host: 'shop.example', accept: '*/*', ...(body && MULTIPART) }
      const sent = request({ host, path, agent, headers, method: body ? 'POST' : 'GET', timeout: 60_000 }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('error', resolve)
        answer.on('end', () => resolve({ status: answer.statusCode!, text }))
      })
      sent.on('timeout', () => sent.destroy(new Error('no answer within 60 s')))
      sent.on('error', resolve)
      sent.end(body)
    })
  const loop = async (
    kind: 'requests' | 'uploads' | 'attacks',
    pauseMs: number,
    path: string,
    status: number,
    holds: string,
    body?: Buffer,
  ) => {
    let agent = new Agent({ keepAlive: true, maxSockets: 1 })
    // Another Pod now and then: a connection stays with the Pod that took it.
    for (let i = 1; !over; i++) {
      if (i % 200 === 0) {
        agent.destroy()
        agent = new Agent({ keepAlive: true, maxSockets: 1 })
      }
      const answer = await ask(agent, path, body)
      if (answer instanceof Error) fail(`${kind}: ${answer.message}`)
      else if (answer.status !== status || !answer.text.includes(holds))
        fail(`${kind}: ${answer.status} ${answer.text}`)
      else count[kind]++
      await sleep(Math.random() * 2 * pauseMs)
    }
    agent.destroy()
  }
  const echo = async () => {
    while (!over) {
      const opened = performance.now()
      const socket = connect(80, host)
      socket.on('error', (error) => fail(`websocket: ${error.message}`))
      const ended = once(socket, 'close').catch(() => {})
      let heard = ''
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        heard += chunk
      })
      const hears = async (text: string) => {
        for (let waited = 0; waited < 30_000 && !heard.includes(text); waited += 10) {
          if (socket.destroyed) return false
          await sleep(10)
        }
        return heard.includes(text)
      }
      socket.write(UPGRADE)
      if (!(await hears('\r\n\r\n')) || !heard.startsWith('HTTP/1.1 101 ')) fail(`websocket: not opened: ${heard}`)
      for (let i = 0; !over && !socket.destroyed && !socket.readableEnded; i++) {
        heard = ''
        socket.write(`<${i}>`)
        if (await hears(`<${i}>`)) count.echoes++
        else if (!socket.destroyed && !socket.readableEnded) fail('websocket: no echo')
        await Promise.race([sleep(100), ended])
      }
      if (!over) {
        count.closed++
        count.shortestSeconds = Math.min(count.shortestSeconds, (performance.now() - opened) / 1000)
      }
      socket.destroy()
    }
  }

  process.stdin.resume().on('end', () => {
    over = true
  })
  const ours = Array.from({ length: 6 }, () => loop('requests', 30, '/?item=tea', 200, 'welcome'))
  await Promise.all([
    ...ours,
    ...Array.from({ length: 2 }, () => loop('attacks', 60, SQLI, 403, '')),
    loop('uploads', 200, '/upload', 200, `${upload.length} bytes`, upload),
    ...Array.from({ length: 3 }, echo),
  ])
  console.log(JSON.stringify({ ...count, failed } satisfies Loaded))
}
