import t from 'tap'
import { createCanaries } from '../../src/ids/canaries.ts'
import { canaryPacket, nonceOf } from '../../src/ids/canary-packet.ts'
import { LIMITS } from './readiness/facts.ts'

const nonce = (n: number) => n.toString(16).padStart(32, '0')
const start = (fails?: string) => {
  let clock = 0
  let made = 0
  const sent: [string, string][] = []
  const canaries = createCanaries({
    sender: {
      send: async (name, packet) => {
        sent.push([name, nonceOf(packet)!])
        if (fails) throw new Error(fails)
      },
    },
    limits: LIMITS,
    nonce: () => nonce(++made),
    now: () => clock,
  })
  canaries.reset(['cni0', 'eth0'])
  for (const name of ['cni0', 'eth0']) canaries.look(name, true)
  const alert = (name: string, n: number) => ({ signature: 1000000, interface: name, payload: canaryPacket(nonce(n)) })
  return { canaries, sent, alert, wait: (s: number) => (clock += s) }
}

t.test('createCanaries() sends one with a nonce of its own on each interface, and takes its alert once', async (t) => {
  const { canaries, sent, alert } = start()
  canaries.send()
  t.strictSame(sent, [
    ['cni0', nonce(1)],
    ['eth0', nonce(2)],
  ])
  t.equal(canaries.take(alert('eth0', 1)), false, 'the nonce of another interface')
  t.equal(canaries.take(alert('eth0', 3)), false, 'one that was not sent yet')
  t.equal(canaries.take(alert('eth1', 2)), false, 'an interface that is not captured')
  t.equal(canaries.take({ ...alert('eth0', 2), payload: Buffer.from('no canary') }), false)
  t.equal(canaries.take(alert('eth0', 2)), true)
  t.equal(canaries.take(alert('eth0', 2)), false, 'replayed')
  t.equal(canaries.of('eth0').caughtAt, 0)
  t.equal(canaries.of('cni0').caughtAt, undefined)
})

t.test('createCanaries() takes none that is too late, nor one from before Suricata was started again', async (t) => {
  const { canaries, alert, wait } = start()
  canaries.send()
  wait(5.5)
  t.equal(canaries.take(alert('eth0', 2)), false)
  canaries.send()
  canaries.reset(['cni0', 'eth0'])
  t.equal(canaries.take(alert('eth0', 4)), false)
})

t.test('createCanaries() keeps why one could not be sent', async (t) => {
  const { canaries } = start('eth0 has no address')
  canaries.send()
  await Promise.resolve()
  await Promise.resolve()
  t.match(canaries.of('eth0'), { problem: 'eth0 has no address', pending: [] })
})

t.test('nonceOf() finds the nonce of a canary, and none in anything else', async (t) => {
  const packet = canaryPacket(nonce(255))
  t.equal(nonceOf(packet), nonce(255))
  t.equal(
    packet.toString('latin1', 44),
    '\x06canary\x07sekisho\x07invalid\0\0\x10\0\x01'.replace(/^/, packet.toString('latin1', 44, 45)),
  )
  for (let at = 0; at < packet.length; at++) t.equal(nonceOf(packet.subarray(0, at)), undefined)
  t.equal(nonceOf(Buffer.concat([packet, Buffer.from('x')])), undefined)
  const upper = Buffer.from(packet)
  upper.write('F', 44)
  t.equal(nonceOf(upper), undefined)
  t.throws(() => canaryPacket('../../etc'), RangeError)
})
