import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import type { SuricataError } from '../../src/ids/errors.ts'
import { interfaceCounts, ruleCounts } from '../../src/ids/suricata.ts'
import { createSuricataSocket } from '../../src/ids/suricata-socket.ts'

type Answer = (line: string, socket: Socket) => string | undefined
const HELLO = '{"version":"0.2"}'
const OK = '{"return":"OK"}\n'

/** A socket that answers as it is told; `heard` has each write as it came. */
const play = async (t: Test, answer: Answer) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-socket-'))
  const path = join(folder, 'command.socket')
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => heard.push(data.toString()))
    createInterface({ input: socket })
      .on('error', () => {})
      .on('line', (line: string) => {
        const text = line === HELLO ? (answer(line, socket) ?? OK) : answer(line, socket)
        if (text !== undefined && text !== '') socket.write(text)
      })
  })
  await new Promise<void>((listening) => server.listen(path, listening))
  let clock = 0
  const socket = createSuricataSocket({ path, monotonic: () => clock, timeoutMs: 300 })
  t.teardown(() => {
    socket.close()
    for (const one of sockets) one.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return { socket, heard, sockets, wait: (ms: number) => (clock += ms) }
}
const done = (message: unknown) => `${JSON.stringify({ message, return: 'OK' })}\n`

t.test('command() shakes hands once, sends each command in one write, one after another', async (t) => {
  const { socket, heard } = await play(t, (line) => (line === HELLO ? undefined : done(JSON.parse(line).command)))
  t.strictSame(await Promise.all([socket.command('a'), socket.command('b', { iface: 'eth0' })]), ['a', 'b'])
  t.strictSame(heard, [`${HELLO}\n`, '{"command":"a"}\n', '{"command":"b","arguments":{"iface":"eth0"}}\n'])
})

t.test('command() tells a refusal, silence, a closed socket, and what is no answer, each by its code', async (t) => {
  for (const [code, answer] of [
    ['refused', () => '{"message":"Unknown command","return":"NOK"}\n'],
    ['silent', () => ''],
    ['malformed', () => '<html>\n'],
    ['malformed', () => 'null\n'],
    ['malformed', () => '{"message":"x"}\n'],
    ['malformed', () => `"${'x'.repeat(1024 * 1024 + 1)}"\n`],
    ['closed', (_: string, socket: Socket) => void socket.destroy()],
  ] as const) {
    const { socket } = await play(t, (line, from) => (line === HELLO ? undefined : (answer(line, from) as string)))
    await t.rejects(socket.command('x'), { name: 'SuricataError', code }, code)
  }
})

t.test(
  'command() connects again after a fault, and an answer that comes late is not taken for the next one',
  async (t) => {
    let late: (() => void) | undefined
    const { socket, wait } = await play(t, (line, from) => {
      if (line === HELLO) return undefined
      if (JSON.parse(line).command !== 'slow') return done('second')
      late = () => from.write(done('first'))
      return ''
    })
    await t.rejects(socket.command('slow'), { code: 'silent' })
    late?.()
    wait(5000)
    t.equal(await socket.command('quick'), 'second')
  },
)

t.test('command() is refused without a try while the pause after a failed one lasts', async (t) => {
  let clock = 0
  const path = join(tmpdir(), 'sekisho-no-socket-here')
  const socket = createSuricataSocket({ path, monotonic: () => clock })
  const first = await socket.command('x').catch((error: SuricataError) => error)
  t.match(first, { code: 'absent', message: `nothing listens on ${path} (ENOENT)` })
  t.equal(await socket.command('x').catch((error: unknown) => error), first, 'the same error: nothing was tried')
  clock = 101
  t.not(await socket.command('x').catch((error: unknown) => error), first)
  socket.close()
  await t.rejects(socket.command('x'), { code: 'closed' })
})

t.test('command() sends nothing that Suricata cannot read', async (t) => {
  const { socket, heard } = await play(t, () => done('ok'))
  await t.rejects(socket.command('x', { a: 'é'.repeat(2100) }), { name: 'RangeError' })
  t.strictSame(heard, [])
})

t.test('command() is given up by its signal', async (t) => {
  const { socket } = await play(t, (line) => (line === HELLO ? undefined : ''))
  const giving = new AbortController()
  const asked = socket.command('x', undefined, { signal: giving.signal })
  setTimeout(() => giving.abort(), 50)
  await t.rejects(asked, { code: 'closed' })
})

t.test('ruleCounts() and interfaceCounts() take nothing for a number that is none', async (t) => {
  const answers: Record<string, unknown> = {}
  const { socket } = await play(t, (line) => {
    const { command } = JSON.parse(line) as { command?: string }
    if (command === undefined) return undefined
    const message = answers[command]
    return message === undefined ? '{"message":"Iface does not exist","return":"NOK"}\n' : done(message)
  })
  answers['ruleset-stats'] = [{ id: 0, rules_loaded: 5, rules_failed: 1, rules_skipped: 0 }]
  t.strictSame(await ruleCounts(socket), { loaded: 5, failed: 1 })
  for (const message of [
    [],
    {},
    null,
    'done',
    [{ rules_loaded: '5', rules_failed: 0 }],
    [{ rules_loaded: -1, rules_failed: 0 }],
  ]) {
    answers['ruleset-stats'] = message
    await t.rejects(ruleCounts(socket), { code: 'malformed' }, JSON.stringify(message))
  }
  t.equal(await interfaceCounts(socket, 'eth0'), undefined)
  answers['iface-stat'] = { pkts: 10, drop: 3, 'invalid-checksums': 0, bypassed: 0 }
  t.strictSame(await interfaceCounts(socket, 'eth0'), { packets: 10, drops: 3 })
})
