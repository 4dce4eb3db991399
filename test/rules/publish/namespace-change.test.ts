/** What the leader changes in the state of a namespace, without a cluster. */
import fc from 'fast-check'
import t from 'tap'
import {
  type Publication,
  withEngine,
  withNewest,
  withOrders,
  withPublished,
  withSlots,
} from '../../../src/rules/publish/namespace-change.ts'
import { emptyNamespace, MOST_SEALS, type NamespaceState } from '../../../src/rules/rollout/target-state.ts'

type Wanted = { readonly mode: 'own' | 'block' | 'detect'; readonly breakGlassUntil: number }
const NOW = 1_795_000_000_000
const SECONDS = NOW / 1000
const ref = (version: string) => ({ version, sha256: version.padEnd(64, '0').replaceAll('.', 'a') })
const [R1, R2] = [ref('4.22.0'), ref('4.25.0')]
const publication = (more: Partial<Publication> = {}): Publication => ({
  policy: 'web',
  slot: 'current',
  address: 'a'.repeat(64),
  release: R1,
  engines: ['3.0.16'],
  rollback: false,
  trust: 'k1',
  generation: (sequence) => `crs-4.22.0-${sequence}`,
  ...more,
})
const empty = emptyNamespace('shop')
const own: Wanted = { mode: 'own', breakGlassUntil: 0 }
const block: Wanted = { mode: 'block', breakGlassUntil: 0 }

t.test('withOrders() gives all targets of a namespace one new sequence when one of them changes', (t) => {
  const first = withOrders(
    empty,
    new Map([
      ['web', own],
      ['', own],
    ]),
    NOW,
  )!
  t.same(
    first.targets.map(({ policy, orders }) => [policy, orders?.sequence, orders?.mode]),
    [
      ['web', SECONDS, 'own'],
      ['', SECONDS, 'own'],
    ],
  )
  t.equal(
    withOrders(
      first,
      new Map([
        ['web', own],
        ['', own],
      ]),
      NOW + 5000,
    ),
    undefined,
    'nothing changed',
  )
  const second = withOrders(
    first,
    new Map([
      ['web', block],
      ['', own],
    ]),
    NOW,
  )!
  t.same(
    second.targets.map(({ orders }) => [orders?.sequence, orders?.mode]),
    [
      [SECONDS + 1, 'block'],
      [SECONDS + 1, 'own'],
    ],
    'also within one second',
  )
  const third = withOrders(second, new Map([['web', block]]), NOW)!
  t.same(
    third.targets.map(({ policy }) => policy),
    ['web'],
    'a policy that is gone',
  )
  t.equal(third.sequence, second.sequence, 'those who stay need no new orders')
  t.end()
})

t.test('withPublished() keeps the release that is current beside the one that is rolled out', (t) => {
  const one = withPublished(empty, publication(), NOW)
  const both = withPublished(one, publication({ slot: 'next', release: R2, address: 'b'.repeat(64) }), NOW)
  t.same(
    both.targets[0]!.published.map(({ slot, release, sequence }) => [slot, release.version, sequence]),
    [
      ['current', '4.22.0', SECONDS],
      ['next', '4.25.0', SECONDS + 1],
    ],
  )
  t.same(
    both.seals.map(({ sequence }) => sequence),
    [SECONDS + 1, SECONDS],
  )
  const higher = withPublished(both, publication({ above: SECONDS + 500 }), NOW)
  t.equal(higher.targets[0]!.published.find(({ slot }) => slot === 'current')?.sequence, SECONDS + 501)
  t.end()
})

t.test('withSlots() makes of next current, and lets the last good one stand until there is another', (t) => {
  const one = withPublished(empty, publication(), NOW)
  const both = withPublished(one, publication({ slot: 'next', release: R2, address: 'b'.repeat(64) }), NOW)
  t.equal(withSlots(both, 'web', { current: R1, next: R2 }), undefined)
  const finished = withSlots(both, 'web', { current: R2 })!
  t.same(
    finished.targets[0]!.published.map(({ slot, release }) => [slot, release.version]),
    [['current', '4.25.0']],
  )
  t.equal(finished.sequence, both.sequence, 'without a new sequence')
  t.equal(withSlots(one, 'web', { current: R2 }), undefined, 'R2 is not published: R1 stays')
  const back = withSlots(both, 'web', { current: R1 })!
  t.same(
    back.targets[0]!.published.map(({ release }) => release.version),
    ['4.22.0'],
  )
  t.end()
})

t.test('withEngine() and withNewest() change nothing for Pods', (t) => {
  const one = withPublished(empty, publication(), NOW)
  const tried = withEngine(one, { policy: 'web', address: 'a'.repeat(64) }, '3.0.17')!
  t.same(tried.targets[0]!.published[0]!.engines, ['3.0.16', '3.0.17'])
  t.equal(tried.sequence, one.sequence)
  t.equal(withEngine(tried, { policy: 'web', address: 'a'.repeat(64) }, '3.0.17'), undefined)
  const newest = { revision: 'r', outcome: 'refused', reason: 'X', detail: 'd', problems: [], at: NOW } as const
  const said = withNewest(one, 'web', newest)!
  t.same(said.targets[0]!.published, one.targets[0]!.published)
  t.equal(withNewest(said, 'web', { ...newest, at: NOW + 1 }), undefined, 'the time alone is no change')
  t.end()
})

t.test(
  'withPublished() keeps the seal of what is published however often others are sealed, and few of the rest',
  (t) => {
    let state = withPublished(empty, publication({ policy: 'quiet' }), NOW)
    const { sequence } = state.targets[0]!.published[0]!
    for (let i = 0; i < 3 * MOST_SEALS; i++) state = withPublished(state, publication({ policy: 'busy' }), NOW)
    t.ok(state.seals.some((seal) => seal.sequence === sequence))
    t.equal(state.seals.length, MOST_SEALS + 2)
    t.end()
  },
)

t.test('property: sequences only rise, and the seal of what is published is always there', (t) => {
  const step = fc.record({
    policy: fc.constantFrom('', 'web', 'api'),
    slot: fc.constantFrom('current' as const, 'next' as const),
    release: fc.constantFrom(R1, R2),
    address: fc.constantFrom('a', 'b', 'c'),
    seconds: fc.integer({ min: -100, max: 100 }),
    above: fc.option(fc.integer({ min: 0, max: SECONDS + 50 }), { nil: 0 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let state: NamespaceState = empty
      for (const { seconds, ...one } of steps) {
        const next = withPublished(state, publication(one), NOW + seconds * 1000)
        if (next.sequence <= state.sequence || next.sequence <= one.above) return false
        state = next
        for (const { published } of state.targets) {
          if (new Set(published.map(({ slot }) => slot)).size !== published.length) return false
          for (const { address, sequence } of published)
            if (!state.seals.some((seal) => seal.address === address && seal.sequence === sequence)) return false
        }
        if (state.seals.length > MOST_SEALS + 6) return false
      }
      return true
    }),
  )
  t.end()
})
