/** The coverage of a whole cluster as `sekisho status coverage` shows it. */
import t from 'tap'
import type { IdsLeaseView, IdsReport } from '../../src/api/ids.ts'
import { coverageTable, type TableInput } from '../../src/guard/coverage-table.ts'
import { parseIdsFlows, tlsShares } from '../../src/guard/tls-share.ts'
import { daemonSet, idsPod, NOW, node, settings } from './parts.ts'

const report = (more: Partial<IdsReport> = {}): IdsReport => ({
  v: 1,
  ready: true,
  check: '',
  detail: '',
  rules: { loaded: 30_000, failed: 0, set: 'abc', ageHours: 2 },
  interfaces: [
    { name: 'eth0', packets: 900, drops: 90, canary: 3 },
    { name: 'cni0', packets: 100, drops: 10, canary: 3 },
  ],
  blindSpots: [],
  version: '1.0.0',
  ...more,
})
const lease = (of: string, more: Partial<IdsReport> = {}, pod = `sekisho-ids-${of}`): [string, IdsLeaseView] => [
  of,
  { node: of, pod, report: report(more) },
]
const namespace = (name: string, value: string, annotations: Record<string, string> = {}) => ({
  name,
  labels: { 'sekisho.dev/protected': value },
  annotations,
})
const input = (more: Partial<TableInput> = {}): TableInput => ({
  nodes: [node('a')],
  idsPods: [idsPod('a')],
  daemonSet: daemonSet(),
  replaced: new Map(),
  leases: new Map([lease('a')]),
  namespaces: [],
  settings,
  now: NOW,
  ...more,
})

t.test('coverageTable gives each node its state, and what the agent of its very Pod says', (t) => {
  const notReady = { ready: false, notReadyReason: 'probe' }
  const failing = { ready: false, check: 'CanaryLost', detail: 'no alert for 72 s (limit 65 s)' } as const
  const { nodes } = coverageTable(
    input({
      nodes: [
        node('a'),
        node('b', { unschedulable: true }),
        node('c', { taints: [{ key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule' }] }),
        node('d'),
      ],
      idsPods: [
        idsPod('a', { name: 'old', terminating: true }),
        idsPod('a'),
        idsPod('b', notReady),
        idsPod('c', notReady),
        idsPod('d', { ownerUid: 'another' }),
      ],
      leases: new Map([lease('a'), lease('b', failing), lease('c', failing, 'a-pod-before'), lease('d')]),
    }),
  )
  t.match(nodes, [
    {
      node: 'a',
      state: 'covered',
      pod: 'sekisho-ids-a',
      reason: '',
      check: '',
      report: { rules: 30_000, set: 'abc', ageHours: 2, packets: 1000, drops: 100, version: '1.0.0' },
      cordoned: false,
    },
    { node: 'b', state: 'blind', reason: 'IdsNotReady', check: 'CanaryLost', detail: failing.detail, cordoned: true },
    { node: 'c', state: 'gated', check: '', report: undefined },
    { node: 'd', state: 'blind', reason: 'IdsNoPod', pod: '', report: undefined },
  ])
  t.end()
})

t.test('coverageTable calls a node not meant only while no namespace that counts can reach it', (t) => {
  const windows = node('w', { operatingSystem: 'windows' })
  const linux = node('a', { labels: { pool: 'web' } })
  const held = namespace('shop', 'true', { 'sekisho.dev/node-selector': 'pool=web' })
  const of = (...namespaces: TableInput['namespaces']) =>
    coverageTable(input({ nodes: [linux, windows], namespaces })).nodes.map(({ state }) => state)
  t.same(of(), ['covered', 'not meant'])
  t.same(of(held), ['covered', 'not meant'])
  t.same(of(held, namespace('pay', 'audit')), ['covered', 'blind'])
  t.end()
})

t.test('coverageTable counts the reach of each namespace, with why it is not covered and what waives that', (t) => {
  const until = new Date(NOW + 3_600_000).toISOString().replace('.000', '')
  const over = JSON.stringify({ why: 'moving', until })
  const { namespaces } = coverageTable(
    input({
      nodes: [node('a', { labels: { pool: 'web' } }), node('b')],
      namespaces: [
        namespace('shop', 'true', { 'sekisho.dev/node-selector': 'pool=web' }),
        namespace('pay', 'audit', { 'sekisho.dev/allow-uncovered': over }),
        namespace('glass', 'true', { 'sekisho.dev/allow-uncovered': over, 'sekisho.dev/break-glass': over }),
        namespace('late', 'true', { 'sekisho.dev/allow-uncovered': over.replace('2026', '2025') }),
      ],
    }),
  )
  const uncovered = { isCovered: false, reach: 2, covered: 1, blind: 1, why: /^node b: no Pod of the IDS/ }
  t.match(namespaces, [
    {
      namespace: 'glass',
      protection: 'true',
      ...uncovered,
      override: { key: 'sekisho.dev/break-glass', until: NOW + 3_600_000, why: 'moving' },
    },
    { namespace: 'late', ...uncovered, override: undefined },
    { namespace: 'pay', protection: 'audit', ...uncovered, override: { key: 'sekisho.dev/allow-uncovered' } },
    { namespace: 'shop', isCovered: true, reach: 1, covered: 1, blind: 0, why: '' },
  ])
  t.end()
})

t.test(
  'coverageTable does not call a namespace covered while a node is only gated: what runs there is not watched',
  (t) => {
    const gated = node('b', { taints: [{ key: 'sekisho.dev/ids-not-ready', effect: 'NoSchedule' }] })
    const { namespaces } = coverageTable(input({ nodes: [node('a'), gated], namespaces: [namespace('shop', 'true')] }))
    t.match(namespaces, [
      { isCovered: false, reach: 2, covered: 1, gated: 1, blind: 0, why: /^new Pods are kept off b, /, mend: /node b/ },
    ])
    t.end()
  },
)

t.test('coverageTable tells each blind spot once, with how many nodes have it, and none of an older Pod', (t) => {
  const { blindSpots } = coverageTable(
    input({
      nodes: ['a', 'b', 'c'].map((name) => node(name)),
      idsPods: ['a', 'b', 'c'].map((name) => idsPod(name)),
      leases: new Map([
        lease('a', { blindSpots: ['no bridge', 'encrypted', 'encrypted'] }),
        lease('b', { blindSpots: ['encrypted'] }),
        lease('c', { blindSpots: ['encrypted', 'gone'] }, 'a-pod-before'),
      ]),
    }),
  )
  t.same(blindSpots, [
    { sentence: 'encrypted', nodes: 2 },
    { sentence: 'no bridge', nodes: 1 },
  ])
  t.end()
})

t.test('coverageTable judges 5,000 nodes and 1,000 namespaces alike in far less than a minute', (t) => {
  const names = Array.from({ length: 5000 }, (_, i) => `n${i}`)
  const begin = performance.now()
  const { namespaces } = coverageTable(
    input({
      nodes: names.map((name) => node(name)),
      idsPods: names.map((name) => idsPod(name)),
      namespaces: Array.from({ length: 1000 }, (_, i) => namespace(`ns${i}`, 'true')),
    }),
  )
  t.equal(namespaces.filter(({ covered }) => covered === 5000).length, 1000)
  t.ok(performance.now() - begin < 20_000)
  t.end()
})

t.test('tlsShares sums what all nodes counted by the namespaces of addresses', (t) => {
  const owners = new Map([
    ['10.0.0.1', 'shop'],
    ['10.0.0.2', 'shop'],
    ['10.0.0.3', 'pay'],
  ])
  const shares = tlsShares(
    [
      {
        v: 1,
        minutes: 60,
        flows: [
          ['10.0.0.1', 10, 5],
          ['10.0.0.9', 99, 0],
          ['10.0.0.3', 4, 4],
        ],
      },
      { v: 1, minutes: 60, flows: [['10.0.0.2', 10, 12]] },
    ],
    (address) => owners.get(address),
  )
  t.same(
    [...shares],
    [
      ['shop', { flows: 20, tls: 15 }],
      ['pay', { flows: 4, tls: 4 }],
    ],
  )
  t.end()
})

t.test('parseIdsFlows takes what agents write, and nothing else', (t) => {
  t.same(parseIdsFlows('{"v":1,"minutes":5,"flows":[["10.0.0.1",3,1],["x"],["y",-1,0],["z",1,"1"]],"new":1}'), {
    v: 1,
    minutes: 5,
    flows: [['10.0.0.1', 3, 1]],
  })
  for (const text of [
    undefined,
    '',
    'x',
    'null',
    '[]',
    '{"v":2,"minutes":5,"flows":[]}',
    '{"v":1,"minutes":5,"flows":1}',
    '{"v":1,"minutes":-1,"flows":[]}',
  ])
    t.equal(parseIdsFlows(text), undefined, text ?? 'none')
  t.end()
})
