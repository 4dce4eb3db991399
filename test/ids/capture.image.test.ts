/** What Suricata's container captures and what it tells the agent of it, from its first start to its end. */
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { ownRules, type Station, type StationOptions, startStation } from './station.ts'
import { eventually } from './wire.ts'

const station = async (t: Test, options: StationOptions = {}): Promise<Station> => {
  const started = await startStation(options)
  t.teardown(() => started.close())
  return started
}
const until = (one: Station, name: string, wanted: string) =>
  eventually(
    async () => (one.file(name) === wanted ? true : undefined),
    () => `${name} is '${one.file(name)}'; the container's log:\n${one.ids.stdout()}${one.ids.stderr()}`,
  )
interface NodeYaml {
  'af-packet': { interface: string; threads: number; 'cluster-id': number }[]
}
const captured = (one: Station) => (parse(one.file('node.yaml')) as NodeYaml)['af-packet']

const NO_BRIDGE =
  'traffic between Pods of this node passes no bridge that is captured (the network plugin routes each Pod by itself, or no Pod has started yet)\n'

t.test('a new bridge is told, then captured by another start; a killed Suricata ends the container', async (t) => {
  const one = await station(t, { env: { SEKISHO_IDS_THREADS: '2' } })
  await one.capturing('eth0')
  t.equal(one.file('interfaces'), '# 1\neth0\n')
  t.equal(one.file('wanted-interfaces'), 'eth0\n')
  t.equal(one.file('blind-spots'), NO_BRIDGE)
  const [first] = captured(one)
  t.match(first, { interface: 'eth0', threads: 2 })

  await one.node.run('ip', 'link', 'add', 'cni0', 'type', 'bridge')
  await one.node.run('ip', 'link', 'add', 'br-0123456789ab', 'type', 'bridge')
  await one.node.run('ip', 'link', 'set', 'br-0123456789ab', 'up')
  await one.node.run('ip', 'link', 'set', 'cni0', 'up')
  await until(one, 'wanted-interfaces', 'cni0\neth0\n')
  await until(one, 'interfaces', '# 2\ncni0\neth0\n')
  t.equal(one.file('blind-spots'), '')
  await one.capturing('cni0', 'eth0')
  t.same((await one.command('iface-list')).message, { count: 2, ifaces: ['cni0', 'eth0'] })
  const groups = captured(one).map((each) => each['cluster-id'])
  t.equal(new Set([...groups, first!['cluster-id']]).size, 3, 'each interface and each start has a group of its own')

  await one.ids.exec(['sh', '-c', 'kill -KILL $(grep -l Suricata-Main /proc/[0-9]*/comm | cut -d / -f 3)'])
  t.equal(await one.ids.exited, 137)
  t.match(one.lines().at(-1), { engine: { message: 'Suricata ended with exit code 137' } })
})

t.test('a Suricata that hangs does not keep the next one from capturing', async (t) => {
  const one = await station(t)
  await one.capturing('eth0')
  await one.ids.exec(['sh', '-c', 'kill -STOP $(grep -l Suricata-Main /proc/[0-9]*/comm | cut -d / -f 3)'])
  await one.node.run('sh', '-ec', 'ip link add cni0 type bridge; ip link set cni0 up')
  await until(one, 'interfaces', '# 2\ncni0\neth0\n')
  await one.capturing('cni0', 'eth0')
})

const ROUNDS = process.env['SEKISHO_TEST_FULL'] === '1' ? 12 : 6
t.test('a bridge that comes and goes starts Suricata anew ever more seldom', async (t) => {
  const one = await station(t)
  await one.capturing('eth0')
  const starts = () => Number(/^# (\d+)/.exec(one.file('interfaces'))![1])
  for (let round = 0; round < ROUNDS; round++) {
    await one.node.run(
      'sh',
      '-ec',
      round % 2 ? 'ip link del cni0' : 'ip link add cni0 type bridge; ip link set cni0 up',
    )
    await sleep(5000)
  }
  t.comment(`${starts()} starts`)
  t.ok(starts() >= 2 && starts() <= ROUNDS / 2 + 1, `${starts()} starts for ${ROUNDS} changes`)
  await until(one, 'wanted-interfaces', 'eth0\n')
})

t.test('what an earlier start left behind does not stop a start, and the rules in use stay', async (t) => {
  const one = await station(t, {
    prepare: async (_, folder) => {
      // As after a crash: the command socket's file, a pipe, a count of starts, and the agent's set with its link.
      await new Promise<void>((bound) => {
        const server = createServer().listen(join(folder, 'suricata-command.socket'), () => server.close(() => bound()))
      })
      writeFileSync(join(folder, 'suricata-command.socket'), '')
      writeFileSync(join(folder, 'suricata.pid'), '1\n')
      writeFileSync(join(folder, 'interfaces'), '# 41\neth9\n')
      mkdirSync(join(folder, 'rules/sets/0123456789ab'), { recursive: true })
      const rule = 'alert icmp any any -> any any (msg:"ping"; itype:8; sid:2000001; rev:1;)\n'
      writeFileSync(join(folder, 'rules/sets/0123456789ab/suricata.rules'), rule)
      symlinkSync('sets/0123456789ab', join(folder, 'rules/active'))
    },
    run: { user: { uid: 0, gid: 0 } },
  })
  await one.capturing('eth0')
  t.equal(one.file('interfaces'), '# 42\neth0\n')
  t.equal(readlinkSync(join(one.runFolder, 'rules/active')), 'sets/0123456789ab')
  t.match(await one.command('ruleset-stats'), { message: [{ rules_loaded: ownRules().size + 1, rules_failed: 0 }] })
  await one.outside.run('nping', '--icmp', '-c', '1', '-HNq', one.node.address)
  await eventually(
    async () => (one.alerts(2000001).length === 1 ? true : undefined),
    () => one.ids.stdout(),
  )
})

t.test(
  'a link to a set that is gone becomes the baseline, and the groups that public rules name are there',
  async (t) => {
    const groups = ['HTTP_SERVERS', 'SMTP_SERVERS', 'SQL_SERVERS', 'DNS_SERVERS', 'TELNET_SERVERS', 'DC_SERVERS']
    const more = ['AIM_SERVERS', 'DNP3_SERVER', 'MODBUS_CLIENT', 'ENIP_SERVER', 'EXTERNAL_NET']
    const ports = [
      'HTTP_PORTS',
      'SHELLCODE_PORTS',
      'ORACLE_PORTS',
      'SSH_PORTS',
      'DNP3_PORTS',
      'FILE_DATA_PORTS',
      'SIP_PORTS',
    ]
    const rules = [...groups, ...more]
      .map(
        (group, at) =>
          `alert tcp $${group} any -> any $${ports[at % ports.length]} (msg:"${group}"; sid:${2_000_000 + at};)\n`,
      )
      .join('')
    const one = await station(t, {
      prepare: async (_, folder) => {
        mkdirSync(join(folder, 'rules/sets/baseline'), { recursive: true })
        writeFileSync(join(folder, 'rules/sets/baseline/suricata.rules'), rules)
        symlinkSync('sets/gone', join(folder, 'rules/active'))
      },
      run: { user: { uid: 0, gid: 0 } },
    })
    await one.capturing('eth0')
    t.equal(readlinkSync(join(one.runFolder, 'rules/active')), 'sets/baseline')
    const loaded = ownRules().size + groups.length + more.length
    t.match(await one.command('ruleset-stats'), { message: [{ rules_loaded: loaded, rules_failed: 0 }] })
  },
)

t.test('Suricata sees although nobody listens to eve.socket any more', async (t) => {
  const one = await station(t)
  await one.capturing('eth0')
  await one.stopListening()
  await one.outside.run('nping', '--icmp', '-c', '300', '--rate', '100', '-HNq', one.node.address)
  const { message } = await eventually(
    async () => {
      const answer = await one.command('iface-stat', { arguments: { iface: 'eth0' } })
      return answer.message.pkts >= 600 ? answer : undefined
    },
    () => one.ids.stdout(),
  )
  t.equal(message.drop, 0)
})

t.test(
  'Suricata takes whole the packets that the kernel joined: with its own default block a third of a download is cut',
  async (t) => {
    const one = await station(t)
    await one.capturing('eth0')
    await one.node.serve(
      `require('node:http').createServer((request, response) => response.end('x'.repeat(3000000) + 'uid=0(root)')).listen(8080, () => console.log('listening'))`,
    )
    const url = `http://${one.node.address}:8080/`
    t.equal((await one.outside.run('curl', '-sS', '-o', '/dev/null', '-w', '%{size_download}', url)).stdout, '3000011')
    const decoders = await eventually(
      async () => {
        const threads = Object.entries(one.lastStats()?.threads ?? {}).filter(([name]) => /^W#\d+-eth0$/.test(name))
        const found = threads.map(([, { decoder = {} }]) => decoder)
        return found.some(({ bytes = 0 }) => bytes > 3_000_000) ? found : undefined
      },
      () => one.ids.stdout(),
    )
    const largest = Math.max(...decoders.map(({ max_pkt_size = 0 }) => max_pkt_size))
    t.ok(largest > 40_000, `the kernel joined packets here: up to ${largest} bytes`)
    for (const { invalid = 0 } of decoders) t.equal(invalid, 0)
  },
)

const failures: { what: string; options: StationOptions; says: string }[] = [
  {
    what: 'without NET_RAW',
    options: { run: { capabilities: [] } },
    says: 'Cannot start as the container lacks a capability: add NET_RAW to securityContext.capabilities.add',
  },
  {
    what: 'with allowPrivilegeEscalation: false',
    options: { run: { allowPrivilegeEscalation: false } },
    says: 'Cannot start as Suricata may not take up NET_RAW: set securityContext.allowPrivilegeEscalation to true (it can gain nothing else)',
  },
  {
    what: 'on a node without a network',
    options: { prepare: async ({ node }) => void (await node.run('ip', 'route', 'del', 'default')) },
    says: 'Cannot start as there is no interface to capture: this node has no default route and no bridge; set SEKISHO_IDS_INTERFACES',
  },
  {
    what: 'with networks that are none',
    options: { env: { SEKISHO_IDS_HOME_NET: '10.0.0.0/8]"\nevil: "[' } },
    says: `Cannot start as 'SEKISHO_IDS_HOME_NET' must be networks such as 10.0.0.0/8,fc00::/7: current value is '10.0.0.0/8evil: '`,
  },
  {
    what: 'with addresses that are none',
    options: { env: { SEKISHO_IDS_C2: 'evil.example' } },
    says: `Cannot start as 'SEKISHO_IDS_C2' must be addresses and networks such as 203.0.113.7,2001:db8::/32: current value is 'evil.example'`,
  },
]
for (const { what, options, says } of failures) {
  t.test(`sekisho-ids ${what} ends at once and says why`, async (t) => {
    const one = await station(t, options)
    t.equal(await one.ids.exited, 1)
    t.match(one.lines().at(-1), { log_level: 'Error', engine: { message: says } })
  })
}
