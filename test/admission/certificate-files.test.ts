/** watchCertificate and its server: a rotation on disk reaches new connections and drops none. */
import { rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import t from 'tap'
import { watchCertificate } from '../../src/admission/certificate-files.ts'
import {
  type Call,
  makeCa,
  makeLeaf,
  placePair,
  post,
  review,
  startServer,
  type TestServer,
  temporaryDirectory,
} from './support.ts'

const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`never: ${what}`)
}

const servedBy = ({ port, ca }: TestServer) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.certPem }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.on('error', reject)
  })

t.test('watchCertificate() sees the swap of the kubelet by its watch alone', async (t) => {
  const directory = temporaryDirectory(t)
  const ca = await makeCa()
  const [one, two] = [await makeLeaf(ca), await makeLeaf(ca)]
  placePair(directory, one)
  const options = { directory, onLoaded: () => {}, onRefused: () => {}, checkEveryMs: 3_600_000 }
  const files = watchCertificate(options)
  t.teardown(() => files.close())
  placePair(directory, two)
  await until('the new pair is taken', () => files.current?.cert === two.certPem)
})

t.test('createServer() takes a rotated certificate without dropping a connection', async (t) => {
  const running = await startServer(t)
  const before = await servedBy(running)
  const agent = new https.Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => agent.destroy())
  let sockets = 0
  const call: Call = { agent }
  const createConnection = agent.createConnection.bind(agent)
  agent.createConnection = ((...args: Parameters<typeof createConnection>) => {
    sockets++
    return createConnection(...args)
  }) as typeof createConnection

  let stop = false
  let answered = 0
  const load = Array.from({ length: 4 }, async () => {
    while (!stop) {
      const { status } = await post(running, review(), call)
      if (status !== 200) throw new Error(`status ${status}`)
      answered++
    }
  })
  const seen = new Set([before])
  for (let i = 0; i < 5; i++) {
    placePair(running.directory, await makeLeaf(running.ca))
    await until('the new certificate is served', async () => !seen.has(await servedBy(running)))
    seen.add(await servedBy(running))
  }
  stop = true
  await Promise.all(load)
  t.equal(seen.size, 6, 'six certificates were served')
  t.ok(answered > 50, `${answered} reviews were answered meanwhile`)
  t.equal(sockets, 4, 'on the four connections that were there at first')
})

t.test(
  'watchCertificate() keeps the old pair when the new one is broken or does not match, and says so once',
  async (t) => {
    const directory = temporaryDirectory(t)
    const ca = await makeCa()
    const [one, two] = [await makeLeaf(ca), await makeLeaf(ca)]
    placePair(directory, one)
    const refused: string[] = []
    let loaded = 0
    const files = watchCertificate({
      directory,
      onLoaded: () => loaded++,
      onRefused: (why) => refused.push(why),
      checkEveryMs: 20,
      settleMs: 5,
    })
    t.teardown(() => files.close())
    t.equal(files.current?.cert, one.certPem)

    placePair(directory, { certPem: two.certPem, keyPem: one.keyPem })
    await until('the mismatch is noticed', () => refused.length === 1)
    t.match(refused[0], /the key belongs to another certificate/)
    placePair(directory, { certPem: 'garbage', keyPem: two.keyPem })
    await until('the garbage is noticed', () => refused.length === 2)
    t.match(refused[1], /there is no certificate in it/)
    rmSync(join(directory, '..data'))
    await until('the loss is noticed', () => refused.length === 3)
    t.match(refused[2], /they are not there yet/)
    await sleep(100)
    t.equal(refused.length, 3, 'each is said once')
    t.equal(files.current?.cert, one.certPem, 'the first pair is still there')
    t.match(files.problem, /not there/)

    placePair(directory, two)
    await until('the good pair is taken', () => files.current?.cert === two.certPem)
    t.equal(files.problem, undefined)
    t.equal(loaded, 2)
  },
)

t.test('watchCertificate() notices by its own look what no watch tells', async (t) => {
  const directory = join(temporaryDirectory(t), 'later')
  const ca = await makeCa()
  const files = watchCertificate({ directory, onLoaded: () => {}, onRefused: () => {}, checkEveryMs: 20, settleMs: 5 })
  t.teardown(() => files.close())
  t.match(files.problem, /not there yet/)
  const { mkdirSync } = await import('node:fs')
  mkdirSync(directory)
  const pair = await makeLeaf(ca)
  writeFileSync(join(directory, 'tls.crt'), pair.certPem)
  writeFileSync(join(directory, 'tls.key'), pair.keyPem)
  await until('the pair is taken', () => files.current?.cert === pair.certPem)
})
