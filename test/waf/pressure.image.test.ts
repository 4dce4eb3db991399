/** What a client does to a Pod's WAF with broken, endless and half requests. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { inOwnNetwork, POD_IP } from './own-network.ts'
import { ask, startApp, startPod, until } from './pod.ts'

await inOwnNetwork(import.meta.filename)
const { server, seen } = await startApp()
const pod = await startPod({ env: { SEKISHO_BODY_LIMIT_BYTES: '13107200' } })
t.teardown(async () => {
  server.close()
  await pod.stop()
})
const HEAD =
  'POST /upload HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nContent-Type: multipart/form-data; boundary=XX\r\n'
const PART =
  '--XX\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n'
const MEGABYTE = 'abc '.repeat(1 << 18)
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
/** KiB in use in the temp volume, and the files of bodies in it. */
const tmp = async () => {
  const { stdout } = await pod.waf.exec(['sh', '-c', 'du -sk /tmp | cut -f1; ls /tmp/sekisho/body | wc -l'])
  const [kib, files] = stdout.trim().split('\n').map(Number)
  return { kib: kib!, files: files! }
}
/** Workers and master of nginx: what they hold in memory (not the temp volume), in MiB. */
const resident = () => {
  const inside = readlinkSync(`/proc/${pod.waf.pid}/ns/pid`)
  let kib = 0
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      if (readlinkSync(`/proc/${entry}/ns/pid`) === inside)
        kib += Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      // A process that has ended meanwhile.
    }
  return Math.round(kib / 1024)
}
const files = async () => (await pod.waf.exec(['ls', '/tmp/sekisho/body'])).stdout.trim().split('\n')
const upload = (bytes: number) =>
  ask('/upload', {
    headers: { 'content-type': 'multipart/form-data; boundary=XX' },
    body: `${PART}${'abc '.repeat(bytes / 4)}\r\n--XX--\r\n`,
  })

interface Raw {
  readonly socket: Socket
  text: string
  closed: boolean
}
/** A connection that only ever sends what it is told. */
const raw = (): Promise<Raw> =>
  new Promise((done, failed) => {
    const socket = connect(15080, POD_IP, () => done(one))
    const one: Raw = { socket, text: '', closed: false }
    socket.on('data', (data) => {
      one.text += String(data)
    })
    socket.on('error', failed)
    socket.on('close', () => {
      one.closed = true
    })
  })
/** Sends a chunked body in pieces, and returns what came back, without ever closing the connection itself. */
const chunked = async (pieces: readonly string[], head = '') => {
  const one = await raw()
  one.socket.write(`${HEAD}${head}Transfer-Encoding: chunked\r\n\r\n`)
  for (const piece of pieces) {
    if (one.text !== '' || one.closed) break
    // Not waited for: a server that has given up on the body stops reading.
    one.socket.write(piece)
    await sleep(40)
  }
  await until('an answer or the end', () => one.text !== '' || one.closed, 20)
  return one
}
const status = ({ text }: Raw) => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])

t.test(
  'chunked bodies over the limit and broken ones do not keep the temp volume: others are answered again',
  async (t) => {
    const over = [PART, ...Array(14).fill(MEGABYTE)].map(chunk)
    const broken = [...[PART, ...Array(8).fill(MEGABYTE)].map(chunk), 'zz\r\n']
    const sent: Raw[] = []
    for (const pieces of [over, over, over, over, over, broken, broken, broken]) sent.push(await chunked(pieces))
    t.comment(sent.map(status).join(' '), JSON.stringify(await tmp()))
    t.ok(sent.every((one) => [413, 400, 503].includes(status(one))))
    t.ok((await tmp()).kib > 40_000)
    await until('half of the temp volume to be free', async () => (await tmp()).kib <= 33_500, 90)
    const after = await upload(300_000)
    t.equal(after.status, 200, 'an upload finds room again')
    for (const { socket } of sent) socket.destroy()
  },
)

t.test('the file of a body whose worker was killed goes, that of one which is still being sent does not', async (t) => {
  const slow = await raw()
  const pieces = [PART, MEGABYTE].map(chunk)
  slow.socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${pieces.join('')}`)
  await pod.waf.exec(['sh', '-c', 'echo orphan > /tmp/sekisho/body/0000009999'])
  const others = await files()
  await until('the sweep', async () => !(await files()).includes('0000009999'), 20)
  for (let round = 0; round < 6; round++) {
    slow.socket.write(chunk(MEGABYTE))
    await sleep(1500)
    t.strictSame(
      await files(),
      others.filter((name) => name !== '0000009999'),
    )
  }
  slow.socket.write(`${chunk('\r\n--XX--\r\n')}0\r\n\r\n`)
  await until('its answer', () => slow.text.includes('\r\n\r\n'))
  t.equal(status(slow), 200)
  t.ok(seen.at(-1)!.bytes > 7_000_000)
  slow.socket.destroy()
})

t.test(
  'three thousand half requests leave room for whole ones and for the probes, and end by themselves',
  async (t) => {
    const before = resident()
    const half: Raw[] = []
    for (let at = 0; at < 3000; at += 100) half.push(...(await Promise.all(Array.from({ length: 100 }, raw))))
    for (const { socket } of half) socket.write('GET / HTTP/1.1\r\nHost: shop.example\r\nX-Half: ')
    for (let round = 0; round < 10; round++) {
      t.ok(await pod.ready())
      t.ok(await pod.live())
      t.equal((await ask('/')).status, 200)
    }
    const open = half.filter(({ closed }) => !closed).length
    const after = resident()
    t.comment(`${open} open; ${before} MiB before, ${after} MiB with them`)
    t.equal(open, 3000)
    t.ok(after - before < 100)
    await until('all to be closed', () => half.every(({ closed }) => closed), 60)
    t.ok(await pod.ready())
  },
)
