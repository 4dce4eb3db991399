/** The agent beside a real Suricata: ready once it has shown that it sees, not ready for each way of being blind, and ready again. */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { commandSocket } from '../../src/ids/agent.ts'
import { canaryPacket } from '../../src/ids/canary-packet.ts'
import { createSuricataSocket } from '../../src/ids/suricata-socket.ts'
import { type AgentStation, type AgentStationOptions, startAgentStation } from './agent-station.ts'
import { eventually } from './wire.ts'

const station = async (t: Test, options: AgentStationOptions = {}): Promise<AgentStation> => {
  const started = await startAgentStation(options)
  t.teardown(() => started.close())
  return started
}
const READY = /^\d+ rules \(baseline\), \d+ packets seen and every canary caught on /
/** Period and answer of the tests' settings, the 2 s of the file, and 5 s for a busy machine. */
const WITHIN = 5 + 3 + 2 + 5

const must = async (running: Promise<{ code: number; stdout: string; stderr: string }>): Promise<string> => {
  const { code, stdout, stderr } = await running
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}${stdout}`)
  return stdout
}
/** What leaves eth0 is dropped before any packet socket sees it, and nobody is told. */
const cut = (one: AgentStation) =>
  must(
    one.node.run(
      'nft',
      'add table netdev cut; add chain netdev cut out { type filter hook egress device eth0 priority 0; policy drop; }',
    ),
  )
const mend = (one: AgentStation) => must(one.node.run('nft', 'delete table netdev cut'))

const ownRules = (t: Test): { path: string; original: string; write(text: string): void } => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-own-rules-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o755)
  const path = join(folder, 'sekisho.rules')
  copyFileSync(join(import.meta.dirname, '../../ids/sekisho.rules'), path)
  chmodSync(path, 0o644)
  // In place: another file of that name would not be the one that is mounted.
  return { path, original: readFileSync(path, 'utf8'), write: (text) => writeFileSync(path, text) }
}
const reload = async (one: AgentStation) => {
  const socket = createSuricataSocket({ path: commandSocket(one.runFolder), monotonic: () => performance.now() })
  await socket.command('ruleset-reload-nonblocking').finally(() => socket.close())
}
/** Listens outside for one canary of the node, and prints its payload. */
const LISTEN = `const s = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
  s.bind(20530, () => s.addMembership('239.255.83.75', '10.99.0.2')).on('message', (m) => { console.log(m.toString('hex')); process.exit() })`
/** Sends payloads from outside to the group, 20 times, over 4 s. */
const SEND = `const s = require('node:dgram').createSocket('udp4')
  s.bind(0, () => { s.setMulticastInterface('10.99.0.2'); let n = 0
    setInterval(() => { for (const p of process.argv.slice(1)) s.send(Buffer.from(p, 'hex'), 20530, '239.255.83.75'); if (++n === 20) setTimeout(() => process.exit(), 100) }, 200) })`

t.test('sekisho ids run is ready once its canary was caught, and tells each check with its number', async (t) => {
  const one = await station(t)
  await one.until(READY)
  t.equal((await one.probe()).code, 0)
  const { report, checks } = one.status()
  t.match(report, {
    v: 1,
    ready: true,
    check: '',
    rules: { failed: 0, set: 'baseline' },
    interfaces: [{ name: 'eth0' }],
  })
  t.ok(report.interfaces[0]!.canary >= 0)
  t.strictSame([...new Set(checks.map(({ ok }) => ok))], [true])
  const told = await one.agent.exec(['/usr/local/bin/node', '/app/sekisho.mjs', 'ids', 'status'])
  t.match(told.stdout, /^ok {4}CanaryLost {11}eth0: caught \d+ s ago \(limit 8 s\)$/m)
  t.equal(told.code, 0)
  const status = readFileSync(`/proc/${one.agent.pid}/status`, 'utf8')
  t.match(status, /^CapBnd:\t0{16}$/m, 'the agent sends its canaries without any capability')

  await t.test('stopped, Suricata is silent', async (t) => {
    const pid = await one.suricataPid()
    process.kill(pid, 'SIGSTOP')
    t.ok(
      (await one.until(/^SuricataSilent: Suricata has not answered for \d+ s: no answer on its command socket/)) <
        WITHIN,
    )
    t.equal((await one.probe()).code, 1)
    process.kill(pid, 'SIGCONT')
    await one.until(READY)
  })
  await t.test(
    'with its outgoing packets cut off, the canary is lost, and canaries of others do not stand in',
    async (t) => {
      const listening = must(one.outside.run(process.execPath, '-e', LISTEN))
      const old = (await listening).trim()
      t.match(Buffer.from(old, 'hex').toString('latin1'), /[0-9a-f]{32}\x06canary\x07sekisho\x07invalid\0/)
      const other = old.replace(/^(.{26}).{64}/, `$1${Buffer.from('0123456789abcdef'.repeat(2)).toString('hex')}`)
      t.not(other, old)
      await cut(one)
      const forging = one.outside.run(process.execPath, '-e', SEND, old, other)
      t.ok((await one.until(/^CanaryLost: no alert for the canary on eth0 for \d+ s \(limit 8 s\)$/)) < WITHIN)
      await forging
      const more = one.outside.run(process.execPath, '-e', SEND, old, other)
      await more
      t.match((await one.probe()).line, /^CanaryLost: /)
      await mend(one)
      t.ok((await one.until(READY)) < WITHIN)
    },
  )
  await t.test('without its interface it has nothing to see', async (t) => {
    const address = one.node.address
    // Without a route that names it no other is found in its place, and captured instead.
    await must(one.node.run('sh', '-ec', 'ip route del default; ip link set eth0 name gone0'))
    t.ok((await one.until(/^InterfaceMissing: eth0 is captured and not there any more$/)) < WITHIN)
    await must(
      one.node.run(
        'sh',
        '-ec',
        `ip link set gone0 down; ip link set gone0 name eth0; ip link set eth0 up; ip addr replace ${address}/24 dev eth0; ip route replace default via 10.99.0.2`,
      ),
    )
    await one.until(READY)
  })
  await t.test(
    'a bridge without an IPv4 address is captured and has its canary; one without a port needs none',
    async (t) => {
      await must(one.node.run('sh', '-ec', 'ip link add cni0 type bridge; ip link set cni0 up'))
      await one.until(/every canary caught on cni0, eth0$/)
      t.match(one.status().report.interfaces, [{ name: 'cni0', canary: -1 }, { name: 'eth0' }])
      await must(
        one.node.run(
          'sh',
          '-ec',
          'echo 0 >/proc/sys/net/ipv6/conf/cni0/disable_ipv6; ip link add pod0 type veth peer name pod1; ip link set pod0 master cni0; ip link set pod1 up; ip link set pod0 up',
        ),
      )
      // From now on it owes one, for a moment only where all is fast.
      await eventually(
        async () => (one.status().report.interfaces[0]!.canary >= 0 ? true : undefined),
        () => JSON.stringify(one.status()),
      )
      await one.until(/every canary caught on cni0, eth0$/)
    },
  )
  await t.test('killed and started again, it is ready beside the same Suricata', async (t) => {
    const pid = await one.suricataPid()
    const began = performance.now()
    await one.restart()
    // The file of the one before is still fresh for some seconds: the new one is known by how long it runs.
    await eventually(
      async () => {
        const { report, checks } = one.status()
        const running = Number(/\d+/.exec(checks[0]!.detail)![0])
        return (report.ready && running <= (performance.now() - began) / 1000) || undefined
      },
      () => JSON.stringify(one.status()),
    )
    t.equal(await one.suricataPid(), pid)
  })
  await t.test('told to end, it ends within a second and is not ready', async (t) => {
    const began = performance.now()
    await one.agent.kill('SIGTERM')
    t.equal(await one.agent.exited, 0)
    t.ok(performance.now() - began < 3000)
    t.match(
      readFileSync(join(one.runFolder, 'readiness'), 'utf8'),
      /^not-ready \d+ AgentSilent\nAgentSilent: the agent was told to end\n$/,
    )
  })
})

t.test(
  'sekisho ids run is not ready when rules are emptied or the canary’s is another, and ready when they are back',
  async (t) => {
    const rules = ownRules(t)
    const one = await station(t, { ownRules: rules.path })
    await one.until(READY)
    rules.write('# nothing here\n')
    await reload(one)
    t.ok((await one.until(/^RulesTooFew: 0 rules are active \(limit 1\)$/)) < WITHIN)
    rules.write(rules.original)
    await reload(one)
    await one.until(READY)
    rules.write(rules.original.replace('sid:1000000;', 'sid:1000999;'))
    await reload(one)
    t.ok((await one.until(/^CanaryLost: no alert for the canary on eth0 for \d+ s \(limit 8 s\)$/)) < WITHIN)
    rules.write(rules.original)
    await reload(one)
    await one.until(READY)
  },
)

/** As many datagrams to the node as fit into 10 s. */
const FLOOD = `const s = require('node:dgram').createSocket('udp4'); const text = Buffer.alloc(1400, '"event_type":"flow",'); const until = Date.now() + 10_000
  s.bind(0, () => { const round = () => { for (let n = 0; n < 100; n++) s.send(text, 9999, '10.99.0.1'); Date.now() < until ? setImmediate(round) : process.exit() }; round() })`

t.test('sekisho ids run stays ready, and small, while an attacker fills eve with alerts', async (t) => {
  const rules = ownRules(t)
  rules.write(`${rules.original}\nalert udp any any -> any 9999 (msg:"flood"; sid:1000900; rev:1;)\n`)
  const one = await station(t, { ownRules: rules.path })
  // One rule more than the image has: what is told is that the rules are others, and that is before the canary.
  await one.until(/^\d+ rules|^ReloadUnverified/)
  await one.outside.run(process.execPath, '-e', FLOOD)
  await eventually(
    async () => (one.status().report.interfaces.every(({ canary }) => canary >= 0 && canary <= 4) ? true : undefined),
    () => JSON.stringify(one.status()),
  )
  const memory = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${one.agent.pid}/status`, 'utf8'))![1])
  t.comment(`${memory} kB at most`)
  t.ok(memory < 160_000, `${memory} kB`)
})

/** As many canaries of somebody else as fit into 12 s: a period and an answer, and some more. */
const FORGE = `const s = require('node:dgram').createSocket('udp4'); const p = Buffer.from(process.argv[1], 'hex'); const until = Date.now() + 12_000; let sent = 0
  s.bind(0, () => { s.setMulticastInterface('10.99.0.2'); const round = () => { for (let n = 0; n < 100; n++, sent++) s.send(p, 20530, '239.255.83.75'); Date.now() < until ? setImmediate(round) : (console.log(sent), process.exit()) }; round() })`

t.test('sekisho ids run stays ready while an attacker floods it with canaries of their own', async (t) => {
  const one = await station(t)
  await one.until(READY)
  const forged = canaryPacket('ab'.repeat(16)).toString('hex')
  const flood = one.outside.run(process.execPath, '-e', FORGE, forged)
  const ages: number[] = []
  const looking = setInterval(() => ages.push(one.status().report.interfaces[0]!.canary), 1000)
  const { stdout } = await flood
  clearInterval(looking)
  t.comment(`${stdout.trim()} forged canaries, ages of the last true one ${ages}`)
  t.ok(Number(stdout) > 10_000)
  t.ok(ages.some((age) => age >= 0 && age <= 3))
  t.ok((await one.until(READY)) < WITHIN)
})

t.test('sekisho ids run catches its canary on the loopback too', async (t) => {
  const one = await station(t, { env: { SEKISHO_IDS_INTERFACES: 'lo' } })
  await one.until(/every canary caught on lo$/)
})
