/** When the IDS says it is ready and when not, and what it says: each line is compared word for word, since users meet it in Pod events. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Station, type StationOptions, startStation } from './station.ts'
import { eventually } from './wire.ts'

const station = async (t: Test, options: StationOptions = {}): Promise<Station> => {
  const started = await startStation(options)
  t.teardown(() => started.close())
  return started
}

const ping = ({ outside, node }: Station) =>
  outside.run('nping', '--icmp', '-c', '150', '--rate', '100', '-HNq', node.address)

t.test(
  'sekisho-ids-ready follows the node: a new bridge, a blind interface, too few rules, a hanging Suricata, a dead one',
  async (t) => {
    const one = await station(t)
    const exec = (script: string) => one.ids.exec(['sh', '-c', script])
    await one.readyLine(/no packet was seen yet/)
    await ping(one)
    await one.readyLine(/^ready: 3 rules, [0-9]+ packets seen on eth0$/)

    const few = await one.ids.exec(['env', 'SEKISHO_IDS_MIN_RULES=10', 'sekisho-ids-ready'])
    t.match(few, {
      code: 1,
      stdout: 'not ready: 3 rules are loaded and at least 10 must be (SEKISHO_IDS_MIN_RULES)\n',
    })

    await one.node.run('ip', 'link', 'add', 'cni0', 'type', 'bridge')
    t.equal((await one.ready()).code, 0, 'a bridge that is down carries nothing')
    await one.node.run('ip', 'link', 'set', 'cni0', 'up')
    t.match(await one.ready(), {
      code: 1,
      line: 'not ready: interface cni0 is not captured yet: Suricata is started again within seconds',
    })
    await one.readyLine(/no packet was seen yet on cni0, eth0$/)
    await ping(one)
    await one.readyLine(/^ready: 3 rules, [0-9]+ packets seen on cni0, eth0$/)

    // As if eth0 had carried 150 more packets than Suricata saw in the last minute.
    const state = join(one.runFolder, 'seen')
    const blind = readFileSync(state, 'utf8').replace(
      /^eth0 (\d+) (\d+) (\d+)$/m,
      (_, carried, seen, time) => `eth0 ${carried - 150} ${seen} ${time - 60}`,
    )
    writeFileSync(state, blind)
    t.match(await one.ready(), {
      code: 1,
      line: /^not ready: interface eth0 carried 1[5-9]\d packets in the last 6\d s and Suricata saw none of them$/,
    })
    await ping(one)
    await one.readyLine(/^ready: /)

    const suricata = 'kill -$1 $(grep -l Suricata-Main /proc/[0-9]*/comm | cut -d / -f 3)'
    await exec(suricata.replace('$1', 'STOP'))
    await one.readyLine(
      /^not ready: Suricata's counters are 2[1-9] s old \(limit 20 s\): it hangs, or \/var\/log\/suricata is full$/,
    )
    await exec(suricata.replace('$1', 'CONT'))
    await one.readyLine(/^ready: /)

    await exec(suricata.replace('$1', 'KILL'))
    t.equal(await one.ids.exited, 137)
    t.match(one.lines().at(-1), { engine: { message: 'Suricata ended with exit code 137' } })
  },
)

t.test('sekisho-ids-ready names the number of rules that could not be loaded, and the good ones work', async (t) => {
  const rules = mkdtempSync(join(tmpdir(), 'sekisho-rules-'))
  t.teardown(() => rmSync(rules, { recursive: true }))
  chmodSync(rules, 0o755)
  writeFileSync(
    join(rules, 'team.rules'),
    'alert tcp any any -> any any (msg:"no end"; content:"x; sid:1000100;)\nalert icmp any any -> any any (msg:"ping"; itype:8; sid:1000101;)\n',
  )
  const one = await station(t, { rules })
  t.equal(
    await one.readyLine(/rules could not/),
    "not ready: 1 of 5 rules could not be loaded: the container's log names their lines",
  )
  t.match(one.ids.stdout() + one.ids.stderr(), 'team.rules at line 1')
  await one.outside.run('nping', '--icmp', '-c', '1', '-HNq', one.node.address)
  await eventually(
    async () => (one.alerts(1000101).length === 1 ? true : undefined),
    () => one.ids.stdout(),
  )
})

t.test(
  'Suricata takes whole the packets that the kernel joined: with its own default block a third of a download is cut',
  async (t) => {
    const one = await station(t)
    await one.readyLine(/no packet was seen yet/)
    await one.node.serve(
      `require('node:http').createServer((request, response) => response.end('x'.repeat(3000000) + 'uid=0(root)')).listen(8080, () => console.log('listening'))`,
    )
    const url = `http://${one.node.address}:8080/`
    t.equal((await one.outside.run('curl', '-sS', '-o', '/dev/null', '-w', '%{size_download}', url)).stdout, '3000011')
    const decoder = await eventually(
      async () => {
        const { stdout } = await one.ids.exec(['tail', '-n', '1', '/var/log/suricata/stats.json'])
        const counters = (JSON.parse(stdout).stats.threads['W#01-eth0']?.decoder ?? {}) as Record<string, number>
        return (counters['bytes'] ?? 0) > 3_000_000 ? counters : undefined
      },
      () => one.ids.stdout(),
    )
    t.ok(decoder['max_pkt_size']! > 40_000, `the kernel joined packets here: up to ${decoder['max_pkt_size']} bytes`)
    t.equal(decoder['invalid'] ?? 0, 0)
  },
)

const closed = mkdtempSync(join(tmpdir(), 'sekisho-closed-'))
t.teardown(() => rmSync(closed, { recursive: true }))

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
    what: 'with a folder of custom rules that it may not read',
    options: { rules: closed },
    says: "Cannot start as '/etc/sekisho/ids' cannot be read by uid 65532: its rules would be missing in silence",
  },
  {
    what: 'with networks that are none',
    options: { env: { SEKISHO_IDS_HOME_NET: '10.0.0.0/8]"\nevil: "[' } },
    says: `Cannot start as 'SEKISHO_IDS_HOME_NET' must be networks such as 10.0.0.0/8,fc00::/7: current value is '10.0.0.0/8evil: '`,
  },
]
for (const { what, options, says } of failures) {
  t.test(`sekisho-ids ${what} ends at once and says why`, async (t) => {
    const one = await station(t, options)
    t.equal(await one.ids.exited, 1)
    t.match(one.lines().at(-1), { log_level: 'Error', engine: { message: says } })
  })
}
