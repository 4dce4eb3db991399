import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createCanaries } from '../../src/ids/canaries.ts'
import { SuricataError } from '../../src/ids/errors.ts'
import { capturedInterfaces, type InterfaceLook, lookAt, wantedInterfaces } from '../../src/ids/interfaces.ts'
import { createObserver } from '../../src/ids/observer.ts'
import { judge } from '../../src/ids/readiness/judge.ts'
import type { SuricataSocket } from '../../src/ids/suricata-socket.ts'
import { GOOD, LIMITS } from './readiness/facts.ts'

const start = (t: Test) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-observer-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  let clock = 0
  const kernel = new Map<string, InterfaceLook>([['eth0', { carried: 1000, carrier: true }]])
  const suricata = new Map<string, { packets: number; drops: number }>([['eth0', { packets: 0, drops: 0 }]])
  let answer: 'at once' | 'never' | Error = 'at once'
  const socket: SuricataSocket = {
    close: () => {},
    command: async (name, args) => {
      if (answer === 'never') await new Promise(() => {})
      if (answer instanceof Error) throw answer
      if (name === 'ruleset-stats') return [{ id: 0, rules_loaded: 40005, rules_failed: 0 }]
      const counts = suricata.get(String(args?.['iface']))
      if (counts === undefined) throw new SuricataError('refused', 'Iface does not exist')
      return { pkts: counts.packets, drop: counts.drops }
    },
  }
  const canaries = createCanaries({
    sender: { send: async () => {} },
    limits: LIMITS,
    nonce: () => '0'.repeat(32),
    now: () => clock,
  })
  const observer = createObserver({
    runDirectory: folder,
    socket,
    canaries,
    now: () => clock,
    look: (name) => kernel.get(name),
  })
  write('interfaces', '# 1\neth0\n')
  write('wanted-interfaces', 'eth0\n')
  const fault = () => {
    const { check, detail } = judge({ ...GOOD, ...observer.now(), now: clock })
    return `${check}: ${detail}`
  }
  return {
    observer,
    write,
    kernel,
    suricata,
    canaries,
    fault,
    advance: (seconds: number) => {
      clock += seconds
    },
    answers: (how: typeof answer) => {
      answer = how
    },
    /** So many seconds of rounds every 2 s. */
    pass: async (seconds: number, each: () => void = () => {}) => {
      for (let n = 0; n < seconds; n += 2) {
        clock += 2
        each()
        await observer.round()
      }
    },
  }
}

t.test(
  'createObserver() names the interface whose packets Suricata does not see, and forgives it when it sees one',
  async (t) => {
    const { fault, kernel, suricata, pass } = start(t)
    t.equal(fault(), 'AgentStarting: the agent began 0 s ago')
    let carried = 1000
    const traffic = () => {
      carried += 4
      kernel.set('eth0', { carried, carrier: true })
    }
    await pass(4, traffic)
    t.match(fault(), /^CanaryLost: no canary was sent/)
    await pass(4, traffic)
    t.match(
      fault(),
      /^PacketsNotAdvancing: eth0 carried 1[26] packets in \d s since the start and Suricata has seen none/,
    )
    suricata.set('eth0', { packets: 10, drops: 0 })
    await pass(2, traffic)
    t.match(fault(), /^CanaryLost: /)
    await pass(28, traffic)
    t.match(fault(), /^CanaryLost: /, 'less than a hundred packets')
    await pass(40, traffic)
    t.match(
      fault(),
      /^PacketsNotAdvancing: eth0 carried 1\d\d packets in the last \d\d s and Suricata saw none of them/,
    )
    suricata.set('eth0', { packets: 11, drops: 0 })
    await pass(2, traffic)
    t.match(fault(), /^CanaryLost: /)
  },
)

t.test('createObserver() takes packets that the kernel dropped for packets that Suricata did not see', async (t) => {
  const { fault, kernel, suricata, pass } = start(t)
  await pass(2)
  kernel.set('eth0', { carried: 9000, carrier: true })
  suricata.set('eth0', { packets: 8000, drops: 8000 })
  await pass(2)
  t.match(fault(), /^PacketsNotAdvancing: eth0 carried 8000 packets/)
})

t.test(
  'createObserver() tells that Suricata owes an answer while it does, and why it could not be asked',
  async (t) => {
    const { observer, fault, answers, pass, advance } = start(t)
    await pass(2)
    answers('never')
    void pass(2)
    advance(5)
    t.match(observer.now().suricata, { state: 'answers' }, 'it may take 5 s')
    advance(1)
    t.equal(fault(), 'SuricataSilent: Suricata has not answered for 6 s: no answer on its command socket (limit 5 s)')
    await observer.round()
    const other = start(t)
    other.answers(new SuricataError('absent', 'nothing listens'))
    await other.pass(8)
    t.equal(other.fault(), 'SuricataSilent: Suricata has not answered for 6 s: nothing listens')
    other.answers('at once')
    await other.pass(2)
    t.match(other.fault(), /^CanaryLost/)
    t.match(fault(), /./)
  },
)

t.test('createObserver() begins anew when Suricata is started again, and with other interfaces', async (t) => {
  const { observer, canaries, write, pass, fault, kernel, suricata } = start(t)
  await pass(2)
  canaries.send()
  t.equal(observer.now().interfaces[0]!.canary.pending.length, 1)
  write('interfaces', '# 2\neth0\n')
  await pass(2)
  t.strictSame(observer.now().interfaces[0]!.canary.pending, [])
  write('wanted-interfaces', 'cni0\neth0\n')
  await pass(2)
  t.equal(fault(), 'InterfaceMissing: cni0 is not captured yet')
  write('interfaces', '# 3\ncni0\neth0\n')
  await pass(2)
  t.equal(fault(), 'InterfaceMissing: cni0 is captured and not there any more')
  kernel.set('cni0', { carried: 0, carrier: false })
  await pass(2)
  t.equal(fault(), 'PacketsNotAdvancing: Suricata has not said yet how many packets it saw on cni0')
  suricata.set('cni0', { packets: 0, drops: 0 })
  await pass(2)
  t.match(fault(), /^CanaryLost: no canary was sent on eth0 yet/)
})

t.test('capturedInterfaces() and wantedInterfaces() read names alone, and lookAt() nothing else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-interfaces-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.equal(capturedInterfaces(folder), undefined)
  t.equal(wantedInterfaces(folder), undefined)
  writeFileSync(join(folder, 'interfaces'), '# 12\neth0\n../../x\n..\neth0\n\na name\nabcdefghijklmnop\nbr-1.2@x\n')
  t.strictSame(capturedInterfaces(folder), { start: '# 12', names: ['eth0', 'br-1.2@x'] })
  t.match(lookAt('lo'), { carrier: true })
  t.equal(lookAt('no such one'), undefined)
})
