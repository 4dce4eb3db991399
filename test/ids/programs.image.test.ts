/** The small programs of the image by themselves: the probe, the count of CPUs, the blind spots. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { runImage } from '../images/run.ts'

/** Files of a folder, as they stand in its place in the container. */
const run = async (t: Test, program: readonly string[], target: string, files: Record<string, string>) => {
  const folder = t.testdir({})
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), join(folder, name))
    else writeFileSync(join(folder, name), content)
  }
  chmodSync(folder, 0o755)
  return runImage('sekisho-ids', { command: program, binds: [{ source: folder, target, readOnly: true }] })
}
const uptime = () => Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]))

t.test('sekisho-ids-ready prints what the agent wrote, and believes it for 15 s by the time since boot', async (t) => {
  const said = (line: string, sentence: string) =>
    run(t, ['sekisho-ids-ready'], '/run/suricata', { readiness: `${line}\n${sentence}\n` })
  const sentence = 'CanaryLost: no alert for the canary on cni0 for 72 s (limit 65 s)'
  t.match(await said(`ready ${uptime()} -`, 'ready: 30123 rules, cni0 and eth0'), {
    code: 0,
    stdout: 'ready: 30123 rules, cni0 and eth0\n',
  })
  t.match(await said(`not-ready ${uptime()} CanaryLost`, sentence), { code: 1, stdout: `${sentence}\n` })
  t.match(await said(`ready ${uptime() - 60} -`, 'ready: all'), {
    code: 1,
    stdout:
      /^AgentSilent: the agent has written nothing for 6\d s \(limit 15 s\): look at the log of the container agent\n$/,
  })
  t.match(await said(`ready ${uptime() + 5000} -`, 'ready: all'), { code: 1, stdout: /since the node started/ })
  t.match(await said(`perhaps ${uptime()} -`, 'who knows'), { code: 1, stdout: 'who knows\n' })
  const starting = { code: 1, stdout: /^AgentStarting: the agent has written nothing yet/ }
  t.match(await run(t, ['sekisho-ids-ready'], '/run/suricata', {}), starting)
  t.match(await run(t, ['sekisho-ids-ready'], '/run/suricata', { readiness: '' }), starting)
  for (const line of ['ready', 'ready soon -', 'ready a[$(id>&2)] -'])
    t.match(await said(line, 'ready: all'), { code: 1, stdout: /^AgentSilent/, stderr: '' }, line)
})

t.test('sekisho-ids-cpus prints the whole CPUs of the limit, of cgroups of both versions', async (t) => {
  const all = Math.min(8, cpus().length)
  const table: [Record<string, string>, number][] = [
    [{ 'cpu.max': 'max 100000\n' }, all],
    [{ 'cpu.max': '100000 100000\n' }, 1],
    [{ 'cpu.max': '50000 100000\n' }, 1],
    [{ 'cpu.max': '190000 100000\n' }, 1],
    [{ 'cpu.max': '200000 100000\n' }, Math.min(2, all)],
    [{ 'cpu.max': '9900000 100000\n' }, all],
    [{ 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' }, all],
    [{ 'cpu/cpu.cfs_quota_us': '100000\n', 'cpu/cpu.cfs_period_us': '100000\n' }, 1],
    [{}, all],
  ]
  for (const [files, wanted] of table)
    t.equal((await run(t, ['sekisho-ids-cpus'], '/sys/fs/cgroup', files)).stdout, `${wanted}\n`, JSON.stringify(files))
})

t.test('sekisho-ids-blind says what the interfaces of a node show that is not seen', async (t) => {
  const link = (name: string, more: Record<string, string> = {}, flags = '0x1003', type = '1') =>
    Object.fromEntries(
      Object.entries({ flags: `${flags}\n`, type: `${type}\n`, uevent: `INTERFACE=${name}\n`, ...more }).map(
        ([file, text]) => [`${name}/${file}`, text],
      ),
    )
  const card = { 'device/uevent': '' }
  const blind = async (captured: string, ...links: Record<string, string>[]) =>
    (
      await run(t, ['sekisho-ids-blind', ...captured.split(' ')], '/sys/class/net', Object.assign({}, ...links))
    ).stdout.split('\n')
  const bridge = link('cni0', { 'bridge/x': '' })

  t.same(await blind('cni0 eth0', bridge, link('eth0', card), link('veth1'), link('lo', {}, '0x9')), [''])
  t.match(await blind('eth0', link('eth0', card)), [/^traffic between Pods of this node passes no bridge/, ''])
  const wireguard = { uevent: 'DEVTYPE=wireguard\nINTERFACE=cilium_wg0\n' }
  t.match(await blind('cni0 eth0', bridge, link('eth0', card), link('cilium_wg0', wireguard, '0x1003', '65534')), [
    /^traffic through cilium_wg0 is encrypted by WireGuard/,
    '',
  ])
  t.same(
    await blind('cni0 eth0', bridge, link('eth0', card), link('cilium_wg0', wireguard, '0x1002', '65534')),
    [''],
    'one that is down',
  )
  t.match(await blind('cni0 eth0', bridge, link('eth0', card), link('ipsec0')), [
    /^traffic through ipsec0 is encrypted by IPsec/,
    '',
  ])
  t.match(await blind('cni0 eth0', bridge, link('eth0', card), link('eth1', card)), [
    /^the network card eth1 is up and not captured/,
    '',
  ])
  const below = { ...card, master: '-> ../bond0' }
  t.same(await blind('bond0 cni0', bridge, link('bond0'), link('eth0', below), link('eth1', below)), [''])
  t.match(await blind('cni0 tun0', bridge, link('tun0', {}, '0x1003', '65534')), [
    /^the captured interface tun0 is a tunnel/,
    '',
  ])
})
