/** What is kept: the same bytes for the same state, and a clear word when it cannot be read. */
import fc from 'fast-check'
import t from 'tap'
import { hash32 } from '../../../src/rules/rollout/hash.ts'
import { lineFor, parseOrders, printOrder, withConfigured } from '../../../src/rules/rollout/operator-orders.ts'
import { inStage, mustSealAnew, releasesOf, sharesOf } from '../../../src/rules/rollout/stage.ts'
import { EMPTY_ROLLOUT, parseRollout, printRollout, type RolloutState } from '../../../src/rules/rollout/state.ts'
import {
  emptyNamespace,
  type NamespaceState,
  nextSequence,
  parseNamespace,
  parseShard,
  printNamespace,
  STATE_SHARDS,
  shardOf,
} from '../../../src/rules/rollout/target-state.ts'
import { given, release, START, world } from './lab.ts'

const shop: NamespaceState = {
  ...emptyNamespace('shop'),
  sequence: 1_795_600_012,
  targets: [
    {
      policy: 'main',
      published: [
        {
          namespace: 'shop',
          policy: 'main',
          slot: 'current',
          address: 'a'.repeat(16),
          release: release('4.25.0'),
          sequence: 7,
          rollback: false,
          at: START,
          engines: ['3.0.16'],
        },
      ],
      orders: { namespace: 'shop', sequence: 9, mode: 'block', breakGlassUntil: 0 },
      newest: {
        revision: 'r',
        outcome: 'refused',
        reason: 'RulesRefused',
        detail: 'x',
        problems: ['a.conf:1: y'],
        at: START,
      },
    },
  ],
}

t.test(
  'printRollout() and parseRollout() give the same state and the same bytes, in whatever order the keys were',
  async (t) => {
    const one = world()
    one.offer('4.25.0', '4.24.0')
    one.settle()
    one.offer('4.25.1')
    one.settle()
    const text = printRollout(one.state)
    const read = parseRollout(text)
    t.match(read, { status: 'read' })
    t.equal(printRollout('state' in read ? read.state : EMPTY_ROLLOUT), text)
    const turned = Object.fromEntries(Object.entries(one.state).toReversed()) as unknown as RolloutState
    t.equal(printRollout(turned), text)
  },
)

t.test('parseRollout() begins empty where nothing was written', async (t) => {
  for (const text of [undefined, '', ' \n']) t.same(parseRollout(text), { status: 'none', state: EMPTY_ROLLOUT })
})

t.test(
  'parseRollout() says where a damaged state is wrong and what is lost, and leaves a newer one alone',
  async (t) => {
    const good = JSON.parse(printRollout(EMPTY_ROLLOUT)) as object
    const cases: [string, string, RegExp][] = [
      ['{"form":1', 'damaged', /^ConfigMap sekisho-rules-rollout, key state is not JSON: /],
      ['[]', 'damaged', /key state: /],
      ['null', 'damaged', /key state: /],
      [
        JSON.stringify({ ...good, current: { version: '4.25.0', sha256: 'x' } }),
        'damaged',
        /key state\/current\/sha256: must be a sha256/,
      ],
      [JSON.stringify({ ...good, sealAfter: -1 }), 'damaged', /key state\/sealAfter: /],
      [JSON.stringify({ ...good, form: 2, current: 'who knows' }), 'newer', /has form 2, this version reads up to 1$/],
    ]
    for (const [text, status, detail] of cases)
      t.match(parseRollout(text), { status, detail, lost: /^which release is current/ }, text)
    t.match(parseRollout(JSON.stringify({ ...good, later: 'a key of a newer version' })), { status: 'read' })
  },
)

t.test('parseRollout() never throws, whatever it is given', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ form: 1, ...(value as object) })),
      ),
      (text) => {
        parseRollout(text)
        parseNamespace('shop', text)
        parseOrders({ pin: text, rollback: text })
      },
    ),
  )
})

t.test('parseNamespace() reads what was printed, and takes no other namespace’s state for its own', async (t) => {
  t.same(parseNamespace('shop', printNamespace(shop)), { status: 'read', state: shop })
  t.match(parseNamespace('pay', printNamespace(shop)), {
    status: 'damaged',
    detail: /key pay: it is of namespace shop$/,
    lost: /^what was published for namespace pay/,
  })
})

t.test('parseShard() loses the damaged namespace alone', async (t) => {
  const { namespaces, problems } = parseShard({ shop: printNamespace(shop), pay: '{' })
  t.same([...namespaces.keys()], ['shop'])
  t.match(problems, [{ namespace: 'pay', detail: /not JSON/ }])
  t.same(parseShard(undefined), { namespaces: new Map(), problems: [] })
})

t.test('parseOrders() takes orders by their keys, and names those it cannot read', async (t) => {
  const pin = { version: '4.25.0', ...given() }
  t.same(parseOrders({ pin: printOrder(pin), other: 'x' }), { orders: { pin }, problems: [] })
  const { orders, problems } = parseOrders({ pin: '4.25.0', freeze: printOrder({ until: START, ...given() }) })
  t.match(orders, { unreadable: ['pin'], freeze: { until: START } })
  t.match(problems, [
    { kind: 'pin', detail: /^ConfigMap sekisho-rules-orders, key pin/, lost: /the one that is current stays/ },
  ])
  t.match(parseOrders({ pin: printOrder({ ...pin, version: '../x' }) }).orders, { unreadable: ['pin'] })
})

t.test(
  'withConfigured() and lineFor(): a version in the configuration is a pin, an operator’s comes before it',
  async (t) => {
    t.match(withConfigured({}, '4.22.0'), { pin: { version: '4.22.0', by: 'the configuration' } })
    t.same(withConfigured({}, 'lts'), {})
    const pin = { version: '4.25.1', ...given() }
    t.equal(withConfigured({ pin }, '4.22.0').pin?.version, '4.25.1')
    t.equal(lineFor({ pin }, 'lts'), '4.25.1')
    t.equal(lineFor({}, 'lts'), 'lts')
    t.equal(
      withConfigured({}, '4.22.0').pin?.id,
      withConfigured({}, '4.22.0').pin?.id,
      'one order, not a new one each time',
    )
  },
)

t.test('nextSequence() rises, and never falls below the seconds since 1970', async (t) => {
  t.equal(nextSequence(0, 1_795_600_012_999), 1_795_600_012)
  t.equal(nextSequence(1_795_600_012, 1_795_600_012_999), 1_795_600_013)
  t.equal(nextSequence(1_795_600_099, 0), 1_795_600_100)
})

t.test('hash32() is FNV-1a with a finisher: the same for ever, and even', async (t) => {
  t.same(['', 'a', 'shop'].map(hash32), [2_872_998_923, 444_641_715, 24_760_265])
  const buckets = new Array<number>(16).fill(0)
  for (let i = 0; i < 16_000; i++)
    buckets[hash32(`0b1f5c1e-93ab-4c0a-8f1d-${i.toString(16).padStart(12, '0')}`) % 16]!++
  const chi = buckets.reduce((all, one) => all + (one - 1000) ** 2 / 1000, 0)
  t.ok(chi < 50, `χ² of 15 degrees of freedom is ${chi}`)
  t.equal(new Set(Array.from({ length: 500 }, (_, i) => shardOf(`namespace-${i}`))).size, STATE_SHARDS)
})

t.test('inStage() holds its share, grows without losing a Pod, and takes other Pods for another release', async (t) => {
  const uids = Array.from({ length: 20_000 }, (_, i) => `7c0e1c52-2f3a-4d6b-9f00-${i.toString(16).padStart(12, '0')}`)
  const at = (version: string, share: number) => new Set(uids.filter((uid) => inStage(uid, release(version), share)))
  for (const share of [5, 25, 50]) {
    const part = (at('4.25.1', share).size / uids.length) * 100
    // Five standard deviations of chance.
    t.ok(
      Math.abs(part - share) < (500 * Math.sqrt((share / 100) * (1 - share / 100))) / Math.sqrt(uids.length),
      `${share}: ${part}`,
    )
  }
  t.equal(at('4.25.1', 100).size, uids.length)
  t.equal(at('4.25.1', 0).size, 0)
  const [few, more, other] = [at('4.25.1', 5), at('4.25.1', 25), at('4.25.2', 5)]
  t.ok([...few].every((uid) => more.has(uid)))
  t.ok([...few].filter((uid) => other.has(uid)).length < few.size / 4, 'the same Pods are not always the first')
})

t.test('sharesOf() puts the canary namespaces before the stages', async (t) => {
  t.same(sharesOf({ canaryNamespaces: [], stages: [5, 100] }), [5, 100])
  t.same(sharesOf({ canaryNamespaces: ['lab'], stages: [5, 100] }), [0, 5, 100])
})

t.test(
  'releasesOf() and mustSealAnew(): a namespace that was set aside stays, and what it ran before is sealed anew',
  async (t) => {
    const one = world()
    one.offer('4.25.0')
    one.settle()
    one.offer('4.25.1')
    one.settle()
    t.same(releasesOf('shop', one.state), { current: release('4.25.0'), next: release('4.25.1') })
    t.equal(mustSealAnew({ namespace: 'shop', slot: 'next', at: one.now - 1 }, one.state), true, 'of an earlier try')
    t.equal(mustSealAnew({ namespace: 'shop', slot: 'next', at: one.now }, one.state), false)
    one.behave = (pod, { version }) => (pod.namespace === 'shop' && version === '4.25.1' ? 'failed' : 'active')
    one.step(1)
    t.same(releasesOf('shop', one.state), { current: release('4.25.0') })
    t.same(releasesOf('pay', one.state), { current: release('4.25.0'), next: release('4.25.1') })
    t.equal(mustSealAnew({ namespace: 'shop', slot: 'current', at: START }, one.state), true)
    t.equal(mustSealAnew({ namespace: 'pay', slot: 'current', at: START }, one.state), false)
    t.equal(releasesOf('shop', EMPTY_ROLLOUT), undefined)
  },
)
