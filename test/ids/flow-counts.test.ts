import t from 'tap'
import { createFlowCounts } from '../../src/ids/flow-counts.ts'
import { digits, localRoutes } from '../../src/ids/local-routes.ts'

t.test('createFlowCounts() counts flows and those of TLS by address, the largest first', async (t) => {
  const counts = createFlowCounts(0)
  for (let n = 0; n < 5; n++) counts.add('10.0.0.1', n < 2, 60)
  for (let n = 0; n < 9; n++) counts.add('10.0.0.2', true, 70)
  t.strictSame(counts.read(300), {
    v: 1,
    minutes: 5,
    flows: [
      ['10.0.0.2', 9, 9],
      ['10.0.0.1', 5, 2],
    ],
  })
})

t.test('createFlowCounts() forgets what is older than an hour', async (t) => {
  const counts = createFlowCounts(0)
  counts.add('10.0.0.1', true, 10)
  for (let at = 600; at < 3600; at += 60) counts.add('10.0.0.2', false, at)
  t.equal(counts.read(3599).flows.length, 2)
  const later = counts.read(3600)
  t.strictSame([later.flows, later.minutes], [[['10.0.0.2', 50, 0]], 50])
  t.strictSame(counts.read(99_999).flows, [])
})

t.test('createFlowCounts() keeps the busiest, in bounded memory, whoever makes flows', async (t) => {
  const counts = createFlowCounts(0)
  for (let n = 0; n < 50_000; n++) {
    counts.add(`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, false, 1)
    if (n % 10 === 0) counts.add('192.0.2.1', true, 1)
  }
  const { flows } = counts.read(60)
  t.equal(flows.length, 200)
  const [address, all, tls] = flows[0]!
  t.equal(address, '192.0.2.1')
  // Too high by what it took over, at most a 400th of all.
  t.ok(all >= 5000 && all <= 5000 + 55_000 / 400, `${all}`)
  t.ok(tls >= 5000 && tls <= all, `${tls}`)
})

/** As a node with a bridge for its Pods, a route to another node's Pods, and one Pod with a route of its own has them. */
const FOUR = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	FE00000A	0003	0	0	0	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
cni0	0001F40A	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	0002F40A	0200000A	0003	0	0	0	00FFFFFF	0	0	0
cali1	0701A8C0	00000000	0005	0	0	0	FFFFFFFF	0	0	0
host0	0003F40A	0100000A	0003	0	0	0	00FFFFFF	0	0	0
`
const SIX = `fd000000000000010000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     cni0
fd000000000000020000000000000000 42 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     cni0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fd000000000000090000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`
const six = (short: string) =>
  short
    .split(':')
    .map((part) => part.padStart(4, '0'))
    .join(':')

t.test('localRoutes() takes for local what a route leads to on this node, and nothing behind an uplink', async (t) => {
  const { isLocal } = localRoutes(FOUR, SIX, ['10.0.0.1', '10.244.1.1'])
  for (const [address, local] of [
    ['10.244.1.7', true],
    ['10.244.2.7', false],
    ['10.244.3.7', true],
    ['192.168.1.7', true],
    ['192.168.1.8', false],
    ['10.0.0.1', true],
    ['10.0.0.9', false],
    ['203.0.113.1', false],
    [six('fd00:0:0:1:0:0:0:7'), true],
    [six('fd00:0:0:2:0:0:0:7'), true],
    [six('fd00:0:0:2:3000:0:0:7'), true],
    [six('fd00:0:0:2:4000:0:0:7'), false],
    [six('fd00:0:0:9:0:0:0:1'), true],
    [six('fe80:0:0:0:0:0:0:7'), false],
    [six('2001:db8:0:0:0:0:0:1'), false],
    ['no address', false],
    ['10.0.0.256', false],
  ] as const)
    t.equal(isLocal(address), local, address)
})

t.test('localRoutes() finds nothing local in files that are empty or of another form', async (t) => {
  t.equal(localRoutes('', '', []).isLocal('10.0.0.1'), false)
  t.equal(localRoutes('what\nis this', 'x y z', ['']).isLocal('10.0.0.1'), false)
  t.equal(digits('::1'), '', 'Suricata writes addresses in full')
})
