import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { canaryPacket } from '../../src/ids/canary-packet.ts'
import { createCanarySender, wayOf } from '../../src/ids/canary-sender.ts'

const target = { group: '239.255.83.75', group6: 'ff12::534b', port: 20530 }

t.test('createCanarySender() sends on the interface that is named', async (t) => {
  await t.resolves(createCanarySender(target).send('lo', canaryPacket('0'.repeat(32))))
})

t.test('createCanarySender() says that an interface without an address cannot be sent on', async (t) => {
  await t.rejects(createCanarySender(target).send('none0', Buffer.from('x')), {
    message: 'none0 has no address, so that nothing can be sent on it',
  })
})

t.test('createCanarySender() sends the packet as it is, to the port', async (t) => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  // To an address that somebody hears: by multicast the sender does not hear itself.
  const received = once(socket, 'message')
  await createCanarySender({ ...target, group: '127.0.0.1', port: socket.address().port }).send(
    'lo',
    Buffer.from('hello'),
  )
  t.equal(String((await received)[0]), 'hello')
})

t.test('wayOf() chooses an interface by an address that no other has, else by IPv6', async (t) => {
  const four = (address: string) => ({
    address,
    family: 'IPv4' as const,
    netmask: '',
    mac: '',
    internal: false,
    cidr: null,
  })
  const six = {
    address: 'fe80::1',
    family: 'IPv6' as const,
    netmask: '',
    mac: '',
    internal: false,
    cidr: null,
    scopeid: 2,
  }
  const eth0 = [four('10.0.0.1')]
  t.same(wayOf('eth0', { eth0 }), { four: '10.0.0.1', six: false })
  t.same(wayOf('cni0', { eth0, cni0: [four('10.0.0.1'), six] }), { four: undefined, six: true })
  t.same(wayOf('cni0', { eth0, cni0: [four('10.0.0.1'), four('10.0.0.2'), six] }), { four: '10.0.0.2', six: true })
  t.same(wayOf('cni0', { eth0, cni0: [four('10.0.0.1')] }), { four: '10.0.0.1', six: false })
  t.same(wayOf('none', { eth0 }), { four: undefined, six: false })
})
