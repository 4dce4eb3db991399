/** Shares of blocked requests: what is told apart, and what must not be. */
import t from 'tap'
import { compareBlocked, type PodShare, twoSided } from '../../../src/rules/rollout/compare-blocked.ts'
import { tally } from '../../../src/rules/rollout/tally.ts'

const pods = (
  stage: boolean,
  counts: readonly (readonly [requests: number, blocked: number])[],
  workload = 'Deployment/web',
): PodShare[] => counts.map(([requests, blocked]) => ({ namespace: 'shop', workload, stage, requests, blocked }))

/** A generator with a seed: chance, but the same in every run. */
const chance = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
}
const binomial = (n: number, p: number, random: () => number): number => {
  let hits = 0
  for (let i = 0; i < n; i++) if (random() < p) hits++
  return hits
}

t.test('compareBlocked() tells a release that blocks good traffic, with the figures', async (t) => {
  const [change, ...more] = compareBlocked([
    ...pods(true, [
      [1000, 60],
      [1000, 70],
    ]),
    ...pods(false, [
      [2000, 20],
      [2000, 24],
    ]),
  ])
  t.same(more, [])
  t.match(change, { namespace: 'shop', workload: 'Deployment/web' })
  t.equal(
    change?.detail,
    'Deployment/web in shop: its 2 Pods of the stage block 6.5 % (130 of 2000) of their requests, the 2 others 1.1 % (44 of 4000).',
  )
})

t.test('compareBlocked() tells a release that stops blocking', async (t) => {
  t.equal(
    compareBlocked([
      ...pods(true, [[2000, 0]]),
      ...pods(false, [
        [2000, 100],
        [2000, 90],
      ]),
    ]).length,
    1,
  )
})

t.test('compareBlocked() says nothing where there is too little, or the difference is no matter', async (t) => {
  const cases: [string, PodShare[]][] = [
    ['few requests', [...pods(true, [[499, 400]]), ...pods(false, [[9000, 10]])]],
    ['few blocked', [...pods(true, [[1000, 19]]), ...pods(false, [[90_000, 0]])]],
    ['less than half a per cent', [...pods(true, [[1e6, 4900]]), ...pods(false, [[1e6, 10]])]],
    ['less than twice', [...pods(true, [[1e6, 190_000]]), ...pods(false, [[1e6, 100_000]])]],
    ['no control', pods(true, [[9000, 4000]])],
    ['nothing', []],
    ['all blocked on both sides', [...pods(true, [[1000, 1000]]), ...pods(false, [[1000, 1000]])]],
    ['another workload', [...pods(true, [[9000, 4000]], 'Deployment/a'), ...pods(false, [[9000, 10]], 'Deployment/b')]],
  ]
  for (const [name, list] of cases) t.same(compareBlocked(list), [], name)
})

t.test('compareBlocked() does not take a burst that met one Pod for the release', async (t) => {
  const quiet: [number, number][] = [
    [1000, 10],
    [1000, 12],
    [1000, 9],
    [1000, 11],
  ]
  const control: [number, number][] = [...quiet, [1000, 10], [1000, 9]]
  t.same(compareBlocked([...pods(true, [...quiet, [1000, 300]]), ...pods(false, control)]), [], 'one of five')
  t.equal(
    compareBlocked([
      ...pods(
        true,
        quiet.map(([n]) => [n, 70] as const),
      ),
      ...pods(false, control),
    ]).length,
    1,
    'all of them',
  )
})

t.test('compareBlocked() raises no alarm over chance, in 200 looks at 50 workloads', async (t) => {
  const random = chance(7)
  let alarms = 0
  for (let look = 0; look < 200; look++) {
    const list = Array.from({ length: 50 }, (_, i) =>
      [true, true, false, false, false].map((stage) => ({
        namespace: 'n',
        workload: `w${i}`,
        stage,
        requests: 300,
        blocked: binomial(300, 0.02, random),
      })),
    ).flat()
    alarms += compareBlocked(list).length
  }
  t.equal(alarms, 0)
})

t.test('twoSided() is the tail of the normal distribution', async (t) => {
  for (const [z, p] of [
    [0, 1],
    [1.959964, 0.05],
    [3.290527, 0.001],
    [4.417173, 1e-5],
  ] as const)
    t.ok(Math.abs(twoSided(z) - p) < 2e-7, `${z}: ${twoSided(z)}`)
  t.equal(twoSided(40), 0)
})

t.test('tally() counts from the first poll, over restarts of the container, and takes no nonsense', async (t) => {
  const polls = [
    [100, 5],
    [150, 6],
    [20, 1],
    [30, 1],
    [10, 4],
  ] as const
  const all = polls.reduce(
    (before, [requests, blocked]) => tally(before, { requests, blocked }),
    undefined as ReturnType<typeof tally> | undefined,
  )
  t.match(all, { requests: 50 + 20 + 10 + 10, blocked: 1 + 1 + 0 + 4 })
  for (const told of [
    { requests: -5, blocked: 3 },
    { requests: Number.NaN, blocked: 1e300 },
    { requests: 1, blocked: 900 },
  ]) {
    const { requests, blocked } = tally({ requests: 0, blocked: 0, last: { requests: 0, blocked: 0 } }, told)
    t.ok(blocked <= requests && requests >= 0, JSON.stringify(told))
  }
})
